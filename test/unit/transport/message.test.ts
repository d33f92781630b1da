import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Body, bodyOf, frameAt, framesOf, withoutFrame } from '../../../src/transport/message.ts';

const FRAME = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.integer({ min: 250, max: 300 }).map((length) => new Uint8Array(length).fill(length)),
);

/** The same bytes in chunks that end anywhere. */
function split(body: Body, cuts: readonly number[]): Body {
  const wire = Buffer.concat(body.chunks);
  const ends = [...cuts.map((cut) => cut % (wire.length + 1)), wire.length].sort((a, b) => a - b);
  return { ...body, chunks: ends.map((end, index) => wire.subarray(ends[index - 1] ?? 0, end)) };
}

const GIVEN = fc.record({
  frames: fc.array(FRAME, { minLength: 1, maxLength: 5 }),
  cuts: fc.array(fc.nat(), { maxLength: 6 }),
  index: fc.nat({ max: 5 }),
});

test('a frame is found wherever the chunks of its body end', () => {
  fc.assert(
    fc.property(GIVEN, ({ frames, cuts, index }) => {
      const found = frameAt(split(bodyOf(frames), cuts), index, 1_000);
      const frame = frames[index];
      assert.deepEqual(found && [...found.content], frame && [...frame]);
      if (found !== undefined) assert.equal(found.isLast, index === frames.length - 1);
    }),
  );
});

test('a frame that is longer than asked for is not looked at', () => {
  const body = bodyOf([Buffer.alloc(300), Buffer.alloc(20)]);
  assert.equal(frameAt(body, 0, 299), undefined);
  assert.equal(frameAt(body, 0, 300)?.content.length, 300);
  assert.equal(frameAt(body, 1, 20)?.content.length, 20);
});

test('without one of its frames a body has the others, and the memory it came in is as before', () => {
  fc.assert(
    fc.property(GIVEN, ({ frames, cuts, index }) => {
      const body = split(bodyOf(frames), cuts);
      const found = frameAt(body, index, 1_000);
      if (found === undefined || frames.length === 1) return;
      const wire = Buffer.concat(body.chunks).toString('hex');
      const rest = withoutFrame(body, found);
      const left = bodyOf(frames.toSpliced(index, 1));
      assert.equal(Buffer.concat(rest.chunks).toString('hex'), Buffer.concat(left.chunks).toString('hex'));
      assert.deepEqual(framesOf(rest.chunks).length, frames.length - 1);
      assert.equal(rest.bytes, left.bytes);
      assert.ok(rest.weight >= rest.bytes);
      assert.equal(Buffer.concat(body.chunks).toString('hex'), wire);
    }),
  );
});
