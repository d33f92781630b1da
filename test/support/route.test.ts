import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRoute } from './route.ts';
import { PATIENCE_MS } from './until.ts';

test('an event that never comes fails its test, and the failure says what was awaited, where, and what came instead', async (t) => {
  const { event } = await startRoute(t, []);
  assert.equal((await event(({ kind }) => kind === 'listening')).kind, 'listening');
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const never = assert.rejects(
    event(({ kind }) => kind === 'malformed'),
    ({ message, cause }: Error) => {
      assert.match(message, /an event like .* => kind === 'malformed'; there came\n.*kind: 'listening'/);
      assert.match((cause as Error).stack ?? '', /route\.test\.ts/);
      return true;
    },
  );
  t.mock.timers.tick(PATIENCE_MS);
  await never;
});
