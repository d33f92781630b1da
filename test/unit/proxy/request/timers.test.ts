import assert from 'node:assert/strict';
import { mock, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { type Timed, Timers, UNSET } from '../../../../src/proxy/request/timers.ts';
import { VirtualClock } from '../virtual-clock.ts';

class Item implements Timed {
  readonly name: string;
  bucket = UNSET;
  tick = 0;
  earlier: this | undefined;
  later: this | undefined;

  constructor(name: string) {
    this.name = name;
  }
}

/** Timers on a clock that the test moves, and what they have told: which item, and when. */
function start(t: Pick<TestContext, 'mock'>, due: (item: Item) => void = () => undefined) {
  const clock = new VirtualClock(t.mock);
  const startMs = clock.nowMs;
  const told: { name: string; afterMs: number }[] = [];
  const timers = new Timers<Item>((item, atMs) => {
    assert.equal(item.bucket, UNSET, 'it is told as one that has no time any more');
    assert.ok(atMs <= clock.nowMs, 'the time that is told has come');
    told.push({ name: item.name, afterMs: atMs - startMs });
    due(item);
  });
  return {
    clock,
    timers,
    told,
    names: () => told.map(({ name }) => name),
    /** Sets the time for an item so many milliseconds after the start. */
    set: (item: Item, dueMs: number) => timers.set(item, startMs + dueMs, clock.nowMs),
    pass: (ms: number) => clock.pass(ms),
    stall: (ms: number) => clock.stall(ms),
  };
}

test('an item is told not before its time, and a tick after it at most', (t) => {
  const { set, pass, told } = start(t);
  for (const dueMs of [1, 1.5, 2, 7.9, 100, 999.99, 1_023, 1_024, 1_025, 5_000])
    set(new Item(`${dueMs}`), dueMs);
  pass(6_000);
  assert.equal(told.length, 10);
  for (const { name, afterMs } of told) {
    const lateMs = afterMs - Number(name);
    // The timer of the event loop is up to a millisecond late itself on a clock that moves in steps of one.
    assert.ok(lateMs >= 0 && lateMs <= 2, `${name} was told ${lateMs} ms late`);
  }
});

test('an item whose time is set again is told at the new one only, whether that is later or earlier', (t) => {
  const { set, pass, told, names } = start(t);
  const [later, earlier] = [new Item('later'), new Item('earlier')];
  set(later, 10);
  set(earlier, 1_000);
  set(later, 500);
  set(earlier, 20);
  pass(400);
  assert.deepEqual(names(), ['earlier']);
  pass(700);
  assert.deepEqual(names(), ['earlier', 'later']);
  assert.ok((told[1]?.afterMs ?? 0) >= 500);
});

test('an item whose time was cleared is not told, and may be set again', (t) => {
  const { timers, set, pass, names } = start(t);
  const [one, other] = [new Item('one'), new Item('other')];
  timers.clear(one);
  set(one, 10);
  set(other, 10);
  timers.clear(one);
  timers.clear(one);
  pass(100);
  assert.deepEqual(names(), ['other']);
  set(one, 200);
  pass(200);
  assert.deepEqual(names(), ['other', 'one']);
});

test('an item that an earlier one of the same pass has cleared is not told; one that it has moved is told then', (t) => {
  const [first, cleared, moved] = [new Item('first'), new Item('cleared'), new Item('moved')];
  const { timers, set, pass, stall, names } = start(t, (item) => {
    if (item !== first) return;
    timers.clear(cleared);
    set(moved, 300);
  });
  set(first, 10);
  set(cleared, 11);
  set(moved, 12);
  stall(50);
  pass(10);
  assert.deepEqual(names(), ['first']);
  pass(300);
  assert.deepEqual(names(), ['first', 'moved']);
});

test('an item may set its own time again while it is told', (t) => {
  const one = new Item('one');
  let count = 0;
  const { set, pass, told } = start(t, (item) => {
    if (++count < 3) set(item, count * 100);
  });
  set(one, 10);
  pass(1_000);
  assert.deepEqual(
    told.map(({ afterMs }) => Math.floor(afterMs / 100)),
    [0, 1, 2],
  );
});

test('items that are due after more laps of the wheel than one are told at their time', (t) => {
  const { set, pass, told, names } = start(t);
  const laps = [3, 1_024 + 3, 2 * 1_024 + 3, 10 * 1_024 + 3];
  for (const dueMs of laps.toReversed()) set(new Item(`${dueMs}`), dueMs);
  pass(10 * 1_024 + 10);
  assert.deepEqual(names(), laps.map(String));
  for (const { name, afterMs } of told) assert.ok(afterMs >= Number(name) && afterMs <= Number(name) + 2);
});

test('after a stall, all that were due are told once and in the order of their times', (t) => {
  for (const stallMs of [500, 5_000]) {
    const { set, stall, pass, names } = start(t);
    const due = [40, 1_500, 3, 1_027, 300, 41, 2_051];
    for (const dueMs of due) set(new Item(`${dueMs}`), dueMs);
    stall(stallMs);
    pass(2);
    const expected = due.filter((dueMs) => dueMs <= stallMs).toSorted((one, other) => one - other);
    assert.deepEqual(names(), expected.map(String));
    pass(3_000);
    assert.equal(names().length, due.length);
    t.mock.restoreAll();
  }
});

test('a time in the past is told at the next tick, and not from within `set`', (t) => {
  const { set, stall, pass, names } = start(t);
  stall(50);
  set(new Item('past'), 10);
  assert.deepEqual(names(), []);
  pass(2);
  assert.deepEqual(names(), ['past']);
});

test('a time in the past is told although another item is waiting for a much later one', (t) => {
  const { set, stall, pass, names } = start(t);
  set(new Item('later'), 900);
  stall(50);
  set(new Item('past'), 10);
  pass(3);
  assert.deepEqual(names(), ['past']);
});

test('input that came during a stall is read before anything is told as due', (t) => {
  const { clock, timers, set, stall, names } = start(t);
  const [answered, silent, after] = [new Item('answered'), new Item('silent'), new Item('after')];
  for (const item of [answered, silent]) set(item, 10);
  set(after, 70);
  stall(50);
  clock.turn(() => {
    assert.deepEqual(names(), []);
    timers.clear(answered);
    // To read it takes time too, in which more becomes due.
    stall(50);
  });
  assert.deepEqual(names(), ['silent'], 'input that came meanwhile may be for the third one');
  clock.pass(2);
  assert.deepEqual(names(), ['silent', 'after']);
});

test('an item that is set while input is read, for a time that is past, is told too', (t) => {
  const { clock, set, stall, names } = start(t);
  set(new Item('first'), 10);
  stall(100);
  clock.turn(() => set(new Item('past'), 7));
  clock.pass(2);
  assert.deepEqual(names().toSorted(), ['first', 'past']);
});

test('there is one timeout for any number of items, and none when all were told', (t) => {
  const { clock, set, pass, told } = start(t);
  for (let dueMs = 1_000; dueMs > 0; dueMs -= 7) set(new Item(`${dueMs}`), dueMs);
  assert.equal(clock.timeouts, 1);
  pass(500);
  assert.equal(clock.timeouts, 1);
  pass(1_000);
  assert.equal(told.length, 143);
  assert.equal(clock.timeouts, 0);
});

test('whatever is set, moved and cleared, each item is told once, at its last time, and in order', () => {
  const step = fc.record({
    who: fc.nat(5),
    dueMs: fc.oneof(fc.integer({ min: -50, max: 100 }), fc.integer({ min: 900, max: 3_000 })),
    isCleared: fc.boolean(),
    passMs: fc.nat(60),
    stallMs: fc.oneof(fc.constant(0), fc.constant(0), fc.nat(1_500)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const virtual = new VirtualClock(mock);
      try {
        const items = Array.from({ length: 6 }, (_, index) => new Item(`${index}`));
        const expected = new Map<Item, number>();
        const timers = new Timers<Item>((item, atMs) => {
          const dueMs = expected.get(item);
          assert.ok(dueMs !== undefined, 'it is told once, and only if it is set');
          expected.delete(item);
          assert.ok(atMs >= dueMs, `told ${dueMs - atMs} ms early`);
          for (const [, otherMs] of expected)
            assert.ok(Math.ceil(otherMs) >= Math.min(Math.ceil(dueMs), Math.floor(atMs)), 'in order');
        });
        for (const { who, dueMs, isCleared, passMs, stallMs } of steps) {
          const item = items[who];
          assert.ok(item);
          if (isCleared) {
            timers.clear(item);
            expected.delete(item);
          } else {
            const nowMs = performance.now();
            // What is past counts as due now.
            expected.set(item, Math.max(nowMs + dueMs, nowMs));
            timers.set(item, nowMs + dueMs, nowMs);
          }
          virtual.stall(stallMs);
          virtual.pass(passMs);
          for (const [, ms] of expected)
            assert.ok(passMs < 4 || ms > performance.now() - 4, 'none is forgotten');
        }
        virtual.pass(4_000);
        assert.equal(expected.size, 0);
      } finally {
        mock.restoreAll();
      }
    }),
    { numRuns: 60 },
  );
});
