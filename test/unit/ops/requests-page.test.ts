import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Page } from '../../../src/ops/admin/page.ts';
import { Refusal } from '../../../src/ops/admin/refusal.ts';
import { type RequestRecord, recordOf } from '../../../src/ops/record.ts';
import { requestsPage } from '../../../src/ops/requests-page.ts';
import { observedRequest } from '../../support/observed-request.ts';

const OK = { cause: 'ok', outcome: 'ok' } as const;
const RECORDS = [
  observedRequest({ id: 'orders.k3x9ab.4', outcome: 'client_gone', elapsedMs: 10 }),
  observedRequest({ id: 'users.k3x9ac.3', route: 'users', ...OK, elapsedMs: 250 }),
  observedRequest({ id: 'orders.k3x9ab.2', elapsedMs: 249 }),
  observedRequest({ id: 'orders.k3x9ab.1', outcome: 'lost', cause: 'lost', elapsedMs: 7_000 }),
].map(recordOf);

async function answer(search: string): Promise<Page> {
  const shown = async (isWanted: (record: RequestRecord) => boolean, most: number) =>
    RECORDS.filter(isWanted).slice(0, most);
  const entry = requestsPage({ shown, routes: () => ['orders', 'users'] });
  const request = { method: 'GET', body: '', accept: '' } as const;
  const answered = await entry.answer(request, new URLSearchParams(search));
  assert.ok(answered.kind === 'page');
  return answered;
}

async function numbers(search: string): Promise<number[]> {
  const { requests } = JSON.parse((await answer(search)).body) as { requests: RequestRecord[] };
  return requests.map(({ id }) => Number(id.at(-1)));
}

async function refusal(search: string): Promise<string> {
  const error = await answer(search).then(
    () => assert.fail('it was answered'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Refusal && error.status === 400);
  return error.message;
}

test('a limit shows the first of those that the filters choose', async () => {
  assert.deepEqual(await numbers('limit=2'), [4, 3]);
  assert.deepEqual(await numbers('limit=1&outcome=lost'), [1]);
  assert.match(await refusal('limit=0'), /^limit must be a whole number from 1 /);
});

test('without a filter all records are shown, in their order, as JSON', async () => {
  const { status, contentType, body } = await answer('');
  assert.deepEqual([status, contentType], [200, 'application/json']);
  assert.deepEqual(JSON.parse(body), { requests: RECORDS });
});

test('filters by route, outcome, duration and id can be combined', async () => {
  assert.deepEqual(await numbers('route=users'), [3]);
  assert.deepEqual(await numbers('outcome=failed'), [4, 2, 1]);
  assert.deepEqual(await numbers('outcome=client_gone'), [4]);
  assert.deepEqual(await numbers('outcome=ok'), [3]);
  assert.deepEqual(await numbers('slower=250ms'), [3, 1]);
  assert.deepEqual(await numbers('slower=1s&route=orders&outcome=failed'), [1]);
  assert.deepEqual(await numbers('id=orders.k3x9ab.2'), [2]);
  assert.deepEqual(await numbers('id=orders.k3x9ab.9'), []);
});

test('a wrong filter is refused with what is allowed', async () => {
  assert.equal(await refusal('route=oders'), 'there is no route "oders"; there are: orders, users');
  assert.match(
    await refusal('outcome=bad'),
    /^outcome must be one of failed, ok, no_endpoints, .*, client_gone, not "bad"$/,
  );
  assert.equal(await refusal('slower=fast'), 'slower must be a duration such as 250ms, not "fast"');
  assert.equal(
    await refusal('most=3'),
    'unknown parameter "most"; allowed here: route, outcome, slower, id, limit',
  );
});
