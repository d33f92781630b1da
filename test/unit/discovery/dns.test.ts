import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DnsDiscovery, type Lookup } from '../../../src/discovery/dns.ts';
import { Told } from '../../support/told.ts';

const SETTINGS = { name: 'orders.shop.svc', port: 7000, intervalMs: 1 };

async function run(lookup: Lookup, isEnough: (told: Told) => boolean): Promise<Told> {
  const told = new Told();
  const stopping = new AbortController();
  const running = new DnsDiscovery(SETTINGS, lookup).run(told, stopping.signal);
  // Its waits do not keep the process alive; this does.
  const alive = setInterval(() => undefined, 1_000);
  await told.until(isEnough);
  stopping.abort();
  await running;
  clearInterval(alive);
  return told;
}

test('all addresses of both families are told, each once', async () => {
  const answer = [
    { address: '10.0.0.1', family: 4 },
    { address: 'fd00::1', family: 6 },
    { address: '10.0.0.1', family: 4 },
  ];
  const told = await run(
    async () => answer,
    ({ sets }) => sets.length > 0,
  );
  assert.deepEqual(told.last, ['tcp://10.0.0.1:7000', 'tcp://[fd00::1]:7000']);
});

test('it is asked again and again, and a failure changes nothing', async () => {
  const answers = ['10.0.0.1', 'ENOTFOUND', 'EAI_AGAIN', '10.0.0.2'];
  const told = await run(
    async () => {
      const answer = answers.shift() ?? '10.0.0.2';
      if (answer.startsWith('E')) throw Object.assign(new Error(`getaddrinfo ${answer}`), { code: answer });
      return [{ address: answer, family: 4 }];
    },
    ({ sets }) => sets.length >= 2,
  );
  assert.deepEqual(told.sets.slice(0, 2), [['tcp://10.0.0.1:7000'], ['tcp://10.0.0.2:7000']]);
  assert.deepEqual(
    told.failures.map(({ reason }) => reason),
    ['not_found', 'unreachable'],
  );
});

test('the name is looked up as any program on the machine does it', async () => {
  const told = new Told();
  const stopping = new AbortController();
  const discovery = new DnsDiscovery({ ...SETTINGS, name: 'localhost' });
  const running = discovery.run(told, stopping.signal);
  await told.until(({ sets }) => sets.length > 0);
  stopping.abort();
  await running;
  assert.ok(told.last?.includes('tcp://127.0.0.1:7000') || told.last?.includes('tcp://[::1]:7000'));
});
