import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { App, ask } from '../support/ask.ts';
import { startServe, startSidecar } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

type Line = Record<string, unknown>;

/** A sidecar with a route `orders` to an echo server, and whatever else the configuration says of admin. */
async function started(t: TestContext, admin: object = {}, policy: object = {}, serveArgs: string[] = []) {
  const serve = await startServe(t, serveArgs);
  const file = join(scratch(), 'sidecar.yaml');
  const route = { name: 'orders', listen: 'tcp://127.0.0.1:0', upstream: { endpoints: [serve.address] } };
  writeFileSync(file, JSON.stringify({ admin, routes: [{ ...route, timeout: '60s', ...policy }] }));
  return { serve, ...(await startSidecar(t, ['--config', file])) };
}

/** Opens a tap, and collects its lines. */
async function openTap(t: TestContext, inspect: string, query = '') {
  const leaving = new AbortController();
  t.after(() => leaving.abort());
  const response = await fetch(`${inspect}/tap${query}`, { signal: leaving.signal });
  const lines: Line[] = [];
  const input = Readable.from(response.body ?? []);
  let rest = '';
  input.on('data', (chunk: Uint8Array) => {
    const parts = (rest + Buffer.from(chunk).toString('latin1')).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts.map((part) => JSON.parse(part) as Line));
  });
  const ended = new Promise<'ended' | 'broken'>((resolve) => {
    input.once('end', () => resolve('ended'));
    input.once('error', () => resolve('broken'));
  });
  return { lines, ended, response, leave: () => leaving.abort() };
}

test('a tap shows requests as they come and go, and ends at its limit', async (t) => {
  const { address, inspect } = await started(t);
  const tapped = await openTap(t, inspect, '?route=orders&limit=8');
  assert.equal(tapped.response.headers.get('content-type'), 'application/x-ndjson');
  await ask(address, 'a secret');
  await ask(address, 'another');
  assert.equal(await tapped.ended, 'ended');
  const kinds = ['received', 'sent', 'attempt', 'settled'];
  assert.deepEqual(
    tapped.lines.map(({ kind }) => kind),
    [...kinds, ...kinds],
  );
  const [{ id: first } = {}, , , , { id: second } = {}] = tapped.lines;
  assert.match(String(first), /^orders\.[0-9a-z]{6}\.1$/);
  assert.equal(second, String(first).replace(/1$/, '2'));
  assert.ok(!JSON.stringify(tapped.lines).includes('secret'), 'no body is shown');
});

test('an attempt that fails is shown with its endpoint, and then the outcome', async (t) => {
  // On a slow machine it takes a while until the request is sent.
  const policy = { timeout: '50ms', attempts: 1, deadline: '60s' };
  const { address, inspect, serve, program } = await started(t, {}, policy);
  await program.logged('endpoint up');
  const tapped = await openTap(t, inspect, '?limit=4');
  serve.program.kill('SIGSTOP');
  assert.equal((await ask(address, 'a')).failure?.code, 'TIMEOUT');
  await tapped.ended;
  const { endpoint, result } = tapped.lines[2] ?? {};
  assert.deepEqual([endpoint, result], [serve.address, 'timeout']);
  assert.equal(tapped.lines[3]?.['outcome'], 'timeout');
});

test('bodies are shown where the configuration says so', async (t) => {
  const { address, inspect } = await started(t, { tapBodies: 4 });
  const tapped = await openTap(t, inspect, '?limit=4');
  await ask(address, 'a\x1b', 'secret');
  await tapped.ended;
  assert.deepEqual(tapped.lines[0]?.['body'], ['a\\x1b', 'se']);
  assert.deepEqual(tapped.lines[3]?.['reply'], ['a\\x1b', 'se']);
});

test('four may be open at the same time, and one whose reader leaves makes room', async (t) => {
  const { inspect } = await started(t);
  const [first] = await Promise.all(Array.from({ length: 4 }, () => openTap(t, inspect)));
  const refused = await fetch(`${inspect}/tap`);
  assert.deepEqual(
    [refused.status, await refused.text()],
    [503, '4 taps are open, and no more are allowed at the same time\n'],
  );
  first?.leave();
  await until('there is room', async () => {
    const answer = await fetch(`${inspect}/tap?limit=1`, { signal: AbortSignal.timeout(60_000) });
    await answer.body?.cancel();
    return answer.status === 200;
  });
});

test('a wrong query is refused in words', async (t) => {
  const { inspect } = await started(t);
  for (const [query, words] of [
    ['?route=ordres', /^there is no route "ordres"; there are: orders\n$/],
    ['?sample=2', /^sample must be a number from 0 to 1, not "2"\n$/],
    ['?limit=0', /^limit must be a whole number from 1 to/],
    ['?rout=orders', /^unknown parameter "rout"; allowed here: route, sample, limit\n$/],
  ] as const) {
    const response = await fetch(`${inspect}/tap${query}`);
    assert.equal(response.status, 400);
    assert.match(await response.text(), words);
  }
});

test('it shows the last requests of a drain, and ends with it', async (t) => {
  const { address, inspect, program } = await started(t, {}, {}, ['--delay', '300ms']);
  const tapped = await openTap(t, inspect);
  const asked = ask(address, 'the last');
  await until('it is in flight', () => tapped.lines.some(({ kind }) => kind === 'sent'));
  program.kill('SIGTERM');
  assert.equal((await asked).text, 'the last');
  assert.equal(await tapped.ended, 'ended', 'not broken off');
  assert.equal(tapped.lines.at(-1)?.['outcome'], 'ok');
  assert.deepEqual(await program.ended, { code: 0, signal: null });
});

test('a reader that never reads holds up nothing, and is told later how much it has missed', async (t) => {
  const { address, inspect, metric } = await started(t, { tapBodies: 4_096 });
  const { host, port } = { host: '127.0.0.1', port: Number(new URL(inspect).port) };
  const stuck = connect({ host, port });
  t.after(() => stuck.destroy());
  stuck.write(`GET /tap HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  const [head] = (await once(stuck, 'data')) as [Buffer];
  assert.match(String(head), /^HTTP\/1\.1 200 /);
  stuck.pause();
  await ask(address, 'first');
  const [apps, rounds, body] = [8, 500, Buffer.alloc(4_096, 'x')];
  const work = async () => {
    const app = new App(address);
    t.after(() => app.close());
    for (let n = 0; n < rounds; n++) assert.equal((await app.ask(body)).failure, undefined);
  };
  await Promise.all(Array.from({ length: apps }, work));
  const requests = 1 + apps * rounds;
  assert.equal(await metric('lazypirate_requests_total{route="orders",outcome="ok"}'), requests);

  let text = '';
  const all = () => {
    const lines = text.split(/\r?\n/).filter((line) => line.startsWith('{') && line.endsWith('}'));
    return lines.map((line) => JSON.parse(line) as Line);
  };
  stuck.on('data', (chunk) => {
    text += chunk;
  });
  stuck.resume();
  await until('it is told', () => text.includes('"kind":"lost"'));
  const lines = all();
  const lost = lines
    .filter(({ kind }) => kind === 'lost')
    .reduce((sum, { lines: count }) => sum + Number(count), 0);
  const shown = lines.filter(({ kind }) => kind !== 'lost').length;
  assert.equal(shown + lost, 4 * requests);
  assert.ok(lost > shown, `${lost} lost, ${shown} shown`);
});
