import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer } from '../../../../src/ops/admin/page.ts';
import { Refusal } from '../../../../src/ops/admin/refusal.ts';
import { explainPage } from '../../../../src/ops/explain/explain-page.ts';
import { routeStatus, sidecarStatus } from '../statuses.ts';
import { record } from './situation.ts';

const KEPT = [record({ id: 'orders.k3x9ab.42' })];
const PAGE = explainPage({
  status: () => sidecarStatus({ isDraining: true, routes: [routeStatus('orders')] }),
  history: {
    records: () => KEPT,
    shown: async (isWanted) => KEPT.filter(isWanted).map((one) => ({ ...one, process: 'python3[1234]' })),
  },
});

async function get(query: string): Promise<Answer> {
  const request = { method: 'GET', body: '', accept: '' } as const;
  return await PAGE.answer(request, new URLSearchParams(query));
}

async function refusal(query: string): Promise<string> {
  try {
    await get(query);
  } catch (error) {
    assert.ok(error instanceof Refusal);
    return `${error.status} ${error.message}`;
  }
  throw new Error('it was answered');
}

test('/explain answers with the verdict and the reasons', async () => {
  const page = await get('');
  assert.ok(page.kind === 'page');
  const { verdict, reasons, at } = JSON.parse(page.body);
  assert.equal(page.contentType, 'application/json');
  assert.equal(verdict.state, 'draining');
  assert.ok(reasons.length > 0);
  assert.equal(at, sidecarStatus().at.toISOString());
});

test('with the id of a request that is kept, it answers with the record and the story', async () => {
  const page = await get('request=orders.k3x9ab.42');
  assert.ok(page.kind === 'page');
  const { request, text } = JSON.parse(page.body);
  assert.equal(request.id, 'orders.k3x9ab.42');
  assert.match(text[0], /^Request orders\.k3x9ab\.42 came to route orders .* \(python3\[1234\]\)/);
});

test('a request that is not kept, and parameters that it does not know, are refused in words', async () => {
  assert.match(
    await refusal('request=orders.k3x9ab.43'),
    /^404 request "orders\.k3x9ab\.43" is not kept: only the last/,
  );
  assert.match(await refusal('request='), /^400 request must be the id of a request/);
  assert.match(await refusal('id=1'), /^400 unknown parameter "id"; allowed here: request/);
});
