import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { excerptOf } from '../../../../src/ops/tap/excerpt.ts';
import { bodyOf } from '../../../../src/transport/message.ts';

const excerpt = (most: number, ...frames: (string | Buffer)[]) =>
  excerptOf(bodyOf(frames.map((frame) => Buffer.from(frame))), most);

test('text stays readable, frame by frame', () => {
  assert.deepEqual(excerpt(4_096, 'hello', '', 'gr\u00fc\u00df dich', '\u4f60\u597d'), [
    'hello',
    '',
    'gr\u00fc\u00df dich',
    '\u4f60\u597d',
  ]);
});

test('what cannot be read, or could do something to a terminal, is escaped', () => {
  assert.deepEqual(excerpt(100, 'a\x1b[2J\n', 'C:\\x41', Buffer.from([0, 0xff, 65]), '\u202eabc', '\u0085'), [
    'a\\x1b[2J\\x0a',
    'C:\\\\x41',
    '\\x00\\xffA',
    '\\u{202e}abc',
    '\\x85',
  ]);
});

test('it ends after so many bytes of content, but not within a character', () => {
  assert.deepEqual(excerpt(8, 'hello', 'world'), ['hello', 'wor']);
  assert.deepEqual(excerpt(5, 'hello', 'world'), ['hello']);
  assert.deepEqual(excerpt(3, 'a\u4f60'), ['a']);
  assert.deepEqual(excerpt(300, 'x'.repeat(1_000)), ['x'.repeat(300)], 'with a header of the long form');
  assert.deepEqual(excerpt(4), []);
});

test('no byte of a whole frame is left out, even if half a character ends it', () => {
  assert.deepEqual(excerpt(100, Buffer.from([0x41, 0xe2, 0x82]), 'b'), ['A\\xe2\\x82', 'b']);
  assert.deepEqual(excerpt(2, Buffer.from([0x41, 0xe2])), ['A\\xe2']);
});

test('a body of very many empty frames costs little', () => {
  const body = bodyOf(Array.from({ length: 100_000 }, () => Buffer.alloc(0)));
  let looked = 0;
  const chunks = new Proxy(body.chunks, {
    get: (target, key) => {
      looked++;
      return Reflect.get(target, key);
    },
  });
  assert.equal(excerptOf({ ...body, chunks }, 4_096).length, 32);
  assert.ok(looked < 5_000, `looked at ${looked} of ${body.chunks.length} chunks`);
});

test('it is the same wherever the chunks end', () => {
  const frames = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 });
  fc.assert(
    fc.property(frames, fc.nat(600), fc.array(fc.nat(2_000)), (parts, most, cuts) => {
      const body = bodyOf(parts);
      const wire = Buffer.concat(body.chunks);
      const ends = [...new Set([...cuts.map((cut) => cut % (wire.length + 1)), wire.length])].sort(
        (a, b) => a - b,
      );
      const chunks = ends.map((end, index) => wire.subarray(ends[index - 1] ?? 0, end));
      assert.deepEqual(excerptOf({ ...body, chunks }, most), excerptOf(body, most));
    }),
  );
});
