import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { framesOf } from '../../../../src/transport/message.ts';
import { allFrames, parse, sizeOf, split } from '../../../../src/transport/zeromq/frames.ts';

const empty = Buffer.alloc(0);
const filled = fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => Buffer.from(bytes));
const anyFrame = fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes));

test('the body starts after the first empty frame, whatever comes before it and however many frames follow', () => {
  fc.assert(
    fc.property(fc.array(filled), fc.array(anyFrame, { minLength: 1 }), (address, body) => {
      const frames = [...address, empty, ...body];
      const at = split(frames);
      assert.deepEqual(frames.slice(at), body);
      assert.deepEqual(frames.slice(0, at), [...address, empty]);
    }),
  );
});

test('a message without a delimiter, or with nothing after it, has no body', () => {
  fc.assert(
    fc.property(fc.array(filled), (frames) => {
      assert.equal(split(frames), -1);
      assert.equal(split([...frames, empty]), -1);
    }),
  );
});

test('an empty routing id is not taken for the delimiter', () => {
  assert.equal(split([empty, empty, Buffer.from('body')], 1), 2);
  assert.equal(split([empty, Buffer.from('x')], 1), -1);
});

test('an envelope over 64 KiB makes a message malformed, as in our own ZMTP', () => {
  const message = (bytes: number) => parse([Buffer.alloc(bytes, 1), empty, Buffer.from('body')]);
  assert.ok(message(65_000) !== undefined);
  assert.ok(message(65_536) === undefined);
});

test('the size is that of all frames', () => {
  assert.equal(sizeOf([Buffer.alloc(3), empty, Buffer.alloc(5)]), 8);
  assert.equal(sizeOf([]), 0);
});

test('a message keeps its frames, in the form of the wire too', () => {
  fc.assert(
    fc.property(fc.array(filled), fc.array(anyFrame, { minLength: 1 }), (address, list) => {
      const { envelope, body } = parse([...address, empty, ...list]) ?? assert.fail();
      assert.deepEqual(framesOf([envelope]), [...address, empty]);
      assert.deepEqual(framesOf(body.chunks), list);
      assert.deepEqual(allFrames(envelope, body), [...address, empty, ...list]);
      assert.equal(body.bytes, sizeOf(list));
      assert.ok(body.weight >= body.bytes + 100 * (list.length - 1), 'frames take memory too');
    }),
  );
});
