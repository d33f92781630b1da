import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { Clients, type Turn } from '../../../src/proxy/clients.ts';
import { Load } from '../../../src/proxy/load.ts';
import { settingsOf } from '../../support/route.ts';

function request(client: string, name: string, hasAddress = false, deadlineMs = 1_000): Turn {
  const id = Buffer.from(client);
  const head = hasAddress ? [id, Buffer.from(name), Buffer.alloc(0)] : [id, Buffer.alloc(0)];
  return {
    client,
    head,
    body: [Buffer.from(name)],
    bytes: name.length,
    arrivedMs: 0,
    place: { waiting: { queued: 0 } },
    deadlineMs,
  };
}

/** Clients whose requests are under way until the test says `done`. */
function clients(limit = 1) {
  const log: string[] = [];
  const name = (one: Turn) => `${one.client}${one.body[0]}`;
  const all = new Clients<Turn>(limit, {
    start: (one) => log.push(`start ${name(one)}`),
    refuse: (one) => log.push(`refuse ${name(one)}`),
    hurry: (_client, deadlineMs) => log.push(`hurry ${deadlineMs}`),
  });
  return { all, log };
}

test('the requests of one client go one after the other, those of others beside them', () => {
  const { all, log } = clients();
  const [a1, a2, b1] = [request('a', '1'), request('a', '2'), request('b', '1')];
  for (const one of [a1, a2, b1]) all.arrive(one);
  assert.deepEqual(log, ['start a1', 'start b1']);
  all.done(b1);
  all.done(a1);
  assert.deepEqual(log, ['start a1', 'start b1', 'start a2']);
});

test('where the limit is lowered those in flight go on, and where it is raised those in line begin', () => {
  const { all, log } = clients(3);
  const asked = Array.from({ length: 8 }, (_, index) => request('a', String(index)));
  const begun = () => log.map((line) => line.replace('start a', ''));
  for (const one of asked) all.arrive(one);
  assert.deepEqual(begun(), ['0', '1', '2']);
  all.limit = 1;
  for (const one of asked.slice(0, 2)) all.done(one);
  assert.deepEqual(begun(), ['0', '1', '2']);
  all.done(asked[2] ?? request('a', '2'));
  assert.deepEqual(begun(), ['0', '1', '2', '3']);
  all.limit = 3;
  assert.deepEqual(begun(), ['0', '1', '2', '3', '4', '5']);
  all.arrive(request('a', '8'));
  assert.deepEqual(begun(), ['0', '1', '2', '3', '4', '5'], 'it does not overtake those in line');
});

test('a refusal does not overtake the requests before it, and nothing overtakes the refusal', () => {
  const { all, log } = clients();
  const [a1, a2, a3, a4] = [request('a', '1'), request('a', '2'), request('a', '3'), request('a', '4')];
  all.arrive(a1);
  all.arrive(a2);
  assert.equal(all.isOwedRefusal('a'), false);
  all.refuse(a3);
  assert.equal(all.isOwedRefusal('a'), true);
  all.refuse(a4);
  assert.deepEqual(log, ['start a1']);
  all.done(a1);
  assert.deepEqual(log, ['start a1', 'start a2']);
  all.done(a2);
  assert.deepEqual(log.slice(2), ['refuse a3', 'refuse a3']);
  assert.equal(all.isOwedRefusal('a'), false);
});

test('however many refusals are owed, they go out in small lots, and nothing overtakes them', async () => {
  const { all, log } = clients();
  const first = request('a', '1');
  all.arrive(first);
  for (let i = 0; i < 1_000; i++) all.refuse(request('a', 'x'));
  all.done(first);
  let before = 1;
  while (all.isOwedRefusal('a')) {
    const lot = log.length - before;
    assert.ok(lot > 0 && lot < 100, `${lot} at once`);
    before = log.length;
    await setImmediate();
  }
  all.arrive(request('a', '2'));
  assert.equal(log.length, 1_002);
  assert.equal(log.at(-1), 'start a2');
});

test('a client that may have more under way than the queue takes leaves room in it to the others', () => {
  const { all } = clients(1_000);
  const load = new Load({ ...settingsOf({}).limits, inFlightPerClient: 1_000, queue: 8 });
  const enter = (client: string) => {
    const place = load.enter(1, all.waitingOf(client) ?? { queued: 0 });
    if (place !== undefined) all.arrive({ ...request(client, 'x'), place });
    return place !== undefined;
  };
  const flood = Array.from({ length: 100 }, () => enter('flood'));
  assert.equal(flood.filter(Boolean).length, 6);
  assert.deepEqual([enter('b'), enter('c'), enter('d')], [true, true, false]);
});

test('a client that has nothing under way is refused at once', () => {
  const { all, log } = clients();
  all.refuse(request('a', '1'));
  assert.deepEqual(log, ['refuse a1']);
});

test('a client that can tell its replies apart is refused at once', () => {
  const { all, log } = clients();
  all.arrive(request('a', '1'));
  all.refuse(request('a', '2', true));
  assert.deepEqual(log, ['start a1', 'refuse a2']);
});

test('with a higher limit so many go at once', () => {
  const { all, log } = clients(2);
  for (const name of ['1', '2', '3']) all.arrive(request('a', name));
  assert.deepEqual(log, ['start a1', 'start a2']);
});

test('every client gets its outcomes in the order of its requests, and each exactly once', () => {
  const step = fc.record({
    client: fc.constantFrom('a', 'b'),
    what: fc.constantFrom('arrive', 'done', 'refuse'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const underWay = new Map<string, Turn[]>();
      const outcomes = new Map<string, number[]>([
        ['a', []],
        ['b', []],
      ]);
      const settle = (one: Turn) => outcomes.get(one.client)?.push(one.arrivedMs);
      const all = new Clients<Turn>(1, {
        start: (one) => underWay.set(one.client, [...(underWay.get(one.client) ?? []), one]),
        refuse: settle,
        hurry: () => undefined,
      });
      const finish = (client: string) => {
        const one = underWay.get(client)?.shift();
        if (one === undefined) return false;
        settle(one);
        all.done(one);
        return true;
      };
      const sent = new Map<string, number>([
        ['a', 0],
        ['b', 0],
      ]);
      for (const { client, what } of steps) {
        if (what === 'done') {
          finish(client);
          continue;
        }
        const number = (sent.get(client) ?? 0) + 1;
        sent.set(client, number);
        const one = { ...request(client, 'x'), arrivedMs: number };
        if (what === 'refuse' || all.isOwedRefusal(client)) all.refuse(one);
        else all.arrive(one);
        assert.ok((underWay.get(client)?.length ?? 0) <= 1);
      }
      for (const client of ['a', 'b']) {
        while (finish(client));
        const numbers = outcomes.get(client) ?? [];
        assert.equal(numbers.length, sent.get(client));
        assert.deepEqual(
          numbers,
          [...numbers].sort((x, y) => x - y),
        );
      }
    }),
  );
});

test('however many clients come and go, only so many are remembered, and none that has a request', () => {
  const { all, log } = clients();
  const busy = request('busy', '1');
  all.arrive(busy);
  for (let i = 0; i < 5_000; i++) {
    const one = request(`c${i}`, '1');
    all.arrive(one);
    all.done(one);
    assert.ok(all.size <= 1_100, `${all.size} are remembered`);
  }
  all.arrive(request('busy', '2'));
  assert.equal(log.includes('start busy2'), false, 'it still has its turn to end');
  all.done(busy);
  assert.equal(log.at(-1), 'start busy2');
});

test('what a client has sent before is hurried where a later request has less time, and never where it has more', () => {
  const { all, log } = clients();
  const [first, second, third, fourth] = [5_000, 9_000, 2_000, 3_000].map((deadlineMs, index) =>
    request('a', String(index), false, deadlineMs),
  ) as [Turn, Turn, Turn, Turn];
  all.arrive(first);
  all.arrive(second);
  assert.deepEqual(log, ['start a0']);
  all.arrive(third);
  assert.deepEqual(log, ['start a0', 'hurry 2000']);
  assert.equal(second.deadlineMs, 2_000, 'it stands in line before it');
  all.arrive(fourth);
  all.arrive(request('b', '0', false, 1));
  all.refuse(request('a', 'refused', false, 1_000));
  assert.deepEqual(log, ['start a0', 'hurry 2000', 'start b0', 'hurry 1000']);
});
