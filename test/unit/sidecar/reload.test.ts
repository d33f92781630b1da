import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../../src/config/load-config.ts';
import { StartError } from '../../../src/errors.ts';
import { Reload } from '../../../src/sidecar/reload.ts';
import type { PreparedRoutes } from '../../../src/sidecar/routes.ts';
import { destination, logTo } from '../ops/log/destination.ts';

const config = loadConfig({ env: {}, flags: { upstream: 'tcp://10.0.0.1:7000' } });

/** Listeners that cannot come back, behind a door that cannot open, or that opens while the sidecar stops. */
function start(open: (reload: Reload) => void) {
  const done: string[] = [];
  const prepared: PreparedRoutes = {
    commit: () => assert.fail('nothing may be applied'),
    abandon: async () => {
      done.push('listeners');
      throw new StartError('an old listener cannot be bound again');
    },
  };
  const change = {
    open: async () => open(reload),
    commit: async () => assert.fail('nothing may be applied'),
    abandon: async () => void done.push('doors'),
  };
  const reload = new Reload(config, {
    routes: { bind: async () => undefined, prepare: async () => prepared },
    log: logTo(destination().stream),
    logControl: { configure: () => undefined },
    metrics: { reload: () => undefined, showEndpoints: () => undefined },
    tracing: { apply: async () => undefined },
    doors: { open: async () => undefined, change: async () => change, close: async () => undefined },
  });
  return { reload, done };
}

test('the admin doors come back after a refused reload, even if a listener does not', async () => {
  const { reload, done } = start(() => {
    throw new StartError('the new door is taken');
  });
  await reload.reload(() => config);
  assert.deepEqual(done, ['listeners', 'doors']);
  assert.ok(reload.refused);
});

test('the admin doors come back if the sidecar stops during a reload, even if a listener does not', async () => {
  const { reload, done } = start((one) => one.stop());
  await reload.reload(() => config);
  assert.deepEqual(done, ['listeners', 'doors']);
});
