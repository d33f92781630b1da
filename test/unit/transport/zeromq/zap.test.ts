import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isKey, z85 } from '../../../../src/transport/z85.ts';
import { decide } from '../../../../src/transport/zeromq/zap.ts';

/** The example of RFC 32. */
const BYTES = Buffer.from('864fd26fb559f75b', 'hex');
const KEY = Buffer.from('8e0bdd697628b91d8f245587ee95c5b04d48963f79259877b49cd9063aead3b7', 'hex');

function ask(frames: readonly (string | Buffer)[]) {
  const refused: (string | undefined)[] = [];
  const door = { allowed: new Set([z85(KEY)]), refused: (key: string | undefined) => refused.push(key) };
  const answer = decide(
    frames.map((frame) => Buffer.from(frame)),
    new Map([['0', door]]),
  );
  return { status: String(answer[2]), frames: answer.length, id: String(answer[1]), refused };
}

test('Z85 encodes the example of RFC 32', () => {
  assert.equal(z85(BYTES), 'HelloWorld');
});

test('a text is a key only if it encodes 32 bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => isKey(z85(Buffer.from(bytes)))),
  );
  const largest = z85(Buffer.alloc(32, 0xff));
  assert.equal(isKey(largest), true);
  for (const text of ['', largest.slice(1), `${largest}0`, '#'.repeat(40), `"${largest.slice(1)}`])
    assert.equal(isKey(text), false, text);
});

test('an allowed key is admitted; any other is refused and reported', () => {
  const request = (key: Buffer) => ['1.0', '7', '0', '127.0.0.1', 'identity', 'CURVE', key];
  assert.deepEqual(ask(request(KEY)), { status: '200', frames: 6, id: '7', refused: [] });
  const other = Buffer.alloc(32);
  assert.deepEqual(ask(request(other)), { status: '400', frames: 6, id: '7', refused: [z85(other)] });
});

test('any other request is denied', () => {
  for (const frames of [
    [],
    ['1.0'],
    ['2.0', '7', '0', 'address', '', 'CURVE', KEY],
    ['1.0', '7', 'another domain', 'address', '', 'CURVE', KEY],
    ['1.0', '7', '0', 'address', '', 'PLAIN', 'user', 'password'],
    ['1.0', '7', '0', 'address', '', 'NULL'],
    ['1.0', '7', '0', 'address', '', 'CURVE', KEY.subarray(1)],
  ])
    assert.equal(ask(frames).status, '400');
  const frame = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
  fc.assert(fc.property(fc.array(frame, { maxLength: 9 }), (frames) => ask(frames).status === '400'));
});
