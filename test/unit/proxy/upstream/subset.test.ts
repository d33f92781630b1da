import assert from 'node:assert/strict';
import { test } from 'node:test';
import { subset } from '../../../../src/proxy/upstream/subset.ts';
import { spreadOf } from '../../../support/subset-spread.ts';

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

test('where there are no more than it takes, they stay as they are', () => {
  const all = endpoints(64);
  assert.equal(subset(all, 64, 'pod'), all);
});

test('each version of the sidecar ranks alike: an upgrade moves no connection', () => {
  const ranked = (self: string) =>
    subset(endpoints(12), 11, self).map(({ address }) => Number(address.match(/(\d+):7000$/)?.[1]));
  assert.deepEqual(ranked('app-7c9-x1'), [4, 11, 6, 5, 1, 10, 3, 9, 0, 8, 2]);
  assert.deepEqual(ranked('app-7c9-x2'), [8, 10, 5, 11, 3, 2, 7, 6, 0, 9, 4]);
});

test('two addresses of equal rank have an order too, whichever comes first', () => {
  // For a sidecar of this name the hash of both is the same.
  const equal = ['tcp://10.1.56.27:7000', 'tcp://10.1.97.0:7000'].map((address) => ({ address }));
  const first = (all: readonly { address: string }[]) => subset(all, 1, 'app-1')[0]?.address;
  assert.equal(first(equal), 'tcp://10.1.56.27:7000');
  assert.equal(first(equal.toReversed()), 'tcp://10.1.56.27:7000');
});
