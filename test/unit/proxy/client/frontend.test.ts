import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Frontend } from '../../../../src/proxy/client/frontend.ts';
import type { Listener, ListenerOwner, Transport } from '../../../../src/transport/transport.ts';
import { libzmq } from '../../../../src/transport/zeromq/zeromq-transport.ts';
import { zmtp } from '../../../../src/transport/zmtp/zmtp-transport.ts';
import { App } from '../../../support/ask.ts';
import { settingsOf } from '../../../support/route.ts';
import { until } from '../../../support/until.ts';

const { listener: SETTINGS } = settingsOf({});
const ADDRESS = 'tcp://127.0.0.1:0';

/** A frontend whose listeners tell when they are changed. */
function watched(transport: Transport, owner: ListenerOwner) {
  const changed = new Set<Listener>();
  const frontend = new Frontend(
    {
      ...transport,
      listen: async (...args) => {
        const listener = await transport.listen(...args);
        const change = listener.change.bind(listener);
        listener.change = (options) => {
          changed.add(listener);
          change(options);
        };
        return listener;
      },
    },
    owner,
  );
  const move = async () => {
    await frontend.release();
    return frontend.listen(ADDRESS, SETTINGS);
  };
  const kept = () => {
    changed.clear();
    frontend.change(SETTINGS);
    return changed.size;
  };
  return { frontend, move, kept };
}

const ignored = () => assert.fail();

for (const [name, transport] of Object.entries({ zmtp, libzmq }))
  test(`listeners of ${name} at earlier addresses are forgotten when nothing is left of them`, async (t) => {
    const { frontend, move, kept } = watched(transport, { joined: ignored, refused: ignored });
    t.after(() => frontend.close(0));
    await frontend.listen(ADDRESS, SETTINGS);
    for (let moves = 0; moves < 10; moves++) await move();
    // The newest, and the one before it.
    assert.equal(kept(), 2);
  });

test('a listener at an earlier address is kept while an app is connected there', async (t) => {
  let left = 0;
  const owner: ListenerOwner = {
    joined: (client) => ({
      isIdle: true,
      request: (envelope, body) => void client.reply(envelope, body),
      ...{ malformed: ignored, tooLarge: ignored, overflow: ignored, overflowAtOnce: ignored },
      left: () => left++,
    }),
    refused: ignored,
  };
  const { frontend, move, kept } = watched(zmtp, owner);
  t.after(() => frontend.close(0));
  const app = new App(await frontend.listen(ADDRESS, SETTINGS));
  assert.equal((await app.ask('x')).text, 'x');
  for (let moves = 0; moves < 5; moves++) await move();
  assert.equal(kept(), 3);
  assert.equal((await app.ask('y')).text, 'y');
  app.close();
  await until('it has left', () => left === 1);
  await move();
  assert.equal(kept(), 2);
});
