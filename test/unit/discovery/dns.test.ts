import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Family, FamilyChoice } from '../../../src/discovery/address-family.ts';
import { DnsDiscovery, type Lookup } from '../../../src/discovery/dns.ts';
import type { FamilyAnswer } from '../../../src/discovery/name-lookup.ts';
import { Told } from '../../support/told.ts';

const NAME = 'orders.shop.svc';
const SETTINGS = { name: NAME, port: 7000, intervalMs: 1 };
const NONE: FamilyAnswer = { kind: 'none' };
const SERVFAIL: FamilyAnswer = { kind: 'failed', why: 'SERVFAIL' };
const some = (...addresses: string[]): FamilyAnswer => ({ kind: 'some', addresses });
const found = (IPv4: FamilyAnswer, IPv6: FamilyAnswer, name = NAME) =>
  ({ kind: 'found', name, IPv4, IPv6 }) as const;

async function run(lookup: Lookup, isEnough: (told: Told) => boolean): Promise<Told> {
  const told = new Told();
  const stopping = new AbortController();
  const both = new FamilyChoice(() => new Set<Family>(['IPv4', 'IPv6']));
  const running = new DnsDiscovery(SETTINGS, lookup, both).run(told, stopping.signal);
  // Its waits do not keep the process alive; this does.
  const alive = setInterval(() => undefined, 1_000);
  await told.until(isEnough);
  stopping.abort();
  await running;
  clearInterval(alive);
  return told;
}

/** Answers one after the other; the last one again and again. */
function answering(...answers: Awaited<ReturnType<Lookup>>[]): Lookup {
  let next = 0;
  return async () => answers[Math.min(next++, answers.length - 1)] ?? assert.fail();
}

test('a pod with an address of each family counts once, and each address once', async () => {
  const answer = found(some('10.0.0.1', '10.0.0.2', '10.0.0.1'), some('fd00::1', 'fd00::2'));
  const told = await run(answering(answer), ({ sets }) => sets.length > 0);
  assert.deepEqual(told.last, ['tcp://10.0.0.1:7000', 'tcp://10.0.0.2:7000']);
  const six = await run(answering(found(NONE, some('fd00::1'))), ({ sets }) => sets.length > 0);
  assert.deepEqual(six.last, ['tcp://[fd00::1]:7000']);
});

test('if one family fails, its last addresses stay, with the reason', async () => {
  const both = found(some('10.0.0.1'), some('fd00::1'));
  const lookup = answering(both, found(SERVFAIL, some('fd00::1', 'fd00::2')), both);
  const told = await run(lookup, ({ sets }) => sets.length >= 3);
  assert.deepEqual(told.sets.slice(0, 3), Array(3).fill(['tcp://10.0.0.1:7000']));
  const why = `the A records of ${NAME} could not be looked up (SERVFAIL); the last known ones stay in use`;
  assert.deepEqual(told.whys.slice(0, 3), [undefined, why, undefined]);
  assert.deepEqual(told.failures, []);
});

test('if another search domain matches, nothing of the old name is kept', async () => {
  const lookup = answering(
    found(some('10.0.0.1'), some('fd00::1')),
    found(SERVFAIL, some('fd00::9'), `${NAME}.other`),
  );
  const told = await run(lookup, ({ last }) => last?.[0] === 'tcp://[fd00::9]:7000');
  assert.deepEqual(told.last, ['tcp://[fd00::9]:7000']);
});

test('the name that was found is looked up repeatedly, and a failure changes nothing', async () => {
  const names: (string | undefined)[] = [];
  const answers = answering(
    found(some('10.0.0.1'), NONE, `${NAME}.local`),
    { kind: 'failed', reason: 'not_found', why: 'a' },
    { kind: 'failed', reason: 'unreachable', why: 'b' },
    found(some('10.0.0.2'), NONE, `${NAME}.local`),
  );
  const told = await run(
    (name, signal, known) => {
      names.push(known);
      return answers(name, signal, known);
    },
    ({ sets }) => sets.length >= 2,
  );
  assert.deepEqual(told.sets.slice(0, 2), [['tcp://10.0.0.1:7000'], ['tcp://10.0.0.2:7000']]);
  assert.deepEqual(
    told.failures.map(({ reason, message }) => [reason, message]),
    [
      ['not_found', 'a'],
      ['unreachable', 'b'],
    ],
  );
  assert.deepEqual(names.slice(0, 3), [undefined, `${NAME}.local`, `${NAME}.local`]);
});

test('the name is looked up as any program on the machine would', async () => {
  const told = new Told();
  const stopping = new AbortController();
  const discovery = new DnsDiscovery({ ...SETTINGS, name: 'localhost' });
  const running = discovery.run(told, stopping.signal);
  await told.until(({ sets }) => sets.length > 0);
  stopping.abort();
  await running;
  assert.ok(told.last?.includes('tcp://127.0.0.1:7000') || told.last?.includes('tcp://[::1]:7000'));
});
