import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import {
  type Body,
  bodyOf,
  COMMAND,
  DELIMITER,
  ENVELOPE_BYTES_MOST,
  envelopeOf,
  frameHeader,
  framesOf,
  LONG,
  MORE,
} from '../../../src/transport/message.ts';
import { Reader } from '../../../src/transport/zmtp/reader.ts';
import { WireSlice } from '../../../src/transport/zmtp/wire-slice.ts';

const MESSAGE_BYTES = 2 ** 20;
/** Limits of the reader that are the same for all. */
const FRAMES_MOST = 65_536;
const COMMAND_BYTES_MOST = 65_536;

type Told =
  | { kind: 'message'; address: string[]; frames: string[]; bytes: number }
  | { kind: 'malformed' }
  | { kind: 'tooLarge'; address: string[]; bytes: number }
  | { kind: 'command'; text: string }
  | { kind: 'broken'; why: string };

/** What a reader tells of the chunks, whether they stay in memory or are only lent. */
function read(chunks: readonly Buffer[], messageBytes = MESSAGE_BYTES): Told[] {
  const told = toldOf(chunks, messageBytes, false);
  assert.deepEqual(toldOf(chunks, messageBytes, true), told);
  return told;
}

function toldOf(chunks: readonly Buffer[], messageBytes: number, lends: boolean): Told[] {
  const told: Told[] = [];
  const addressOf = (envelope: Buffer) => framesOf([envelope]).slice(0, -1).map(String);
  const owner = {
    message: (envelope: Buffer, body: Body) => {
      if (body instanceof WireSlice) assert.equal(body.isLent, lends);
      told.push({
        kind: 'message',
        address: addressOf(envelope),
        frames: framesOf(body.chunks).map((frame) => frame.toString('latin1')),
        bytes: body.bytes,
      });
    },
    malformed: () => void told.push({ kind: 'malformed' }),
    tooLarge: (envelope: Buffer, bytes: number) =>
      void told.push({ kind: 'tooLarge', address: addressOf(envelope), bytes }),
    command: (command: Buffer) => void told.push({ kind: 'command', text: command.toString('latin1') }),
    broken: (why: string) => void told.push({ kind: 'broken', why }),
  };
  const reader = new Reader(messageBytes, owner, lends);
  const memory = Buffer.alloc(Math.max(0, ...chunks.map(({ length }) => length)));
  for (const chunk of chunks) {
    reader.push(memory.subarray(0, chunk.copy(memory)));
    memory.fill(0xff);
  }
  return told;
}

const NOTHING_ELSE = {
  malformed: () => assert.fail('malformed'),
  tooLarge: () => assert.fail('too large'),
  command: () => assert.fail('a command'),
  broken: (why: string) => assert.fail(why),
};

/** The same bytes in pieces that end at these shares of what is left. */
function cut(wire: Buffer, shares: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let rest = wire;
  for (const share of shares) {
    const at = Math.floor(rest.length * share);
    chunks.push(rest.subarray(0, at));
    rest = rest.subarray(at);
  }
  return [...chunks, rest];
}

const frame = fc
  .oneof(
    { weight: 8, arbitrary: fc.uint8Array({ maxLength: 20 }) },
    { weight: 2, arbitrary: fc.uint8Array({ minLength: 250, maxLength: 260 }) },
    { weight: 1, arbitrary: fc.nat(9_000).map((length) => new Uint8Array(length).fill(length)) },
  )
  .map((bytes) => Buffer.from(bytes));
const filled = frame.filter(({ length }) => length > 0);
const message = fc.record({
  address: fc.array(filled, { maxLength: 3 }),
  body: fc.array(frame, { minLength: 1, maxLength: 6 }),
});
const command = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

const wireOf = ({ address, body }: { address: Buffer[]; body: Buffer[] }) =>
  Buffer.concat([envelopeOf(address), ...bodyOf(body).chunks]);
const commandFrame = (data: Buffer) => Buffer.concat([frameHeader(data.length, COMMAND), data]);

test('any messages and commands, split anywhere, come out as they went in', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(message, command), { maxLength: 6 }), shares, (all, at) => {
      const wire = Buffer.concat(all.map((one) => ('body' in one ? wireOf(one) : commandFrame(one))));
      const expected = all.map((one) =>
        'body' in one
          ? {
              kind: 'message',
              address: one.address.map(String),
              frames: one.body.map((part) => part.toString('latin1')),
              bytes: one.body.reduce((sum, { length }) => sum + length, 0),
            }
          : { kind: 'command', text: one.toString('latin1') },
      );
      assert.deepEqual(read(cut(wire, at)), expected);
    }),
    { numRuns: 2_000 },
  );
});

test('one byte at a time is as good as all at once', () => {
  fc.assert(
    fc.property(message, (one) => {
      const wire = wireOf(one);
      assert.deepEqual(read(Array.from(wire, (byte) => Buffer.from([byte]))), read([wire]));
    }),
  );
});

test('a command between two frames of a message is reported, and the message is complete', () => {
  fc.assert(
    fc.property(message, fc.nat(), fc.constantFrom(0, 300), shares, (one, where, extra, at) => {
      const text = `\x04PING${'x'.repeat(extra)}`;
      const frames = [...framesOf([envelopeOf(one.address)]), ...one.body];
      const parts = frames.map((part, index) => {
        const more = index + 1 < frames.length ? 1 : 0;
        return Buffer.concat([frameHeader(part.length, more), part]);
      });
      parts.splice(1 + (where % (parts.length - 1)), 0, commandFrame(Buffer.from(text)));
      const told = read(cut(Buffer.concat(parts), at));
      assert.deepEqual(told, [{ kind: 'command', text }, ...read([wireOf(one)])]);
    }),
  );
});

test('a message over the limit is skipped, is reported with its envelope, and does not affect others', () => {
  fc.assert(
    fc.property(message, fc.nat(6), shares, (one, less, at) => {
      const bytes = one.body.reduce((sum, { length }) => sum + length, 0);
      fc.pre(bytes > less);
      const small = { address: [], body: [Buffer.alloc(0)] };
      const wire = Buffer.concat([wireOf(small), wireOf(one), wireOf(small)]);
      const [before] = read([wireOf(small)]);
      assert.deepEqual(read(cut(wire, at), bytes - 1 - less), [
        before,
        { kind: 'tooLarge', address: one.address.map(String), bytes },
        before,
      ]);
    }),
  );
});

test('more frames than are allowed are skipped, however small', () => {
  const body = Array.from({ length: FRAMES_MOST + 1 }, () => Buffer.alloc(0));
  assert.deepEqual(read([wireOf({ address: [], body })]), [{ kind: 'tooLarge', address: [], bytes: 0 }]);
  assert.equal(read([wireOf({ address: [], body: body.slice(1) })])[0]?.kind, 'message');
});

test('a message without a delimiter, with nothing after it, or with an endless envelope is dropped', () => {
  const x = Buffer.from([0, 1, 120]);
  const more = Buffer.from([1, 1, 120]);
  const good = wireOf({ address: [], body: [Buffer.from('x')] });
  for (const bad of [[x], [more, x], [Buffer.from([0, 0])], [more, Buffer.from([0, 0])]])
    assert.deepEqual(
      read([Buffer.concat([...bad, good])]).map(({ kind }) => kind),
      ['malformed', 'message'],
    );
  const endless = Buffer.concat(Array.from({ length: 30_000 }, () => more));
  assert.deepEqual(
    read([Buffer.concat([endless, x, good])]).map(({ kind }) => kind),
    ['malformed', 'message'],
  );
});

test('a message with too large an envelope is dropped, whole in a chunk or not, and whatever form its lengths have', () => {
  const body = [Buffer.from('x')];
  const longest = ENVELOPE_BYTES_MOST - frameHeader(256, 0).length - DELIMITER.length;
  const good = wireOf({ address: [Buffer.alloc(longest, 7)], body });
  const large = wireOf({ address: [Buffer.alloc(longest + 1, 7)], body });
  const frame = Buffer.from([MORE | LONG, 0, 0, 0, 0, 0, 0, 0, 1, 7]);
  const frames = Array<Buffer>(Math.ceil(ENVELOPE_BYTES_MOST / frame.length)).fill(frame);
  const many = Buffer.concat([...frames, wireOf({ address: [], body })]);
  for (const [wire, kind] of [
    [good, 'message'],
    [large, 'malformed'],
    [many, 'malformed'],
  ] as const)
    for (const chunks of [[wire], [wire.subarray(0, 9), wire.subarray(9)]])
      assert.deepEqual(
        read(chunks).map((one) => one.kind),
        [kind],
      );
});

test('a frame longer than any message, and a command over the limit, break the stream', () => {
  const huge = Buffer.from([2, 0x7f, 255, 255, 255, 255, 255, 255, 255]);
  const good = wireOf({ address: [], body: [Buffer.from('x')] });
  for (const bad of [huge, frameHeader(COMMAND_BYTES_MOST + 1, COMMAND)])
    assert.deepEqual(
      read([good, bad, good]).map(({ kind }) => kind),
      ['message', 'broken'],
    );
});

test('a frame of more than 4 GiB is not taken for a short one', () => {
  const long = Buffer.from([2, 0, 0, 0, 1, 0, 0, 0, 1, 120]);
  assert.deepEqual(read([Buffer.concat([envelopeOf([]), long, envelopeOf([]), long])]), []);
});

test('any bytes are read without an exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), shares, (bytes, at) => {
      const wire = Buffer.from(bytes);
      assert.deepEqual(read(cut(wire, at)), read([wire]));
    }),
    { numRuns: 2_000 },
  );
});

test('a message that arrives byte by byte does not take a Buffer for each byte', () => {
  const body = [Buffer.alloc(20_000, 7)];
  const chunks: number[] = [];
  const reader = new Reader(MESSAGE_BYTES, {
    ...NOTHING_ELSE,
    message: (_, { chunks: all }) => chunks.push(all.length),
  });
  for (const byte of wireOf({ address: [], body })) reader.push(Buffer.from([byte]));
  assert.deepEqual(chunks, [5]);
});

test('messages outlive the chunk that they came in, and small ones share memory', () => {
  const small = wireOf({ address: [Buffer.from('id')], body: [Buffer.from('small')] });
  const large = wireOf({ address: [Buffer.from('id')], body: [Buffer.alloc(5_000, 'large')] });
  const chunk = Buffer.concat([...Array.from({ length: 10_000 }, () => small), large, small]);
  const expected = chunk.toString();
  const came: Buffer[] = [];
  const reader = new Reader(100_000, {
    ...NOTHING_ELSE,
    message: (envelope, { chunks }) => came.push(envelope, ...chunks),
  });
  reader.push(chunk);
  chunk.fill('x');
  assert.equal(Buffer.concat(came).toString(), expected);
  const memories = [...new Set(came.map(({ buffer }) => buffer))];
  assert.ok(memories.length < 100, `${came.length} parts of messages have ${memories.length} memories`);
  const kept = memories.reduce((sum, one) => sum + one.byteLength, 0);
  assert.ok(kept < 2 * chunk.length, `${chunk.length} bytes of messages keep ${kept}`);
});

test('reserved bits of a frame are ignored and not passed on', () => {
  const wire = wireOf({ address: [Buffer.from('id')], body: [Buffer.from('x'), Buffer.from('y')] });
  const marked = Buffer.from(wire);
  marked[0] = 0xf8 | (wire[0] ?? 0);
  marked[4] = 0x88 | (wire[4] ?? 0);
  const came: Buffer[] = [];
  const reader = new Reader(MESSAGE_BYTES, {
    ...NOTHING_ELSE,
    message: (envelope, { chunks }) => came.push(envelope, ...chunks),
  });
  for (const byte of marked) reader.push(Buffer.from([byte]));
  reader.push(marked);
  assert.deepEqual(Buffer.concat(came), Buffer.concat([wire, wire]));
});

test('a reader that waits keeps no memory of the pool that Buffers share', () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  collectGarbage();
  const before = process.memoryUsage().arrayBuffers;
  const readers = Array.from({ length: 500 }, () => {
    // What others do between two connections.
    for (let bytes = 0; bytes < Buffer.poolSize; bytes += 8_192) Buffer.allocUnsafe(8_192);
    return new Reader(MESSAGE_BYTES, { ...NOTHING_ELSE, message: () => assert.fail('a message') });
  });
  collectGarbage();
  collectGarbage();
  const bytes = process.memoryUsage().arrayBuffers - before;
  assert.ok(bytes < (readers.length * Buffer.poolSize) / 8, `${readers.length} readers keep ${bytes} bytes`);
});
