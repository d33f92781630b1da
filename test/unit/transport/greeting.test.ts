import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { wordsOf } from '../../../src/transport/connection-end.ts';
import { framesOf } from '../../../src/transport/message.ts';
import { GREETING_REST, OPENING, parseGreeting, rest2 } from '../../../src/transport/zmtp/greeting.ts';
import {
  errorCommand,
  parseCommand,
  pingCommand,
  pongCommand,
  readyCommand,
} from '../../../src/transport/zmtp/metadata.ts';

const ours = Buffer.concat([OPENING, GREETING_REST]);
/** Without the header of its frame. */
const data = (frame: Buffer) => framesOf([frame])[0] ?? Buffer.alloc(0);

test('our own greeting is version 3.1, and complete only with its 64th byte', () => {
  assert.deepEqual(parseGreeting(ours), { kind: 'greeted', version: 3, minor: 1, length: 64 });
  for (let length = 0; length < 64; length++) {
    const version = length < 11 ? undefined : 3;
    assert.deepEqual(parseGreeting(ours.subarray(0, length)), { kind: 'incomplete', version });
  }
});

test('bytes after a greeting in the same chunk do not belong to it', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (rest) => {
      assert.deepEqual(parseGreeting(Buffer.concat([ours, rest])), parseGreeting(ours));
    }),
  );
});

test('a peer of version 2.0 sends its socket type after the revision', () => {
  const opening = Buffer.concat([OPENING.subarray(0, 10), Buffer.from([1])]);
  assert.deepEqual(parseGreeting(opening), { kind: 'incomplete', version: 2 });
  assert.deepEqual(parseGreeting(Buffer.concat([opening, rest2('REP')])), {
    kind: 'greeted',
    version: 2,
    socketType: 'REP',
    length: 12,
  });
});

const refusals: Record<string, [Buffer, RegExp]> = {
  'an anonymous peer of 1.0': [Buffer.from([1, 0]), /ZMTP 1\.0/],
  'a peer of 1.0 that shows a signature': [
    Buffer.concat([OPENING.subarray(0, 10), Buffer.from([0])]),
    /ZMTP 1\.0/,
  ],
  HTTP: [Buffer.from('HTTP/1.1 400 Bad Request\r\n'), /not ZeroMQ: it speaks HTTP/],
  TLS: [Buffer.from([0x16, 3, 1, 0, 5]), /not ZeroMQ: it speaks TLS/],
  'a socket type that there is not': [
    Buffer.concat([OPENING.subarray(0, 10), Buffer.from([1, 99])]),
    /not ZeroMQ/,
  ],
  CURVE: [
    Buffer.concat([OPENING, Buffer.from([1]), Buffer.from('CURVE'.padEnd(52, '\0'))]),
    /security mechanism: the peer uses CURVE/,
  ],
};
for (const [what, [bytes, why]] of Object.entries(refusals))
  test(`${what} is refused, with its name`, () => {
    const greeting = parseGreeting(bytes);
    assert.equal(greeting.kind, 'refused');
    assert.match(greeting.kind === 'refused' ? wordsOf(greeting.end) : '', why);
  });

test('any bytes are a greeting, the start of one, or refused, however they are split', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), fc.boolean(), (tail, isSigned) => {
      const bytes = Buffer.concat([isSigned ? OPENING : Buffer.alloc(0), tail]);
      const whole = parseGreeting(bytes);
      for (let length = 0; length < bytes.length; length++) {
        const part = parseGreeting(bytes.subarray(0, length));
        if (part.kind === 'greeted') assert.deepEqual(part, whole);
        if (part.kind === 'refused') assert.equal(whole.kind, 'refused');
      }
    }),
  );
});

test('READY contains the socket type, and its name is case-insensitive', () => {
  assert.deepEqual(parseCommand(data(readyCommand('REP'))), { kind: 'ready', socketType: 'REP' });
  const shouted = Buffer.from(
    '\x05READY\x0bSOCKET-TYPE\0\0\0\x03REQ\x08identity\0\0\0\x02me\x03X-y\0\0\0\0',
    'latin1',
  );
  assert.deepEqual(parseCommand(shouted), { kind: 'ready', socketType: 'REQ' });
});

test('ERROR, PING and PONG are parsed as they were written', () => {
  assert.deepEqual(parseCommand(data(errorCommand('no'))), { kind: 'error', reason: 'no' });
  assert.deepEqual(parseCommand(data(pingCommand(4_000))), {
    kind: 'ping',
    context: Buffer.alloc(0),
    ttlMs: 4_000,
  });
  assert.deepEqual(parseCommand(data(pongCommand(Buffer.from('context')))), { kind: 'pong' });
});

test('a truncated command is broken, an unknown one has its name, and none throws', () => {
  const whole = data(readyCommand('REP'));
  for (let length = 0; length < whole.length; length++) {
    const { kind } = parseCommand(whole.subarray(0, length));
    assert.ok(kind === 'broken' || kind === 'ready', `${length}: ${kind}`);
  }
  assert.deepEqual(parseCommand(Buffer.from('\x04HINT')), { kind: 'unknown', name: 'HINT' });
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void parseCommand(Buffer.from(bytes))));
});

test('the greetings are those of the RFCs, byte for byte', () => {
  const signature = 'ff00000000000000017f';
  const mechanism = Buffer.from('NULL').toString('hex').padEnd(40, '0');
  assert.equal(OPENING.toString('hex'), `${signature}03`);
  assert.equal(ours.toString('hex'), `${signature}0301${mechanism}${'00'.repeat(32)}`);
  assert.equal(rest2('REP').toString('hex'), '040000');
});

test('what stands after the mechanism is ignored', () => {
  const asServer = Buffer.from(ours).fill(1, 32);
  assert.deepEqual(parseGreeting(asServer), { kind: 'greeted', version: 3, minor: 1, length: 64 });
});

/** Why a peer that begins like this is refused. */
function whyRefused(...bytes: readonly (number | string)[]): string | undefined {
  const all = bytes.map((one) => (typeof one === 'string' ? Buffer.from(one) : Buffer.from([one])));
  const greeting = parseGreeting(Buffer.concat(all));
  return greeting.kind === 'refused' ? wordsOf(greeting.end) : undefined;
}

test('only what begins with 1 and 0, or has an even tenth byte, is taken for ZMTP 1.0', () => {
  assert.equal(whyRefused(1), undefined, 'it may be');
  assert.match(whyRefused(1, 0) ?? '', /1\.0/);
  for (const strange of [[1, 5], [5, 0], [2]]) assert.match(whyRefused(...strange) ?? '', /begins with/);
  const long = [0xff, 0, 0, 0, 0, 0, 0, 1, 0];
  assert.match(whyRefused(...long, 0) ?? '', /1\.0/);
  assert.equal(whyRefused(...long, 1), undefined);
  assert.equal(whyRefused(...long, 1, 3), undefined);
});

test('a peer with another mechanism is told what is possible here', () => {
  const wants = (mechanism: string) => whyRefused(...OPENING, 1, mechanism.padEnd(52, '\0'));
  assert.match(wants('CURVE') ?? '', /the peer uses CURVE, and no curve is configured here$/);
  assert.match(wants('PLAIN') ?? '', /the peer uses PLAIN, and only CURVE and NULL are possible here$/);
});

test('TLS is told by the first bytes of its records, anything else is shown', () => {
  for (const record of [0x15, 0x16]) assert.match(whyRefused(record, 3, 1) ?? '', /speaks TLS/);
  for (const other of [
    [0x16, 4],
    [0x14, 3],
    [3, 0x16],
    [0x20, 0x15],
  ])
    assert.match(whyRefused(...other) ?? '', /begins with/);
  assert.match(whyRefused('abcdefghijklmnopqrstuvwxyz') ?? '', /begins with "abcdefghijklmnopqrstuvwx"$/);
});

const parsed = (text: string) => parseCommand(Buffer.from(text, 'latin1'));

test('the longest reason and the longest time fit in their fields', () => {
  assert.deepEqual(parseCommand(data(errorCommand('x'.repeat(300)))), {
    kind: 'error',
    reason: 'x'.repeat(255),
  });
  const ttlMs = (ms: number) => {
    const command = parseCommand(data(pingCommand(ms)));
    return command.kind === 'ping' ? command.ttlMs : undefined;
  };
  assert.deepEqual([ttlMs(1e9), ttlMs(1_099)], [6_553_500, 1_000]);
});

test('what a command has too much is not taken for a part of it', () => {
  assert.deepEqual(parsed('\x05ERROR\x02no more'), { kind: 'error', reason: 'no' });
  assert.deepEqual(parsed('\x05ERROR'), { kind: 'error', reason: '' });
  assert.deepEqual(parsed('\x04HINT more'), { kind: 'unknown', name: 'HINT' });
});

test('sixteen bytes of the context of a PING are sent back, and one without a time is broken', () => {
  const context = Buffer.from('0123456789abcdef');
  assert.deepEqual(parsed('\x04PING\0\x010123456789abcdefgh'), { kind: 'ping', context, ttlMs: 100 });
  assert.deepEqual(parsed('\x04PING\0'), { kind: 'broken' });
});

test('a READY that ends within a property is broken, one that has fewer properties is not', () => {
  const whole = data(readyCommand('REP'));
  const ready = Array.from({ length: whole.length + 1 }, (_, length) => length).filter(
    (length) => parseCommand(whole.subarray(0, length)).kind === 'ready',
  );
  const identity = 1 + 'Identity'.length + 4;
  assert.deepEqual(ready, ['\x05READY'.length, whole.length - identity, whole.length]);
  const none = { kind: 'ready', socketType: undefined };
  assert.deepEqual(parsed('\x05READY'), none);
  assert.deepEqual(parsed('\x05READY\x01X\0\0\0\0'), none);
  assert.deepEqual(parsed('\x05READY\0\0\0\0\0'), { kind: 'broken' });
});

test('of a socket type no more than 255 characters are shown', () => {
  const ready = parsed(`\x05READY\x0bSocket-Type\0\0\x01\x2c${'x'.repeat(300)}`);
  assert.equal(ready.kind === 'ready' && ready.socketType, 'x'.repeat(255));
});
