import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Choice, choose } from '../../../../src/proxy/upstream/balancer.ts';
import { Latency } from '../../../../src/proxy/upstream/latency.ts';

function endpoint(inFlight: number, ...latenciesMs: number[]): Choice {
  const latency = new Latency();
  for (const ms of latenciesMs) latency.observe(ms, 0);
  return { inFlight, latency };
}

/** Of one whose replies always took so long. */
const taking = (inFlight: number, ms: number) => endpoint(inFlight, ms, ms, ms, ms, ms);

/** Draws the given numbers in turn, for ever. */
function drawing(...numbers: number[]): () => number {
  let next = 0;
  return () => numbers[next++ % numbers.length] ?? 0;
}

const any = () => true;

test('of two, the lower latency x (in flight + 1) wins', () => {
  const [quick, slow] = [taking(3, 10), taking(0, 50)];
  assert.equal(choose([quick, slow], any, drawing(0, 0), 0), quick);
  assert.equal(choose([slow, quick], any, drawing(0, 0), 0), quick);
  const busy = taking(5, 10);
  assert.equal(choose([busy, slow], any, drawing(0, 0), 0), slow);
});

test('where a latency is not known yet, less in flight wins', () => {
  const [fresh, known] = [endpoint(2), taking(1, 1)];
  assert.equal(choose([fresh, known], any, drawing(0, 0), 0), known);
});

test('a process that was slow with its first reply is not left out for it', () => {
  const [cold, warm] = [endpoint(0, 200, 1, 1, 1, 1), taking(1, 1)];
  assert.equal(choose([warm, cold], any, drawing(0, 0), 0), cold);
  const colder = endpoint(0, 200);
  assert.equal(choose([warm, colder], any, drawing(0, 0), 0), colder, 'one reply tells too little');
});

test('one that did not reply in time is avoided from then on, until that is forgotten', () => {
  const [hung, good] = [endpoint(0, 1), taking(1, 1)];
  hung.latency.overdue(2_500, 0);
  assert.equal(choose([hung, good], any, drawing(0, 0), 0), good);
  assert.equal(choose([hung, good], any, drawing(0, 0), 10_001), hung);
});

test('an endpoint that has never answered is not taken for a quick one', () => {
  const latency = new Latency();
  const nowMs = 1_000_000;
  latency.overdue(2_500, nowMs);
  assert.equal(latency.fadedMs(nowMs), 2_500, 'one timeout is enough to know');
  latency.overdue(2_500, nowMs + 2_500);
  latency.atLeast(5, nowMs + 2_500);
  assert.equal(latency.fadedMs(nowMs + 2_500), 2_500);
});

test('an attempt that a deadline cut short does not make an endpoint look quicker', () => {
  const latency = new Latency();
  for (let i = 0; i < 4; i++) latency.observe(300, 0);
  latency.overdue(5, 0);
  assert.equal(latency.fadedMs(0), 300);
});

test('that a reply was not waited for says how long it takes at least, never how short', () => {
  const latency = new Latency();
  for (const ms of [50, 40, 60, 30, 20]) latency.atLeast(ms, 1_000_000);
  assert.equal(latency.fadedMs(1_000_000), 60);
  const slow = taking(0, 200).latency;
  slow.atLeast(50, 0);
  assert.equal(slow.fadedMs(0), 200);
  const cold = endpoint(0, 200, 200, 200, 200).latency;
  cold.atLeast(50, 0);
  assert.equal(cold.fadedMs(0), 200);
});

test('the first reply tells more than all that was not waited for', () => {
  const latency = new Latency();
  latency.atLeast(50, 0);
  for (const ms of [80, 90, 90, 90]) latency.observe(ms, 0);
  assert.equal(latency.fadedMs(0), 80);
});

test('a timeout is no reply time', () => {
  const latency = new Latency();
  latency.overdue(2_500, 1_000_000);
  latency.atLeast(900, 1_000_000);
  assert.equal(latency.replyMs, undefined);
  latency.observe(12, 1_000_000);
  latency.overdue(2_500, 1_000_000);
  assert.equal(latency.replyMs, 12);
  assert.notEqual(latency.fadedMs(1_000_000), 12);
});

test('one that others are faster than each time is avoided, although it has never replied', () => {
  const [hung, good] = [endpoint(0), taking(1, 1)];
  for (let count = 0; count < 5; count++) hung.latency.atLeast(50 - count, 0);
  assert.equal(choose([hung, good], any, drawing(0, 0), 0), good);
});

test('one that does not fit is never chosen while another one fits, whatever chance says', () => {
  const all = [endpoint(0, 1), endpoint(0, 1), endpoint(9, 100)];
  const fits = (one: Choice) => one === all[2];
  for (let first = 0; first < 1; first += 0.1) {
    for (let second = 0; second < 1; second += 0.1) {
      assert.equal(choose(all, fits, drawing(first, second), 0), all[2]);
    }
  }
});

test('where none fits there is none', () => {
  assert.equal(
    choose([endpoint(0), endpoint(0)], () => false, Math.random, 0),
    undefined,
  );
  assert.equal(choose([], any, Math.random, 0), undefined);
});

test('the one that is the only one is chosen', () => {
  const only = endpoint(7, 1_000);
  assert.equal(choose([only], any, Math.random, 0), only);
});

test('equal endpoints share the work evenly', () => {
  const all = Array.from({ length: 5 }, () => ({ inFlight: 0, latency: new Latency(), picks: 0 }));
  for (let i = 0; i < 5_000; i++) {
    const one = choose(all, any, Math.random, 0);
    assert.ok(one);
    one.picks++;
  }
  for (const { picks } of all) assert.ok(picks > 800 && picks < 1_200, `${picks} of 5000`);
});

test('what has got no work is tried again, the slower it was the later', () => {
  const forgottenAfter = (ms: number) => {
    const { latency } = taking(0, ms);
    let nowMs = 0;
    while (latency.fadedMs(nowMs) !== undefined) nowMs += 100;
    return nowMs;
  };
  assert.deepEqual([forgottenAfter(1), forgottenAfter(100), forgottenAfter(2_500)], [1_100, 5_100, 10_100]);
  const { latency } = taking(0, 20);
  latency.observe(1, 5_000);
  assert.equal(latency.replyMs, 1, 'and then it begins anew');
});

test('a latency follows what is observed, and fades while nothing is', () => {
  const latency = new Latency();
  assert.equal(latency.fadedMs(0), undefined);
  for (let i = 0; i < 5; i++) latency.observe(100, 0);
  assert.equal(latency.replyMs, 100);
  for (let i = 0; i < 50; i++) latency.observe(10, 0);
  assert.ok((latency.replyMs ?? 0) < 11);
  assert.ok((latency.fadedMs(999) ?? 100) < (latency.replyMs ?? 0));
});

test('the reply time is the lowest of the first five, then each newer reply counts a fifth', () => {
  const latency = new Latency();
  const seen = [30, 40, 20, 40, 60, 120, 40].map((ms) => {
    latency.observe(ms, 0);
    return [latency.replyMs, latency.fadedMs(0)];
  });
  const unknown = undefined;
  assert.deepEqual(seen, [
    ...[30, 30, 20, 20].map((ms) => [ms, unknown]),
    ...[20, 40, 40].map((ms) => [ms, ms]),
  ]);
});

test('a latency falls to half in seven seconds', () => {
  const { latency } = taking(0, 2_500);
  const halfMs = latency.fadedMs(10_000 * Math.LN2) ?? 0;
  assert.ok(Math.abs(halfMs - 1_250) < 1, `${halfMs}`);
});

test('a reply after five abandoned attempts counts a fifth too', () => {
  const latency = new Latency();
  for (let i = 0; i < 5; i++) latency.atLeast(60, 0);
  latency.observe(10, 0);
  assert.equal(latency.fadedMs(0), 50);
});

test('a timeout tells all while little is known, and a fifth of it counts once more is', () => {
  const [young, old] = [endpoint(0, 30).latency, taking(0, 30).latency];
  for (const latency of [young, old]) latency.overdue(130, 0);
  assert.deepEqual([young.fadedMs(0), old.fadedMs(0)], [130, 50]);
});

test('an abandoned attempt raises a latency that is known, by a fifth', () => {
  const { latency } = taking(0, 30);
  latency.atLeast(130, 0);
  assert.equal(latency.fadedMs(0), 50);
});

test('an abandoned attempt does not raise the only reply that there was', () => {
  const { latency } = endpoint(0, 200);
  for (let i = 0; i < 4; i++) latency.atLeast(500, 0);
  assert.equal(latency.fadedMs(0), 200);
});

test('an abandoned attempt that took less than the latency does not refresh it', () => {
  const { latency } = taking(0, 200);
  latency.atLeast(50, 5_000);
  assert.equal(latency.fadedMs(5_000), 200 * Math.exp(-0.5));
});

test('times below a millisecond are told apart', () => {
  const [mute, abandoned] = [new Latency(), new Latency()];
  mute.overdue(0.5, 0);
  for (let i = 0; i < 5; i++) abandoned.atLeast(0.5, 0);
  assert.deepEqual([mute.fadedMs(0), abandoned.fadedMs(0)], [0.5, 0.5]);
});

test('once a latency is forgotten, nothing of it counts any more', () => {
  const laterMs = 5_000;
  const forgotten = () => taking(0, 20).latency;

  const replied = forgotten();
  replied.observe(50, laterMs);
  assert.deepEqual(
    [replied.replyMs, replied.fadedMs(laterMs)],
    [50, undefined],
    'one reply tells too little',
  );
  for (let i = 0; i < 3; i++) replied.observe(50, laterMs);
  assert.equal(replied.fadedMs(laterMs), undefined, 'four do');
  replied.observe(50, laterMs);
  assert.equal(replied.fadedMs(laterMs), 50);

  const mute = forgotten();
  mute.overdue(100, laterMs);
  assert.equal(mute.fadedMs(laterMs), 100);

  const abandoned = forgotten();
  abandoned.atLeast(10, laterMs);
  assert.equal(abandoned.fadedMs(laterMs), undefined, 'one abandoned attempt tells too little');
  for (let i = 0; i < 4; i++) abandoned.atLeast(10, laterMs);
  assert.equal(abandoned.fadedMs(laterMs), 10);
});

test('each pair is drawn equally often, so of four the best gets half and the worst nothing', () => {
  const all = [endpoint(1), endpoint(0), endpoint(2), endpoint(3)];
  const picks = [0, 0, 0, 0];
  for (let first = 0.5; first < 24; first++) {
    for (let second = 0.5; second < 24; second++) {
      const one = choose(all, any, drawing(first / 24, second / 24), 0);
      assert.ok(one);
      const at = all.indexOf(one);
      picks[at] = (picks[at] ?? 0) + 1;
    }
  }
  assert.deepEqual(picks, [192, 288, 96, 0]);
});

test('if one of the two that are drawn fits, it is taken; others are not looked at', () => {
  const [unfit, slow, quick] = [taking(0, 1), taking(0, 50), taking(0, 10)];
  const fits = (one: Choice) => one !== unfit;
  assert.equal(choose([unfit, slow, quick], fits, drawing(0, 0), 0), slow);
});

test('if neither of the two fits, the better of two that do is taken', () => {
  const [slow, quick, ...unfit] = [taking(0, 50), taking(0, 10), taking(0, 1), taking(0, 1)];
  const fits = (one: Choice) => !unfit.includes(one);
  assert.equal(choose([...unfit, slow, quick], fits, drawing(0, 0), 0), quick);
  assert.equal(choose([...unfit, quick, slow], fits, drawing(0, 0), 0), quick);
});

test('what is in flight weighs as much at one as at the other', () => {
  for (const [better, worse] of [
    [taking(0, 50), taking(3, 20)],
    [taking(0, 19), taking(1, 10)],
    [taking(1, 9), taking(0, 19)],
  ] as const) {
    assert.equal(choose([better, worse], any, drawing(0, 0), 0), better);
    assert.equal(choose([worse, better], any, drawing(0, 0), 0), better);
  }
});
