import assert from 'node:assert/strict';
import { test } from 'node:test';
import { subset } from '../../../src/proxy/subset.ts';
import { spreadOf } from '../../support/subset-spread.ts';

const endpoints = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ address: `tcp://10.1.${index >> 8}.${index & 255}:7000` }));

test('with few endpoints the subset is all of them', () => {
  const all = endpoints(64);
  assert.equal(subset(all, 64, 'pod').length, 64);
  assert.equal(subset(endpoints(1_000), 'all', 'pod').length, 1_000);
});

test('the subset does not depend on the order of the endpoints, and differs between sidecars', () => {
  const all = endpoints(200);
  const one = subset(all, 64, 'app-7c9-x1');
  assert.equal(one.length, 64);
  assert.deepEqual(subset(all.toReversed(), 64, 'app-7c9-x1'), one);
  assert.notDeepEqual(subset(all, 64, 'app-7c9-x2'), one);
});

test('1,000 sidecars spread evenly over 200 endpoints, and few connections move when one goes', () => {
  const { least, mean, most, movedWhenOneGoes, connections } = spreadOf(1_000, 200, 64);
  assert.equal(connections, 64_000);
  assert.equal(mean, 320);
  // The standard deviation of a fair draw is 14.8; four of those are 59.
  assert.ok(least >= 261 && most <= 379, `${least} to ${most}`);
  // Each sidecar that had the endpoint takes one other; no other sidecar moves.
  assert.ok(movedWhenOneGoes <= most && movedWhenOneGoes >= least, `${movedWhenOneGoes}`);
});
