import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Latency } from '../../../../src/proxy/upstream/latency.ts';
import { type Candidate, select } from '../../../../src/proxy/upstream/selection.ts';

interface Shape {
  inFlight?: number;
  isUp?: boolean;
  isFree?: boolean;
  isEjected?: boolean;
  isProbeDue?: boolean;
}

let made = 0;

function candidate(shape: Shape = {}): Candidate {
  made++;
  return {
    address: `tcp://10.0.0.${made}:7000`,
    inFlight: 0,
    latency: new Latency(),
    isUp: true,
    isFree: true,
    isEjected: false,
    ...shape,
    isProbeDue: () => shape.isProbeDue ?? false,
  };
}

const any = () => true;

/** Selects with each pair of random numbers: all that may be chosen, in the order of the candidates. */
function selectable(
  all: readonly Candidate[],
  { tried = [], fits = any }: { tried?: readonly Candidate[]; fits?: (one: Candidate) => boolean } = {},
): readonly (Candidate | undefined)[] {
  const ejected = all.filter(({ isEjected }) => isEjected).length;
  const addresses = tried.map(({ address }) => address);
  const chosen = new Set<Candidate | undefined>();
  for (let first = 0; first < 1; first += 0.1) {
    for (let second = 0; second < 1; second += 0.1) {
      let draws = 0;
      const random = () => (draws++ % 2 === 0 ? first : second);
      chosen.add(select(all, ejected, addresses, fits, random, 0));
    }
  }
  return [...all, undefined].filter((one) => chosen.has(one));
}

test('only an endpoint that is up, free and fits is chosen', () => {
  const [unfit, good] = [candidate(), candidate({ inFlight: 9 })];
  const all = [candidate({ isUp: false }), candidate({ isFree: false }), unfit, good];
  assert.deepEqual(selectable(all, { fits: (one) => one !== unfit }), [good]);
  assert.deepEqual(selectable(all, { fits: (one) => one !== unfit && one !== good }), [undefined]);
});

test('an endpoint whose probe is due comes first, however good others are', () => {
  const due = candidate({ inFlight: 9, isEjected: true, isProbeDue: true });
  assert.deepEqual(selectable([candidate(), candidate(), due]), [due]);
});

test('a probe is sent only where it is free and fits', () => {
  const [good, busy, unfit] = [
    candidate({ inFlight: 9 }),
    candidate({ isFree: false, isEjected: true, isProbeDue: true }),
    candidate({ isEjected: true, isProbeDue: true }),
  ];
  assert.deepEqual(selectable([busy, unfit, good], { fits: (one) => one !== unfit }), [good]);
});

test('while none is ejected, none is asked whether its probe is due', () => {
  const all = [1, 2].map(() => ({ ...candidate(), isProbeDue: () => assert.fail('it was asked') }));
  assert.deepEqual(selectable(all), all);
});

test('one that is the only one is chosen under the same conditions', () => {
  const [good, ejected] = [candidate({ inFlight: 9 }), candidate({ isEjected: true })];
  for (const only of [good, ejected]) assert.deepEqual(selectable([only], { tried: [only] }), [only]);
  for (const bad of [{ isUp: false }, { isFree: false }])
    assert.deepEqual(selectable([candidate(bad)]), [undefined]);
  assert.deepEqual(selectable([good], { fits: () => false }), [undefined]);
});

test('an ejected endpoint is left out while another one is up, even if that one is not free', () => {
  const [ejected, good] = [candidate({ isEjected: true }), candidate({ inFlight: 9 })];
  const down = candidate({ isUp: false });
  assert.deepEqual(selectable([ejected, good, down]), [good]);
  assert.deepEqual(selectable([ejected, candidate({ isFree: false }), down]), [undefined]);
});

test('ejected endpoints are used if no other one is up, but none that is down is', () => {
  const [ejected, other] = [candidate({ isEjected: true }), candidate({ isEjected: true })];
  const down = candidate({ isUp: false });
  assert.deepEqual(selectable([down, ejected, other, candidate({ isUp: false, isEjected: true })]), [
    ejected,
    other,
  ]);
});

test('an endpoint that the request has not tried is better than any that it has', () => {
  const [tried, other, fresh] = [candidate(), candidate(), candidate({ inFlight: 9 })];
  assert.deepEqual(selectable([tried, fresh], { tried: [tried] }), [fresh]);
  assert.deepEqual(selectable([tried, other, fresh], { tried: [tried, other] }), [fresh]);
});

test('if all have been tried, the better of two is tried again', () => {
  const [only, busy, full] = [candidate(), candidate({ inFlight: 3 }), candidate({ isFree: false })];
  assert.deepEqual(selectable([only, full], { tried: [only] }), [only]);
  assert.deepEqual(selectable([only, busy], { tried: [busy, only] }), [only]);
});
