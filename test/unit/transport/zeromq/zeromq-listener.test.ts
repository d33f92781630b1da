import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Dealer, Request } from 'zeromq';
import type { Client } from '../../../../src/transport/transport.ts';
import { context } from '../../../../src/transport/zeromq/context.ts';
import { libzmq } from '../../../../src/transport/zeromq/zeromq-transport.ts';
import { startRoute } from '../../../support/route.ts';
import { drop, ScriptedUpstream } from '../../../support/scripted-upstream.ts';
import { until } from '../../../support/until.ts';

/** It looks for clients to forget when it knows this many. */
const CLIENTS_MOST = 2_048;
const AT_ONCE = 128;

test('the first request of each app is passed on, however many apps there have been', async (t) => {
  let left = 0;
  const listener = await libzmq.listen(
    { address: 'tcp://127.0.0.1:0', secretKey: undefined },
    { mode: undefined, connections: 10_000, messageBytes: 1_000, unreadBytes: 1_000, allowedKeys: [] },
    {
      joined: (client: Client) => ({
        isIdle: true,
        request: (envelope, body) => void client.reply(envelope, body),
        malformed: () => assert.fail('malformed'),
        tooLarge: () => assert.fail('too large'),
        overflow: () => assert.fail('overflow'),
        overflowAtOnce: () => assert.fail('overflow'),
        left: () => left++,
      }),
      refused: ({ why }) => assert.fail(why),
    },
  );
  t.after(() => listener.close(0));
  const ask = async (number: number) => {
    const app = new Request({ context, linger: 0 });
    app.connect(listener.address);
    await app.send(`${number}`);
    assert.deepEqual((await app.receive()).map(String), [`${number}`]);
    app.close();
  };
  let apps = 0;
  while (apps <= CLIENTS_MOST)
    await Promise.all(Array.from({ length: AT_ONCE }, async () => await ask(apps++)));
  assert.equal(left, CLIENTS_MOST);
});

test('requests under way end when their listener is released, and it listens again at the same address', async (t) => {
  const upstream = await ScriptedUpstream.start(drop);
  t.after(() => upstream.close());
  const { route, count, address } = await startRoute(t, [upstream.address], { transport: 'libzmq' });
  const app = new Dealer({ context, linger: 0 });
  t.after(() => app.close());
  app.connect(address);
  for (let number = 0; number < 3; number++) await app.send(['', `${number}`]);
  await until('they are under way', () => count('received') === 3 && upstream.seen.length === 1);
  await route.release();
  await setImmediate();
  assert.equal(count('settled', 'client_gone'), 3);
  assert.ok(route.isSettled);
  await route.listen(address);
  await until('the app has connected again', async () => {
    await app.send(['', 'again']);
    return count('received') > 3;
  });
});
