import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { loadConfig } from '../../../src/config/load-config.ts';
import { ConfigError } from '../../../src/errors.ts';
import { scratch } from '../../support/scratch.ts';

type Env = Record<string, string>;

const ROUTE = { name: 'a', listen: 'tcp://127.0.0.1:1', upstream: { endpoints: ['tcp://10.0.0.1:70'] } };
const ENDPOINT = 'OTEL_EXPORTER_OTLP_ENDPOINT';

function load(tracing: object | undefined, env: Env = {}) {
  return loadConfig({ env, flags: {}, text: stringify({ ...(tracing && { tracing }), routes: [ROUTE] }) });
}

function problemsOf(tracing: object): readonly string[] {
  try {
    load(tracing);
  } catch (error) {
    if (error instanceof ConfigError) return error.lines;
    throw error;
  }
  return [];
}

const urlOf = (tracing: object | undefined, env: Env = {}) => load(tracing, env).tracing?.url;

test('there is no tracing without an endpoint', () => {
  const { tracing, warnings, routes } = load(undefined, { OTEL_SERVICE_NAME: 'orders' });
  assert.equal(tracing, undefined);
  assert.deepEqual(warnings, []);
  assert.equal('traceFrame' in (routes[0]?.requests ?? {}), false);
  assert.match(load({ sample: 0.1 }).warnings.join(), /no spans are sent, because there is no endpoint/);
});

test('an endpoint is all that is needed', () => {
  const { tracing, warnings } = load({ endpoint: 'http://collector:4318' });
  assert.deepEqual(tracing, {
    url: 'http://collector:4318/v1/traces',
    headers: {},
    resource: { 'service.name': 'lazypirate' },
    sample: 1,
    followsParent: true,
  });
  assert.deepEqual(warnings, []);
});

test('spans go below the base URL, which variables override', () => {
  for (const [given, url] of [
    ['http://c:4318/', 'http://c:4318/v1/traces'],
    ['https://c/otlp/', 'https://c/otlp/v1/traces'],
    ['http://c:4318/v1/traces', 'http://c:4318/v1/traces'],
    ['http://c:4318?key=1', 'http://c:4318/v1/traces?key=1'],
    ['http://[::1]:4318', 'http://[::1]:4318/v1/traces'],
  ] as const) {
    assert.equal(urlOf({ endpoint: given }), url);
    assert.equal(urlOf({ endpoint: 'http://other' }, { [ENDPOINT]: given }), url);
  }
  const own = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c:4318/as/it/is', [ENDPOINT]: 'http://other' };
  assert.equal(urlOf(undefined, own), 'http://c:4318/as/it/is');
});

test('what the file says wrongly is refused, and no password is shown', () => {
  for (const [tracing, problem] of [
    [{ endpoint: 'collector:4318' }, /tracing\.endpoint: must be a URL such as http/],
    [{ endpoint: 'ftp://collector' }, /must be a URL such as http/],
    [{ endpoint: 'http://user:hunter2@collector' }, /no user name and no password; use headersFile/],
    [{ endpoint: 'http://c', sample: 2 }, /tracing\.sample: must be a number from 0 to 1/],
    [{ endpoint: 'http://c', parentFrame: 16 }, /parentFrame: must be a whole number from 0 to 15/],
    [{ endpoint: 'http://c', stripParent: true }, /stripParent: needs parentFrame/],
    [{ endpoint: 'http://c', headersFile: '/does/not/exist' }, /tracing\.headersFile: .*cannot be read/],
    [{ endpoint: 'http://c', endpiont: 'http://c' }, /endpiont/],
  ] as const) {
    const problems = problemsOf(tracing);
    assert.equal(problems.length, 1, problems.join('\n'));
    assert.match(problems[0] ?? '', problem);
    assert.doesNotMatch(problems[0] ?? '', /hunter2/);
  }
});

test('what a variable says wrongly is a warning, and ignored', () => {
  const base = { endpoint: 'http://c:4318' };
  for (const [env, warning] of [
    [{ [ENDPOINT]: 'collector:4318' }, /OTEL_EXPORTER_OTLP_ENDPOINT must be a URL/],
    [{ [ENDPOINT]: 'http://other:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /is grpc, .* is ignored/],
    [{ OTEL_TRACES_SAMPLER: 'jaeger_remote' }, /jaeger_remote is not supported/],
    [{ OTEL_RESOURCE_ATTRIBUTES: 'a' }, /OTEL_RESOURCE_ATTRIBUTES: entry 1 is not key=value/],
    [{ OTEL_EXPORTER_OTLP_HEADERS: 'a=b%0Ac' }, /OTEL_EXPORTER_OTLP_HEADERS: .*not a valid HTTP header/],
  ] as const) {
    const { tracing, warnings } = load(base, env);
    assert.equal(warnings.length, 1, warnings.join('\n'));
    assert.match(warnings[0] ?? '', warning);
    assert.deepEqual(tracing, load(base).tracing);
  }
  assert.match(load({ endpoint: 'http://c:4317' }).warnings.join(), /usually for gRPC/);
});

test('variables switch it off', () => {
  const base = { endpoint: 'http://c', parentFrame: 0, stripParent: true };
  for (const env of [{ OTEL_SDK_DISABLED: 'TRUE' }, { OTEL_TRACES_EXPORTER: 'none' }] as Env[]) {
    const { tracing, routes } = load(base, { ...env, [ENDPOINT]: 'http://c' });
    assert.equal(tracing, undefined);
    // Upstreams must get the same frames as before.
    assert.deepEqual(routes[0]?.requests.traceFrame, { index: 0, isStripped: true });
  }
  assert.ok(urlOf(base, { OTEL_SDK_DISABLED: 'false' }));
});

test('the standard samplers are understood', () => {
  const sampling = (name: string, argument?: string) => {
    const env = {
      OTEL_TRACES_SAMPLER: name,
      ...(argument !== undefined && { OTEL_TRACES_SAMPLER_ARG: argument }),
    };
    const { tracing, warnings } = load({ endpoint: 'http://c', sample: 0.5 }, env);
    return [tracing?.sample, tracing?.followsParent, warnings.length];
  };
  assert.deepEqual(sampling(''), [0.5, true, 0]);
  assert.deepEqual(sampling('always_on'), [1, false, 0]);
  assert.deepEqual(sampling('always_off'), [0, false, 0]);
  assert.deepEqual(sampling('parentbased_always_off'), [0, true, 0]);
  assert.deepEqual(sampling('traceidratio', '0.25'), [0.25, false, 0]);
  assert.deepEqual(sampling('parentbased_traceidratio', '0'), [0, true, 0]);
  assert.deepEqual(sampling('parentbased_traceidratio'), [1, true, 0]);
  assert.deepEqual(sampling('parentbased_traceidratio', 'all'), [1, true, 1]);
});

test('the resource is what the variables say', () => {
  const of = (env: Env) => load({ endpoint: 'http://c' }, env).tracing?.resource;
  const attributes = 'service.name=from-attributes, deployment.environment.name=a%20b';
  assert.deepEqual(of({ OTEL_RESOURCE_ATTRIBUTES: attributes }), {
    'service.name': 'from-attributes',
    'deployment.environment.name': 'a b',
  });
  assert.equal(
    of({ OTEL_RESOURCE_ATTRIBUTES: attributes, OTEL_SERVICE_NAME: 'orders' })?.['service.name'],
    'orders',
  );
});

test('headers come from a file, and variables override them', () => {
  const headersFile = join(scratch(), 'headers');
  writeFileSync(headersFile, '# for the collector\r\nAuthorization: Bearer a:b \r\n\r\nX-Scope:shop\n');
  chmodSync(headersFile, 0o600);
  const tracing = { endpoint: 'http://c', headersFile };
  const { tracing: loaded, warnings } = load(tracing);
  assert.deepEqual(loaded?.headers, { authorization: 'Bearer a:b', 'x-scope': 'shop' });
  assert.deepEqual(warnings, []);
  const env = {
    OTEL_EXPORTER_OTLP_HEADERS: 'X-Scope=one,y=1%2C2',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-scope=two',
  };
  assert.deepEqual(load(tracing, env).tracing?.headers, {
    authorization: 'Bearer a:b',
    'x-scope': 'two',
    y: '1,2',
  });
  chmodSync(headersFile, 0o644);
  assert.match(load(tracing).warnings.join(), /readable by everybody \(mode 644\)/);
});

test('a wrong line of a headers file is reported by its number, not by its secret', () => {
  const headersFile = join(scratch(), 'headers');
  writeFileSync(headersFile, 'a: b\nhunter2\nA B: hunter2\n');
  const problems = problemsOf({ endpoint: 'http://c', headersFile });
  assert.equal(problems.length, 2);
  for (const [index, problem] of problems.entries())
    assert.match(problem, new RegExp(`headers:${index + 2} is not a header \\(Name: value\\)$`));
  assert.doesNotMatch(problems.join(), /hunter2/);
});
