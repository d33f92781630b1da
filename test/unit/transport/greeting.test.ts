import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
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
    assert.match(greeting.kind === 'refused' ? greeting.why : '', why);
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
  assert.deepEqual(parseCommand(data(readyCommand('REP'))), {
    kind: 'ready',
    socketType: 'REP',
    identity: Buffer.alloc(0),
  });
  const shouted = Buffer.from(
    '\x05READY\x0bSOCKET-TYPE\0\0\0\x03REQ\x08identity\0\0\0\x02me\x03X-y\0\0\0\0',
    'latin1',
  );
  assert.deepEqual(parseCommand(shouted), { kind: 'ready', socketType: 'REQ', identity: Buffer.from('me') });
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
