import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { curveKeyPair } from 'zeromq';
import { loadConfig } from '../../../src/config/load-config.ts';
import { jsonSchema } from '../../../src/config/schema/config-schema.ts';
import type { ShownConfig } from '../../../src/config/shown-config.ts';
import type { ConfigSources } from '../../../src/config/text/flags.ts';
import { scratch } from '../../support/scratch.ts';

const FULL = fileURLToPath(new URL('../../../config/full.yaml', import.meta.url));
const ROUTE =
  'routes: [{ name: a, listen: "tcp://127.0.0.1:5", upstream: { endpoints: [tcp://10.0.0.1:7] } }]';

function shownOf(text: string, sources: Partial<ConfigSources> = {}): ShownConfig {
  return loadConfig({ env: {}, flags: {}, text, ...sources }).shown;
}

test('what is shown is a configuration that means the same, with every default', () => {
  const full = loadConfig({ env: {}, flags: { config: FULL } });
  const written = `${ROUTE.slice(0, -2)}, failureReply: { format: static, text: "two\\nlines: #\\n" } }]`;
  const odd = `${ROUTE.slice(0, -2)}, timeout: 1000.1, attempts: 3 }]`;
  const long = `${ROUTE.slice(0, -2)}, timeout: 1h, attempts: 100 }]`;
  const texts = [written, odd, long].map((text) => loadConfig({ env: {}, flags: {}, text }));
  for (const config of [full, ...texts]) {
    const again = loadConfig({ env: {}, flags: {}, text: config.shown.yaml() });
    assert.deepEqual({ ...again, shown: 0 }, { ...config, shown: 0 });
    assert.equal(again.shown.hash, config.shown.hash);
    assert.deepEqual(again.shown.values, config.shown.values);
  }
  assert.equal(full.shown.file, FULL);
  const keys = Object.keys(jsonSchema().properties ?? {}).filter((key) => key !== 'tracing');
  assert.deepEqual(Object.keys(shownOf(ROUTE).values ?? {}).sort(), keys.sort());
  assert.equal(shownOf(ROUTE).file, undefined);
});

test('each value says where it came from', () => {
  const env = { POD_NAME: 'app-1', LAZYPIRATE_ADMIN_INSPECT: 'off', LAZYPIRATE_TIMEOUT: '1s' };
  const shown = shownOf(`${ROUTE.slice(0, -2)},\n  heartbeat: { interval: 1s } }]`, {
    env,
    flags: { timeout: '3s' },
  });
  const origins = shown.origins();
  for (const [path, origin] of [
    ['routes[0].name', 'config:1:12'],
    ['routes[0].upstream.endpoints', 'config:1:62'],
    ['routes[0].heartbeat.interval', 'config:2:16'],
    ['routes[0].heartbeat.timeout', 'default'],
    ['routes[0].timeout', '--timeout'],
    ['routes[0].deadline', 'default'],
    ['admin.inspect', 'LAZYPIRATE_ADMIN_INSPECT'],
    ['admin.listen', 'default'],
    ['log.level', 'default'],
  ] as const)
    assert.equal(origins[path], origin, path);
  const yaml = shown.yaml();
  assert.match(yaml, /^ {4}timeout: 3000 # --timeout$/m);
  assert.match(yaml, /^ {6}endpoints: \[ tcp:\/\/10\.0\.0\.1:7 \] # config:1:62$/m);
  assert.match(yaml, /^ {2}listen: "\[::\]:9555"$/m, 'a default has no comment');
});

test('the hash is that of the meaning: not of the order, the spelling or the source', () => {
  const { hash } = shownOf(`log: { level: debug, sample: 0.5 }\n${ROUTE}`);
  assert.match(hash, /^[0-9a-f]{12}$/);
  const turned = `${ROUTE}\nlog: { sample: 5e-1, level: debug }\ndrain: { quiet: 0.5s }`;
  assert.equal(shownOf(turned).hash, hash);
  const spread = shownOf(`log: { sample: 0.5 }\n${ROUTE}`, { env: { LAZYPIRATE_LOG_LEVEL: 'debug' } });
  assert.equal(spread.hash, hash);
  assert.notEqual(shownOf(`log: { level: debug, sample: 0.4 }\n${ROUTE}`).hash, hash);
  assert.notEqual(shownOf(`log: { level: debug, sample: 0.5 }\n${ROUTE.replace(':7', ':8')}`).hash, hash);
});

test('key files are named, and what is in them is not shown', () => {
  const folder = scratch();
  const [server, own] = [curveKeyPair(), curveKeyPair()];
  const write = (name: string, key: string) => {
    writeFileSync(join(folder, name), key, { mode: 0o600 });
    return join(folder, name);
  };
  const curve = {
    serverKeyFile: write('server.pub', server.publicKey),
    publicKeyFile: write('our.pub', own.publicKey),
    secretKeyFile: write('our.key', own.secretKey),
  };
  const listenCurve = {
    secretKeyFile: curve.secretKeyFile,
    allowedKeysFile: write('clients', `${server.publicKey}\n`),
  };
  const shown = shownOf(
    ROUTE.replace(
      'upstream',
      `curve: ${JSON.stringify(curve)}, listenCurve: ${JSON.stringify(listenCurve)}, upstream`,
    ),
  );
  const everything = `${shown.yaml()}${JSON.stringify(shown.values)}${JSON.stringify(shown.origins())}`;
  for (const file of Object.values({ ...curve, ...listenCurve })) {
    assert.ok(everything.includes(file));
    assert.ok(!everything.includes(JSON.stringify(readFileSync(file, 'utf8').trim()).slice(1, -1)), file);
  }
});

test('a collector is shown without what may be a key, and says if variables have set it', () => {
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/otlp?key=secret' };
  const text = `${ROUTE}\ntracing: { endpoint: "http://other:4318", sample: 0.5 }`;
  const set = shownOf(text, { env });
  assert.match(
    set.yaml(),
    /^ {2}endpoint: http:\/\/collector:4318\/otlp\/v1\/traces\?\.\.\. # OTEL_\.\.\.$/m,
  );
  assert.ok(!JSON.stringify(set.values).includes('secret'));
  const { 'tracing.endpoint': endpoint, 'tracing.sample': sample } = shownOf(text).origins();
  assert.deepEqual([endpoint, sample], ['config:2:12', 'config:2:43']);
});
