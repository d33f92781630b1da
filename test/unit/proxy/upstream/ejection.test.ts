import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ejection, mayEject } from '../../../../src/proxy/upstream/ejection.ts';

const SETTINGS = { failures: 3, baseMs: 1_000, maxMs: 5_000, maxFraction: 0.5 };
const always = () => true;

/** Fails so often that it is out, at the given time. */
function out(nowMs: number, random = 0.5): Ejection {
  const ejection = new Ejection(SETTINGS, () => random);
  for (let count = 0; count < 3; count++) ejection.failed(nowMs, nowMs, always);
  return ejection;
}

test('enough failures in a row eject it; a reply in between restarts the count', () => {
  const ejection = new Ejection(SETTINGS, () => 0.5);
  const results = ['f', 'f', 'ok', 'f', 'f', 'f'].map((what) =>
    what === 'ok' ? ejection.succeeded(0, 0) : ejection.failed(0, 0, always),
  );
  assert.deepEqual(results, [false, false, false, false, false, true]);
  assert.ok(ejection.isOut);
});

test('it stays in if no more endpoints may be ejected', () => {
  const ejection = new Ejection(SETTINGS, () => 0.5);
  for (let count = 0; count < 10; count++)
    assert.equal(
      ejection.failed(0, 0, () => false),
      false,
    );
  assert.equal(ejection.isOut, false);
});

test('a reply to the probe brings it back', () => {
  const ejection = out(0);
  assert.equal(ejection.isProbeDue(999), false);
  assert.equal(ejection.isProbeDue(1_000), true);
  ejection.probe(1_000, 100);
  assert.equal(ejection.isProbeDue(1_050), false, 'one probe at a time');
  assert.equal(ejection.succeeded(1_000, 1_010), true);
  assert.equal(ejection.isOut, false);
});

test('a failed probe ejects it for twice as long, up to the maximum', () => {
  const ejection = out(0);
  const lengths = [];
  let nowMs = 1_000;
  for (let count = 0; count < 4; count++) {
    ejection.probe(nowMs, 100);
    assert.equal(ejection.failed(nowMs, nowMs, always), true);
    assert.ok(ejection.state.kind === 'out');
    lengths.push(ejection.state.untilMs - nowMs);
    nowMs = ejection.state.untilMs;
  }
  assert.deepEqual(lengths, [2_000, 4_000, 5_000, 5_000]);
});

test('a probe without a result is followed by another', () => {
  const ejection = out(0);
  ejection.probe(1_000, 100);
  assert.equal(ejection.isProbeDue(1_100), true);
});

test('an attempt sent before the ejection neither brings it back nor keeps it out', () => {
  const ejection = out(500);
  assert.equal(ejection.succeeded(400, 600), false);
  ejection.probe(1_500, 100);
  assert.equal(ejection.failed(400, 1_510, always), false);
  assert.equal(ejection.state.kind, 'probing');
});

test('an attempt sent before its return that fails afterwards does not count', () => {
  const ejection = out(500);
  ejection.probe(1_500, 100);
  assert.equal(ejection.succeeded(1_500, 1_510), true);
  for (let count = 0; count < 10; count++) assert.equal(ejection.failed(1_400, 1_520, always), false);
  for (let count = 0; count < 2; count++) assert.equal(ejection.failed(1_511, 1_520, always), false);
  assert.equal(ejection.failed(1_511, 1_520, always), true);
});

test('the time varies by up to a quarter', () => {
  const until = (random: number) => {
    const { state } = out(0, random);
    return 'untilMs' in state ? state.untilMs : 0;
  };
  assert.equal(until(0), 750);
  assert.equal(until(0.999), 1_249.5);
});

test('after a long time without ejections, the next one is the shortest again; before that it is not', () => {
  const after = (goodMs: number) => {
    const ejection = out(0);
    ejection.probe(1_000, 100);
    ejection.succeeded(1_000, 1_000);
    const nowMs = 1_000 + goodMs;
    for (let count = 0; count < 3; count++) ejection.failed(nowMs, nowMs, always);
    return 'untilMs' in ejection.state ? ejection.state.untilMs - nowMs : 0;
  };
  assert.equal(after(10), 2_000);
  assert.equal(after(5_001), 1_000);
});

test('never more than the fraction is ejected, so a single endpoint never is', () => {
  const most = (endpoints: number, maxFraction: number) => {
    let count = 0;
    while (mayEject({ ...SETTINGS, maxFraction }, endpoints, count)) count++;
    return count;
  };
  assert.deepEqual(
    [most(1, 0.5), most(2, 0.5), most(3, 0.5), most(10, 0.5), most(10, 0), most(3, 1)],
    [0, 1, 1, 5, 0, 3],
  );
});

test('other settings leave it out no longer than they allow, and not at all where they turn ejection off', () => {
  const ejection = out(0);
  assert.equal(ejection.adjust({ ...SETTINGS, failures: 9 }, 100), false);
  assert.ok(ejection.isOut && !ejection.isProbeDue(999) && ejection.isProbeDue(1_000));
  assert.equal(ejection.adjust({ ...SETTINGS, maxMs: 50 }, 100), false);
  assert.ok(ejection.isProbeDue(150));
  assert.equal(ejection.adjust({ ...SETTINGS, maxFraction: 0 }, 160), true);
  assert.equal(ejection.isOut, false);
});

test('a failed probe ejects it again, whether or not one more may be ejected', () => {
  const ejection = out(0);
  ejection.probe(1_000, 100);
  assert.equal(
    ejection.failed(1_000, 1_050, () => assert.fail('it is one of those already')),
    true,
  );
});

test('an attempt sent before a reply came may still fail afterwards, and that counts', () => {
  const ejection = new Ejection(SETTINGS, () => 0.5);
  ejection.succeeded(10, 20);
  const results = [1, 2, 3].map(() => ejection.failed(5, 30, always));
  assert.deepEqual(results, [false, false, true]);
});

test('the time without ejections is counted from its return', () => {
  const after = (goodMs: number) => {
    const startMs = 1_000_000;
    const ejection = out(startMs);
    ejection.probe(startMs + 1_000, 100);
    ejection.succeeded(startMs + 1_000, startMs + 1_000);
    const nowMs = startMs + 1_000 + goodMs;
    for (let count = 0; count < 3; count++) ejection.failed(nowMs, nowMs, always);
    return 'untilMs' in ejection.state ? ejection.state.untilMs - nowMs : 0;
  };
  assert.deepEqual([after(10), after(SETTINGS.maxMs), after(SETTINGS.maxMs + 1)], [2_000, 2_000, 1_000]);
});

test('other settings apply to an endpoint that is in, and its failures so far still count', () => {
  const ejection = new Ejection(SETTINGS, () => 0.5);
  ejection.failed(0, 0, always);
  assert.equal(ejection.adjust({ ...SETTINGS, failures: 2 }, 10), false);
  assert.equal(ejection.failed(20, 20, always), true);
});

test('turning ejection off says that an endpoint has returned only if it was out', () => {
  const ejection = new Ejection(SETTINGS, () => 0.5);
  ejection.failed(0, 0, always);
  assert.equal(ejection.adjust({ ...SETTINGS, maxFraction: 0 }, 10), false);
});

test('an endpoint that is back because ejection was turned off starts anew once it is on again', () => {
  const ejection = out(0);
  ejection.adjust({ ...SETTINGS, maxFraction: 0 }, 100);
  ejection.adjust(SETTINGS, 200);
  for (let count = 0; count < 10; count++) assert.equal(ejection.failed(99, 210, always), false);
  const results = [1, 2, 3].map(() => ejection.failed(200, 210, always));
  assert.deepEqual(results, [false, false, true]);
});

test('failures in a row are counted past the ejection, until a reply comes in time', () => {
  const ejection = out(0);
  assert.equal(ejection.failuresInARow, 3);
  ejection.failed(0, 500, always);
  assert.equal(ejection.failuresInARow, 3, 'it was sent before the ejection and tells nothing new');
  ejection.probe(1_000, 100);
  ejection.failed(1_000, 1_100, always);
  assert.equal(ejection.failuresInARow, 4);
  ejection.probe(3_100, 100);
  ejection.succeeded(3_100, 3_110);
  assert.equal(ejection.failuresInARow, 0);
});

test('a probe that is cut short tells nothing: the next request probes, and the time does not grow', () => {
  const ejection = out(0);
  ejection.probe(1_000, 100);
  ejection.cutShort(1_000, 1_040);
  assert.deepEqual([ejection.isOut, ejection.isProbeDue(1_040), ejection.failuresInARow], [true, true, 3]);
  ejection.probe(1_050, 100);
  ejection.failed(1_050, 1_150, always);
  assert.ok(ejection.state.kind === 'out');
  assert.equal(ejection.state.untilMs - 1_150, 2_000);
});

test('that another attempt is cut short says nothing about the probe', () => {
  const ejection = out(0);
  ejection.cutShort(0, 500);
  assert.equal(ejection.isProbeDue(500), false);
  ejection.probe(1_000, 100);
  ejection.cutShort(900, 1_040);
  ejection.cutShort(1_010, 1_040);
  assert.equal(ejection.isProbeDue(1_040), false);
  const fresh = new Ejection(SETTINGS, () => 0.5);
  fresh.cutShort(0, 10);
  assert.equal(fresh.isOut, false);
});
