import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { test } from 'node:test';

const SRC = new URL('../../src/', import.meta.url);

const BASICS = ['errors.ts', 'tcp-address.ts', 'duration.ts'];

/** What the whole data path may import, and what all of it knows of itself. */
const BELOW_PROXY = [
  'errors.ts',
  'duration.ts',
  'discovery/discovery.ts',
  'discovery/discovery-settings.ts',
  'transport/connection-end.ts',
  'transport/transport.ts',
  'transport/message.ts',
  /^proxy\/(events|outcome|settings|status|tried)\.ts$/,
];

/** What the files of a folder may import besides each other and Node: paths below `src/`, or packages. Types count too. */
const LAYERS: Record<string, readonly (string | RegExp)[]> = {
  'proxy/route.ts': [...BELOW_PROXY, /^proxy\/(client|request|upstream)\//],
  'proxy/client/': [...BELOW_PROXY, /^proxy\/(request|upstream)\//],
  'proxy/request/': [...BELOW_PROXY, /^proxy\/upstream\//],
  'proxy/upstream/': BELOW_PROXY,
  'proxy/events.ts': BELOW_PROXY,
  'proxy/outcome.ts': BELOW_PROXY,
  'proxy/settings.ts': BELOW_PROXY,
  'proxy/status.ts': BELOW_PROXY,
  'proxy/tried.ts': BELOW_PROXY,
  'transport/zeromq/': [
    'errors.ts',
    'duration.ts',
    /^transport\/[^/]+$/,
    'transport/zmtp/greeting-probe.ts',
    'zeromq',
  ],
  'transport/': ['errors.ts', 'duration.ts'],
  'discovery/kubernetes/': [...BASICS, 'lifecycle/pause.ts', /^discovery\/[^/]+$/],
  'discovery/': [...BASICS, 'lifecycle/pause.ts'],
  'lifecycle/': ['errors.ts'],
  'config/values/': ['duration.ts'],
  'config/schema/': [...BASICS, /^config\/values\//, 'zod'],
  'config/text/': [
    'errors.ts',
    /^config\/schema\//,
    'proxy/settings.ts',
    'transport/transport.ts',
    'transport/z85.ts',
    'yaml',
    'zod',
  ],
  'config/': [
    ...BASICS,
    'lifecycle/pause.ts',
    'discovery/discovery-settings.ts',
    'proxy/settings.ts',
    'transport/transport.ts',
  ],
  'inject/': [...BASICS, 'version.ts', /^config\//, 'yaml'],
  'ops/': [
    ...BASICS,
    'config/config.ts',
    /^config\/values\//,
    /^proxy\/(events|outcome|settings|status|tried)\.ts$/,
    'transport/connection-end.ts',
    'transport/message.ts',
    /^lifecycle\//,
    'pino',
  ],
  'commands/': [
    ...BASICS,
    'version.ts',
    /^sidecar\/(sidecar|implementations)\.ts$/,
    /^(config|inject|proxy|discovery|ops|lifecycle|transport)\//,
    'zeromq',
  ],
  'sidecar/': [...BASICS, /^(config|proxy|discovery|transport|ops|lifecycle)\//],
  'command-line.ts': ['errors.ts', 'version.ts', 'config/text/spelling.ts', /^commands\//],
  'main.ts': ['command-line.ts', 'lifecycle/signals.ts'],
  'errors.ts': [],
  'duration.ts': [],
  'tcp-address.ts': [],
  'version.ts': [],
};

/** One file, or one folder, alone may have the package behind it. */
const OWNERS: Record<string, string> = {
  'prom-client': 'ops/metrics/',
  '@kubernetes/client-node': 'discovery/kubernetes/kubernetes-client.ts',
  ...opentelemetry('api', 'otlp-transformer', 'resources', 'sdk-trace', 'semantic-conventions'),
  '@opentelemetry/semantic-conventions/incubating': 'ops/tracing/spans.ts',
};

function opentelemetry(...names: string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [`@opentelemetry/${name}`, 'ops/tracing/spans.ts']));
}

function importsOf(file: string): string[] {
  const source = readFileSync(new URL(file, SRC), 'utf8');
  const imports = /^(?:import|export)\b[^;']*\bfrom '([^']+)'|\bimport\('([^']+)'\)/gm;
  return [...source.matchAll(imports)]
    .map(([, fixed, lazy]) => fixed ?? lazy ?? '')
    .map((name) => (name.startsWith('.') ? posix.join(posix.dirname(file), name) : name));
}

function mayImport(file: string, name: string): boolean {
  const layer = Object.keys(LAYERS).find((prefix) => file.startsWith(prefix));
  if (layer === undefined) return false;
  if (name.startsWith('node:') || name.startsWith(layer) || file.startsWith(OWNERS[name] ?? '-')) return true;
  return (LAYERS[layer] ?? []).some((rule) => (typeof rule === 'string' ? rule === name : rule.test(name)));
}

test('each layer imports only what is below it', () => {
  const files = globSync('**/*.ts', { cwd: SRC });
  assert.ok(files.length > 30, 'the files were found');
  const wrong = files.flatMap((file) =>
    importsOf(file)
      .filter((name) => !mayImport(file, name))
      .map((name) => `${file} imports ${name}`),
  );
  assert.deepEqual(wrong, []);
});

test('the rules do refuse', () => {
  assert.equal(mayImport('proxy/upstream/lane.ts', 'pino'), false);
  assert.equal(mayImport('proxy/upstream/lane.ts', 'zeromq'), false);
  assert.equal(mayImport('proxy/upstream/lane.ts', 'transport/zmtp/session.ts'), false);
  assert.equal(mayImport('proxy/upstream/lane.ts', 'ops/log/log.ts'), false);
  assert.equal(mayImport('proxy/upstream/lane.ts', 'proxy/request/request.ts'), false);
  assert.equal(mayImport('proxy/upstream/lane.ts', 'proxy/client/turns.ts'), false);
  assert.equal(mayImport('proxy/request/request.ts', 'proxy/client/turns.ts'), false);
  assert.equal(mayImport('proxy/client/turns.ts', 'proxy/route.ts'), false);
  assert.equal(mayImport('proxy/events.ts', 'proxy/upstream/attempt.ts'), false);
  assert.equal(mayImport('proxy/new.ts', 'errors.ts'), false);
  assert.ok(mayImport('proxy/client/turns.ts', 'proxy/request/request.ts'));
  assert.equal(mayImport('discovery/static.ts', 'proxy/upstream/lane.ts'), false);
  assert.equal(mayImport('sidecar/sidecar.ts', 'prom-client'), false);
  assert.equal(mayImport('config/values/units.ts', 'config/text/yaml.ts'), false);
  assert.equal(mayImport('somewhere/new.ts', 'node:fs'), false);
  assert.ok(importsOf('transport/zeromq/context.ts').includes('zeromq'));
  assert.ok(importsOf('proxy/upstream/lane.ts').includes('transport/transport.ts'));
  assert.ok(importsOf('proxy/request/request.ts').includes('proxy/upstream/attempt.ts'), 'only a type');
});
