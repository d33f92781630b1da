import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import {
  type LookupAnswer,
  lookUp,
  lookupUntil,
  type NameFiles,
} from '../../../src/discovery/name-lookup.ts';
import { NameServer, nameFiles } from '../../support/name-server.ts';
import { until } from '../../support/until.ts';

const NAME = 'orders.shop.svc';
const never = new AbortController().signal;

/** What was found, in short. */
function short(answer: LookupAnswer): unknown {
  if (answer.kind === 'failed') return [answer.reason, answer.why];
  const half = (one: typeof answer.IPv4) =>
    one.kind === 'some' ? one.addresses.join() : one.kind === 'failed' ? one.why : one.kind;
  return [answer.name, half(answer.IPv4), half(answer.IPv6)];
}

const found = async (files: NameFiles, name = NAME, known?: string) =>
  short(await lookUp(name, never, { known, files }));

test('each family is looked up separately', async (t) => {
  const server = await NameServer.start(t);
  const files = server.files();
  server.replies.set(`A ${NAME}`, ['10.0.0.1', '10.0.0.2']).set(`AAAA ${NAME}`, ['fd00::1']);
  assert.deepEqual(await found(files), [NAME, '10.0.0.1,10.0.0.2', 'fd00::1']);
  server.replies.set(`A ${NAME}`, 'SERVFAIL');
  assert.deepEqual(await found(files), [NAME, 'SERVFAIL', 'fd00::1']);
  server.replies.set(`AAAA ${NAME}`, []);
  assert.deepEqual(await found(files), ['unreachable', `${NAME}: SERVFAIL`]);
});

test('a name without addresses is distinguished from one that does not exist', async (t) => {
  const server = await NameServer.start(t);
  server.replies.set(`A ${NAME}`, []).set(`AAAA ${NAME}`, []);
  assert.deepEqual(await found(server.files()), [
    'not_found',
    `${NAME} has no address (no A and no AAAA record)`,
  ]);
  assert.deepEqual(await found(server.files(), 'order'), ['not_found', 'there is no DNS name order']);
});

test('search domains are tried as in the C library', async (t) => {
  const server = await NameServer.start(t);
  const files = server.files('search shop.svc.local svc.local\noptions ndots:5');
  server.replies.set('A orders.svc.local', ['10.0.0.1']).set('A orders', ['10.0.0.9']);
  server.replies.set('AAAA orders.svc.local', []);
  assert.deepEqual(await found(files, 'orders'), ['orders.svc.local', '10.0.0.1', 'none']);
  assert.deepEqual(await found(files, 'orders.'), ['orders', '10.0.0.9', 'missing']);
  server.replies.set('A orders.shop.svc.local', 'SERVFAIL').set('AAAA orders.shop.svc.local', 'SERVFAIL');
  assert.deepEqual(await found(files, 'orders'), ['orders.svc.local', '10.0.0.1', 'none']);
});

test('if the known name fails, no other one takes its place', async (t) => {
  const server = await NameServer.start(t);
  const files = server.files('search shop.local\noptions ndots:5');
  server.replies.set('A orders.shop.local', 'SERVFAIL').set('A orders', ['10.9.9.9']);
  assert.deepEqual(await found(files, 'orders', 'orders.shop.local'), [
    'unreachable',
    'orders.shop.local: SERVFAIL',
  ]);
});

test('the next name server is asked if one fails or is down', async (t) => {
  const [broken, good] = [await NameServer.start(t), await NameServer.start(t)];
  broken.replies.set(`A ${NAME}`, 'SERVFAIL').set(`AAAA ${NAME}`, 'SERVFAIL');
  good.replies.set(`A ${NAME}`, ['10.0.0.1']).set(`AAAA ${NAME}`, []);
  const servers = ['127.0.0.1:1', broken.address, good.address];
  const files = nameFiles(servers.map((address) => `nameserver ${address}\n`).join(''));
  assert.deepEqual(await found(files), [NAME, '10.0.0.1', 'none']);
});

test('the hosts file comes first, and then no name server is asked', async (t) => {
  const server = await NameServer.start(t);
  const files = server.files('', `10.0.0.7 ${NAME}\nfd00::7 ${NAME}\n`);
  assert.deepEqual(await found(files), [NAME, '10.0.0.7', 'fd00::7']);
  assert.deepEqual(server.questions, []);
});

test('a silent name server is reported after its timeout', async (t) => {
  const server = await NameServer.start(t);
  server.replies.set(`A ${NAME}`, 'silence').set(`AAAA ${NAME}`, 'silence');
  const answer = await found(server.files('options timeout:1 attempts:1'));
  assert.deepEqual(answer, ['unreachable', `${NAME}: no answer from the name server`]);
});

test('a name server at which nobody listens is told from one that is silent', async (t) => {
  const files = nameFiles('nameserver 127.0.0.1:1\noptions attempts:1\n');
  const answer = await lookUp(NAME, never, { files });
  const why = `${NAME}: no answer from the name server (connection refused)`;
  assert.deepEqual(answer, { kind: 'failed', reason: 'unreachable', why, isRefused: true });
  const server = await NameServer.start(t);
  server.replies.set(`A ${NAME}`, 'silence').set(`AAAA ${NAME}`, 'silence');
  const silent = await lookUp(NAME, never, { files: server.files('options timeout:1 attempts:1') });
  assert.ok(silent.kind === 'failed' && silent.isRefused === false);
});

test('a lookup ends when it is aborted, whatever the name server does', async (t) => {
  const server = await NameServer.start(t);
  server.replies.set(`A ${NAME}`, 'silence').set(`AAAA ${NAME}`, 'silence');
  const stopping = new AbortController();
  const files = server.files('options timeout:30 attempts:5');
  let end: unknown;
  lookUp(NAME, stopping.signal, { files }).catch((error) => {
    end = error;
  });
  await until('both are asked for', () => server.questions.length === 2);
  assert.equal(end, undefined);
  stopping.abort();
  for (let turn = 0; turn < 10; turn++) await setImmediate();
  assert.equal(end, stopping.signal.reason);
});

test('a connect to a name in the hosts file gets its addresses', async () => {
  const lookup = lookupUntil(never);
  const all = await new Promise((resolve, reject) =>
    lookup('localhost', { all: true }, (error, found) => (error ? reject(error) : resolve(found))),
  );
  assert.ok(Array.isArray(all) && all.some(({ address }) => ['127.0.0.1', '::1'].includes(address)));
});
