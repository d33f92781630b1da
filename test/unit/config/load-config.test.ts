import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { loadConfig } from '../../../src/config/load-config.ts';
import { type ConfigSources, parseConfigFlags } from '../../../src/config/text/flags.ts';
import { ConfigError } from '../../../src/errors.ts';

const ORDERS =
  'routes: [{ name: orders, listen: tcp://127.0.0.1:5555, upstream: { endpoints: [tcp://10.0.0.1:70] } }]';
const TWO = stringify({
  routes: [
    { name: 'a', listen: 'tcp://127.0.0.1:1', upstream: { endpoints: ['tcp://10.0.0.1:70'] } },
    { name: 'b', listen: 'tcp://127.0.0.1:2', upstream: { endpoints: ['tcp://10.0.0.1:70'] } },
  ],
});

function load(sources: Partial<ConfigSources>) {
  return loadConfig({ env: {}, flags: {}, ...sources });
}

function problems(sources: Partial<ConfigSources>): readonly string[] {
  try {
    load(sources);
  } catch (error) {
    if (error instanceof ConfigError) return error.lines;
    throw error;
  }
  return [];
}

/** One route with these lines added. */
function withKeys(keys: object): string {
  const route = { name: 'a', listen: 'tcp://127.0.0.1:1', upstream: { endpoints: ['tcp://10.0.0.1:70'] } };
  return stringify({ routes: [{ ...route, ...keys }] });
}

test('missing values have their documented defaults', () => {
  const { shown: _, ...config } = load({ text: ORDERS });
  assert.deepEqual(config, {
    admin: {
      listen: { host: '127.0.0.1', port: 9555 },
      inspect: { host: '127.0.0.1', port: 9556 },
      tapBodies: 0,
      readiness: 'listening',
      debugDirectory: undefined,
    },
    log: { level: 'info', sample: 0, format: 'auto', slowMs: undefined },
    metrics: { perEndpoint: false },
    drain: { timeoutMs: 25_000, quietMs: 500 },
    tracing: undefined,
    routes: [
      {
        name: 'orders',
        transport: 'zmtp',
        listener: {
          listen: 'tcp://127.0.0.1:5555',
          mode: undefined,
          secretKey: undefined,
          allowedKeys: [],
          connections: 4_096,
          messageBytes: 16_777_216,
          unreadBytes: 67_108_864,
        },
        upstream: {
          discovery: { kind: 'static', endpoints: ['tcp://10.0.0.1:70'] },
          connection: {
            correlate: 'auto',
            heartbeat: 'auto',
            curve: undefined,
            connectTimeoutMs: 500,
            handshakeTimeoutMs: 15_000,
          },
        },
        endpoints: {
          subset: 64,
          ejection: { failures: 5, baseMs: 1_000, maxMs: 60_000, maxFraction: 0.5 },
          inFlight: { plain: 8, correlated: 64 },
          adaptive: true,
          timeoutMs: 2_500,
          messageBytes: 16_777_216,
        },
        requests: {
          retry: {
            timeoutMs: 2_500,
            attempts: 3,
            hedgeMs: undefined,
            deadlineMs: 7_575,
            waitMs: 7_575,
            retryOn: ['unsent', 'lost', 'timeout'],
            salvage: true,
            backoff: { baseMs: 25, maxMs: 1_000 },
          },
          budget: { ratio: 0.2, minPerSecond: 10 },
          limits: { inFlight: 256, inFlightBytes: 268_435_456, queue: 1_024, queueBytes: 67_108_864 },
          inFlightPerClient: 1,
          failureReply: { format: 'json' },
        },
      },
    ],
    warnings: [],
  });
});

test('defaults that depend on other keys follow them', () => {
  const [route] = load({
    text: withKeys({
      limits: { inFlightPerEndpoint: 5 },
      timeout: '100ms',
      attempts: 8,
      backoff: { max: '50ms' },
    }),
  }).routes;
  assert.deepEqual(route?.endpoints.inFlight, { plain: 5, correlated: 5 });
  assert.equal(route?.requests.retry.deadlineMs, 800 + 25 + 6 * 50);
  assert.equal(load({ text: withKeys({ wait: 0 }) }).routes[0]?.requests.retry.waitMs, 0);
  const [other] = load({ text: withKeys({ deadline: '2s' }) }).routes;
  assert.equal(other?.requests.retry.waitMs, 2_000);
});

test('the mode of an ipc listener is octal', () => {
  const of = (listenMode: string) =>
    load({ text: withKeys({ listen: 'ipc:///run/a.sock', listenMode }) }).routes[0]?.listener.mode;
  assert.deepEqual([of('660'), of('0600')], [0o660, 0o600]);
});

test('a heartbeat is a word, or an interval and a timeout', () => {
  const heartbeat = (given: unknown) =>
    load({ text: withKeys({ heartbeat: given }) }).routes[0]?.upstream.connection.heartbeat;
  assert.equal(heartbeat('off'), 'off');
  assert.equal(heartbeat('auto'), 'auto');
  assert.deepEqual(heartbeat({ interval: '2s' }), { intervalMs: 2_000, timeoutMs: 3_000 });
});

test('one route needs no file', () => {
  const env = { LAZYPIRATE_UPSTREAM: 'tcp://10.0.0.1:70, tcp://10.0.0.2:70', LAZYPIRATE_ATTEMPTS: '5' };
  const [route] = load({ env }).routes;
  assert.equal(route?.name, 'default');
  assert.equal(route?.listener.listen, 'tcp://127.0.0.1:5555');
  assert.equal(route?.requests.retry.attempts, 5);
  assert.deepEqual(route?.upstream.discovery, {
    kind: 'static',
    endpoints: ['tcp://10.0.0.1:70', 'tcp://10.0.0.2:70'],
  });
});

test('a flag overrides its variable, and a variable overrides the file', () => {
  const env = { LAZYPIRATE_TIMEOUT: '1s', LAZYPIRATE_ADMIN_LISTEN: '127.0.0.1:1', LAZYPIRATE_LOG_LEVEL: '' };
  const flags = parseConfigFlags('run', ['--timeout', '300ms']);
  const config = load({ text: `${ORDERS}\nlog: { level: warn }`, env, flags });
  assert.equal(config.routes[0]?.requests.retry.timeoutMs, 300);
  assert.deepEqual(config.admin.listen, { host: '127.0.0.1', port: 1 });
  assert.equal(config.log.level, 'warn', 'an empty variable is none');
  assert.equal(load({ text: ORDERS, env }).routes[0]?.requests.retry.timeoutMs, 1_000);
});

test('spaces and newlines around a variable, as from a Secret, do not count', () => {
  const env = {
    LAZYPIRATE_TIMEOUT: ' 1s\n',
    LAZYPIRATE_LISTEN: 'tcp://127.0.0.1:7\n',
    LAZYPIRATE_ATTEMPTS: '2\n',
  };
  const [route] = load({ text: ORDERS, env }).routes;
  assert.deepEqual(
    [route?.requests.retry.timeoutMs, route?.listener.listen, route?.requests.retry.attempts],
    [1_000, 'tcp://127.0.0.1:7', 2],
  );
});

test('false counts as off, because tools that read YAML 1.1, such as Helm, turn off into false', () => {
  for (const key of ['hedge', 'heartbeat'])
    assert.deepEqual(load({ text: withKeys({ [key]: false }) }), load({ text: withKeys({ [key]: 'off' }) }));
});

test('variables that the platform sets do not count as configuration', () => {
  const env = {
    LAZYPIRATE_SERVICE_HOST: '10.0.0.9',
    LAZYPIRATE_SERVICE_PORT: '9555',
    LAZYPIRATE_PORT: 'tcp://10.0.0.9:9555',
    LAZYPIRATE_PORT_9555_TCP: 'tcp://10.0.0.9:9555',
    LAZYPIRATE_PORT_9555_TCP_ADDR: '10.0.0.9',
    LAZYPIRATE_ZONE: 'a',
  };
  assert.deepEqual(load({ text: ORDERS, env }), load({ text: ORDERS }));
});

test('a misspelt variable is warned about, and named in the error if there is no other configuration', () => {
  const env = {
    LAZYPIRATE_UPSTREM: 'tcp://10.0.0.1:70',
    LAZYPIRATE_TIMOUT: '1s',
    LAZYPIRATE_UPSTREAMS_ALL: 'x',
  };
  const words = [
    'LAZYPIRATE_UPSTREM is not a known variable; did you mean LAZYPIRATE_UPSTREAM?',
    'LAZYPIRATE_TIMOUT is not a known variable; did you mean LAZYPIRATE_TIMEOUT?',
  ];
  assert.deepEqual(load({ text: ORDERS, env }).warnings, words);
  assert.deepEqual(problems({ env }).slice(1), words);
});

test('a flag for a single route is refused if there are several', () => {
  assert.deepEqual(problems({ text: TWO, flags: { timeout: '1s' }, env: { LAZYPIRATE_LOG_LEVEL: 'warn' } }), [
    '--timeout: works only with a single route, but the file has 2: set it in the file',
  ]);
});

test('without an upstream, the error names both ways to give one', () => {
  assert.match(problems({})[0] ?? '', /--config or LAZYPIRATE_CONFIG.*--upstream or LAZYPIRATE_UPSTREAM/);
});

test('every problem is reported at once, with its place, in the order of the file', () => {
  const text = `admin: { listen: "x" }
routes:
  - name: Orders
    listen: tcp://0.0.0.0:5555
    upstream: { endpoints: [tcp://127.0.0.1:5555] }
    timout: 3s
    attempts: 0

    limits: { queueBytes: 1KiB }
    salvage: sometimes
`;
  assert.deepEqual(problems({ text, flags: { logLevel: 'loud' } }), [
    '--log-level: must be one of trace, debug, info, warn, error, fatal, silent',
    'config:1:10: admin.listen: "x" is not an address: write 127.0.0.1:9556, 0.0.0.0:9555 or [::]:9555',
    'config:3:5: routes[0].name: must be of lower-case letters, digits and inner hyphens, 63 characters at most',
    'config:4:5: routes[0].listen: can be reached from other machines; listen on 127.0.0.1 or ipc, set listenCurve, or set allowNonLoopback: true',
    "config:5:17: routes[0].upstream.endpoints: must not be the route's own listener",
    'config:6:5: routes[0].timout: is not a known key here; did you mean timeout?',
    'config:7:5: routes[0].attempts: must be a whole number from 1 to 100',
    'config:9:15: routes[0].limits.queueBytes: must be at least messageBytes, or the largest request could never wait',
    'config:10:5: routes[0].salvage: must be true or false',
  ]);
});

test('for a key in the wrong place, the error says where it belongs', () => {
  const rows: [text: string, words: RegExp][] = [
    [`timeout: 1s\n${ORDERS}`, /1:1: timeout: is not a known key here; it belongs in drain or routes\[\]$/],
    [`name: a\n${ORDERS}`, /1:1: name: .* it belongs in routes\[\]$/],
    [`level: warn\n${ORDERS}`, /1:1: level: .* it belongs in log$/],
    [withKeys({ endpoints: ['tcp://10.0.0.1:70'] }), /routes\[0\]\.endpoints: .* it belongs in upstream$/],
    [`log: { attempts: 1 }\n${ORDERS}`, /log\.attempts: is not a known key here$/],
    [withKeys({ backoff: { timeout: '1s' } }), /backoff\.timeout: .* it belongs in routes\[0\]$/],
    [withKeys({ backoff: { name: 'a' } }), /backoff\.name: .* it belongs in routes\[0\]$/],
    [withKeys({ heartbeat: { routes: 1 } }), /heartbeat\.routes: .* it belongs in the top level$/],
    [withKeys({ backoff: { min: '1s' } }), /backoff\.min: is not a known key here$/],
    [
      withKeys({ limits: { in_flight_per_endpoint: 1 } }),
      /_endpoint: .*; did you mean inFlightPerEndpoint\?$/,
    ],
    [withKeys({ backoff: { 'base:25ms': null } }), /base:25ms: .*; a key needs a space after its colon$/],
    [withKeys({ '<<': { timeout: '1s' } }), /routes\[0\]\.<<: merge keys are not supported; /],
    [withKeys({ failureReply: 'json' }), /failureReply: must have a format: json, multipart, static or/],
    [
      withKeys({ failureReply: { format: 'json', text: 'x' } }),
      /Reply\.text: is allowed only with format: static$/,
    ],
  ];
  for (const [text, words] of rows) {
    const found = problems({ text });
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0] ?? '', words);
  }
});

test('a hedge is a duration, and is refused if it could never happen or would break retryOn', () => {
  const hedgeOf = (keys: object) => load({ text: withKeys(keys) }).routes[0]?.requests.retry.hedgeMs;
  assert.equal(hedgeOf({ hedge: '200ms' }), 200);
  assert.equal(hedgeOf({ hedge: 'off' }), undefined);
  const refused = (keys: object) => problems({ text: withKeys(keys) }).join('\n');
  assert.match(
    refused({ hedge: 'soon' }),
    /routes\[0\]\.hedge: .*"soon" is not a duration|hedge: must be a duration/,
  );
  assert.match(
    refused({ hedge: '200ms', retryOn: ['unsent', 'lost'] }),
    /hedge: .*retryOn must include timeout/,
  );
  assert.match(refused({ hedge: '2500ms' }), /hedge: must be less than timeout/);
  assert.match(refused({ hedge: '200ms', attempts: 1 }), /hedge: .*attempts must be more than 1/);
});

test('a configured deadline shorter than the timeout is warned about, if there should be retries', () => {
  const warningsOf = (keys: object) => load({ text: withKeys(keys) }).warnings;
  assert.deepEqual(warningsOf({ timeout: '10s', deadline: '1s' }), [
    'config:8:5: routes[0].deadline: the deadline of 1s is shorter than the timeout of 10s, so a request that times out is never retried',
  ]);
  assert.deepEqual(warningsOf({ timeout: '10s' }), []);
  assert.deepEqual(warningsOf({ timeout: '1s', deadline: '1s' }), []);
  const meant = { timeout: '10s', deadline: '1s' };
  assert.deepEqual(warningsOf({ ...meant, attempts: 1 }), []);
  assert.deepEqual(warningsOf({ ...meant, retryOn: ['unsent'] }), []);
  assert.deepEqual(warningsOf({ ...meant, hedge: '100ms' }), []);
});

test('an upstream may be found by service, by pods, or by DNS', () => {
  const found = (upstream: object) => load({ text: withKeys({ upstream }) }).routes[0]?.upstream.discovery;
  const service = { kind: 'kubernetes', select: { kind: 'service', name: 'orders' }, port: 'zmq' };
  assert.deepEqual(found({ kubernetes: { service: 'orders', namespace: 'shop', port: 'zmq' } }), {
    ...service,
    namespace: 'shop',
  });
  assert.deepEqual(found({ kubernetes: { podSelector: 'app=orders,tier in (a, b)', port: 7000 } }), {
    kind: 'kubernetes',
    select: { kind: 'pods', selector: 'app=orders,tier in (a, b)' },
    namespace: undefined,
    port: 7000,
  });
  assert.deepEqual(found({ dns: { name: 'orders-headless.shop.svc', port: 7000 } }), {
    kind: 'dns',
    name: 'orders-headless.shop.svc',
    port: 7000,
    intervalMs: 5_000,
  });
  const env = (upstream: string) =>
    load({ env: { LAZYPIRATE_UPSTREAM: upstream } }).routes[0]?.upstream.discovery;
  assert.deepEqual(env('service/orders:zmq'), { ...service, namespace: undefined });
  assert.deepEqual(env('service/orders:7000'), { ...service, namespace: undefined, port: 7000 });
  assert.deepEqual(env('service/shop/orders:zmq'), { ...service, namespace: 'shop' });
  assert.deepEqual(env('dns/orders.shop.svc:7000'), {
    kind: 'dns',
    name: 'orders.shop.svc',
    port: 7000,
    intervalMs: 5_000,
  });
});

test('values that contradict each other are refused', () => {
  const rows: [object, RegExp][] = [
    [
      { heartbeat: { interval: '3s', timeout: '1s' } },
      /heartbeat\.timeout: must be at least heartbeat\.interval/,
    ],
    [{ listenMode: '660' }, /listenMode: is for a listener with an ipc path/],
    [{ listen: 'ipc://@a', listenMode: '660' }, /listenMode: is for a listener with an ipc path/],
    [{ listen: 'ipc:///a', listenMode: 660 }, /listenMode: must be an octal mode in quotes, such as "660"/],
    [{ listen: 'ipc:///a', listenMode: '680' }, /listenMode: must be an octal mode/],
    [{ heartbeat: 'on' }, /heartbeat: must be auto, off, or an object with interval and timeout/],
    [{ heartbeat: { interval: 'often' } }, /heartbeat\.interval: .*often/],
    [{ heartbeat: { intervall: '1s' } }, /heartbeat\.intervall: .*did you mean interval\?/],
    [{ connection: { connectTimeout: 0 } }, /connection\.connectTimeout: must be from 10ms to 1h/],
    [{ backoff: { base: '3s' } }, /backoff\.max: must be at least backoff\.base/],
    [{ limits: { messageBytes: '1GiB' } }, /queueBytes: must be at least messageBytes/],
    [{ upstream: { kubernetes: { port: 'zmq' } } }, /exactly one of service, podSelector/],
    [{ upstream: { kubernetes: { service: 'a', podSelector: 'b=c', port: 1 } } }, /exactly one of service/],
    [{ upstream: { kubernetes: { service: 'a' } } }, /port: is missing/],
    [{ upstream: { kubernetes: { service: 'a', port: 70_000 } } }, /must be a port from 1 to 65535/],
    [{ upstream: { kubernetes: { service: 'a', port: '7000' } } }, /or the name of a port/],
    [{ upstream: { dns: { name: '10.0.0.1', port: 7000 } } }, /must be a DNS name/],
    [{ upstream: { endpoints: ['tcp://10.0.0.1:70'], subset: 0 } }, /from 1 to 100000, or all/],
    [{ ejection: { base: '2m' } }, /ejection\.max: must be at least ejection\.base/],
    [{ upstream: {} }, /exactly one of endpoints, kubernetes, dns/],
    [{ upstream: { endpoints: ['tcp://10.0.0.1:70', 'tcp://10.0.0.1:70'] } }, /names an address twice/],
    [{ failureReply: { format: 'static' } }, /exactly one of text, base64/],
    [{ failureReply: { format: 'static', text: 'a', base64: 'YQ==' } }, /exactly one of text, base64/],
    [{ failureReply: { format: 'xml' } }, /must have a format/],
    [{ retryOn: ['lost', 'lost'] }, /names a failure twice/],
    [{ timeout: '2h' }, /from 1ms to 1h/],
  ];
  for (const [keys, words] of rows) {
    const found = problems({ text: withKeys(keys) });
    assert.equal(found.length, 1, found.join('\n'));
    assert.match(found[0] ?? '', words);
  }
  assert.match(problems({ text: `drain: { timeout: 1s, quiet: 2s }\n${ORDERS}` })[0] ?? '', /drain\.quiet/);
});

test('a conflict of two routes is reported at the second one, and names the first', () => {
  assert.deepEqual(problems({ text: TWO.replace('name: b', 'name: a').replace('0.1:2', '0.1:1') }), [
    'config:7:5: routes[1].name: a is also the name of routes[0]',
    'config:8:5: routes[1].listen: tcp://127.0.0.1:1 is taken: routes[0] listens at tcp://127.0.0.1:1',
  ]);
  assert.deepEqual(problems({ text: TWO.replaceAll('127.0.0.1:1', '*:2\n    allowNonLoopback: true') }), [
    'config:9:5: routes[1].listen: tcp://127.0.0.1:2 is taken: routes[0] listens at tcp://*:2',
  ]);
});

test('the admin port is on every address in a pod, and on loopback elsewhere, unless it is given', () => {
  const host = (env: Record<string, string>, more = '') =>
    load({ env, text: `${more}${ORDERS}` }).admin.listen.host;
  assert.equal(host({}), '127.0.0.1');
  assert.equal(host({ POD_NAME: '', KUBERNETES_SERVICE_HOST: '' }), '127.0.0.1');
  for (const env of [{ POD_NAME: 'app-1' }, { KUBERNETES_SERVICE_HOST: 'fd00::1' }]) {
    assert.equal(host(env), '::');
    assert.equal(host(env, 'admin: { readiness: upstream }\n'), '::');
    assert.equal(host(env, 'admin: { listen: 127.0.0.1:9555 }\n'), '127.0.0.1');
    assert.match(problems({ env, text: `admin: { listen: }\n${ORDERS}` })[0] ?? '', /listen: must be an/);
    assert.equal(host({ ...env, LAZYPIRATE_ADMIN_LISTEN: '10.0.0.1:1' }), '10.0.0.1');
    assert.match(problems({ env, text: `admin: 5\n${ORDERS}` })[0] ?? '', /admin: must be an object/);
  }
});

test('the inspect door is on loopback or off, unless it is exposed', () => {
  const inspect = (keys: string, env = {}) =>
    load({ env, text: `admin: { ${keys} }\n${ORDERS}` }).admin.inspect;
  const wrong = (keys: string, env = {}) => problems({ env, text: `admin: { ${keys} }\n${ORDERS}` });
  const pod = { POD_NAME: 'app-1' };
  assert.deepEqual(inspect('', pod), { host: '127.0.0.1', port: 9556 });
  assert.deepEqual(inspect('inspect: "[::1]:7"'), { host: '::1', port: 7 });
  for (const off of ['off', 'false', '"off"']) assert.equal(inspect(`inspect: ${off}`), undefined);
  assert.equal(inspect('inspect: 10.0.0.1:7', { LAZYPIRATE_ADMIN_INSPECT: 'off' }), undefined);
  const refusal = 'can be reached from other machines; listen on 127.0.0.1, or set admin.expose: true';
  assert.deepEqual(wrong('inspect: 10.0.0.1:7'), [`config:1:10: admin.inspect: ${refusal}`]);
  assert.deepEqual(wrong('', { LAZYPIRATE_ADMIN_INSPECT: '0.0.0.0:7' }), [
    `LAZYPIRATE_ADMIN_INSPECT: ${refusal}`,
  ]);
  assert.deepEqual(inspect('inspect: "*:7", expose: true'), { host: '0.0.0.0', port: 7 });
  const form = 'must be an address such as 127.0.0.1:9556, or off';
  for (const given of ['5', 'name:5', '127.0.0.1:99999', 'on'])
    assert.deepEqual(wrong(`inspect: ${given}`), [`config:1:10: admin.inspect: ${form}`], given);
  assert.deepEqual(wrong('listen: "[::]:7", inspect: 127.0.0.1:7'), [
    'config:1:28: admin.inspect: 127.0.0.1:7 is taken: admin.listen is [::]:7',
  ]);
});

test('an admin port on which a route listens is refused, even the default one', () => {
  const at = (listen: string, more = '') =>
    problems({
      text: `${more}routes: [{ name: a, listen: "${listen}", upstream: { endpoints: [tcp://10.0.0.1:70] } }]`,
    });
  assert.deepEqual(at('tcp://127.0.0.1:5555', 'admin: { listen: 127.0.0.1:5555 }\n'), [
    'config:1:10: admin.listen: 127.0.0.1:5555 is taken: routes[0] listens at tcp://127.0.0.1:5555',
  ]);
  assert.match(at('tcp://127.0.0.1:9555')[0] ?? '', /admin\.listen: 127\.0\.0\.1:9555 is taken: routes\[0\]/);
  assert.match(at('tcp://[::1]:5', 'admin: { listen: "[::]:5" }\n')[0] ?? '', /\[::\]:5 is taken/);
  assert.deepEqual(at('tcp://127.0.0.1:5', 'admin: { listen: 127.0.0.2:5 }\n'), []);
  assert.deepEqual(at('tcp://127.0.0.1:0', 'admin: { listen: 127.0.0.1:0 }\n'), []);
  assert.deepEqual(at('tcp://127.0.0.1:5', 'admin: { inspect: 127.0.0.1:5 }\n'), [
    'config:1:10: admin.inspect: 127.0.0.1:5 is taken: routes[0] listens at tcp://127.0.0.1:5',
  ]);
  assert.match(
    at('tcp://127.0.0.1:9556')[0] ?? '',
    /admin\.inspect: 127\.0\.0\.1:9556 is taken: routes\[0\]/,
  );
  assert.equal(at('tcp://127.0.0.1:5', 'admin: { listen: x }\n').length, 1);
  assert.equal(at('tcp://127.0.0.1:5', 'admin: { listen: { host: 5 } }\n').length, 1);
});

test('a small file cannot become a huge value, and custom tags are refused', () => {
  const bomb = `a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\nd: [*c, *c, *c, *c, *c, *c, *c, *c, *c]`;
  assert.match(problems({ text: bomb })[0] ?? '', /Excessive alias count/);
  assert.match(
    problems({ text: ORDERS.replace('orders,', '!secret orders,') })[0] ?? '',
    /Unresolved tag: !secret/,
  );
});

test('routes without a name or listener are not reported as duplicates', () => {
  const text = stringify({ routes: [{}, {}] });
  assert.doesNotMatch(problems({ text }).join('\n'), /is also|taken/);
  assert.equal(problems({ text }).length, 6);
});

test('quotes from the file stay on one line', () => {
  const keys = { 'ti\nm\u001b[31mout': 1, listen: 'tcp://a\nb' };
  const found = problems({ text: withKeys(keys) });
  assert.equal(found.length, 2);
  for (const line of found) assert.doesNotMatch(line, /\p{Cc}/u);
  assert.match(problems({ text: withKeys({ listen: 'ipc:///run/a\nb' }) })[0] ?? '', /control characters/);
});

test('a flag with an empty value is refused, not ignored', () => {
  const flags = parseConfigFlags('run', ['--admin-listen', '', '--log-level=']);
  assert.equal(problems({ text: ORDERS, flags }).length, 2);
});

test('a listener that other machines can reach must be allowed explicitly', () => {
  assert.equal(problems({ text: withKeys({ listen: 'tcp://0.0.0.0:1' }) }).length, 1);
  assert.deepEqual(problems({ text: withKeys({ listen: 'tcp://0.0.0.0:1', allowNonLoopback: true }) }), []);
});

test('a static failure reply is the bytes that were given', () => {
  const formatOf = (failureReply: object) =>
    load({ text: withKeys({ failureReply }) }).routes[0]?.requests.failureReply;
  assert.deepEqual(formatOf({ format: 'static', text: 'ERR é' }), {
    format: 'static',
    body: Buffer.from('ERR é'),
  });
  assert.deepEqual(formatOf({ format: 'static', base64: 'AAE=' }), {
    format: 'static',
    body: Buffer.from([0, 1]),
  });
});

test('syntax errors have their line, and a missing file is named', () => {
  assert.match(problems({ text: 'routes:\n  - name: a\n  bad' })[0] ?? '', /^config:3:\d+: /);
  assert.match(problems({ text: 'log: {}\nlog: {}' })[0] ?? '', /^config:2:1: Map keys must be unique/);
  const config = '/does/not/exist.yaml';
  for (const sources of [{ flags: { config } }, { env: { LAZYPIRATE_CONFIG: config } }]) {
    assert.deepEqual(problems(sources), [`${config}: cannot be read: no such file or directory`]);
  }
});

test('common YAML mistakes are reported in plain words, with their line', () => {
  const rows: [text: string, words: string][] = [
    ['', '1:1: the file is empty'],
    ['# nothing yet\n', '1:1: the file is empty'],
    ['null', '1:1: the file is empty'],
    [`${ORDERS}\n---\n${ORDERS}`, '2:1: A second document starts here, but only one is read: remove the ---'],
    [
      'routes:\n  - name: a\n    listen:tcp://127.0.0.1:5\n    attempts: 3',
      '3:5: A key needs a colon and a space after it, on the same line',
    ],
    ['log:level', '1:1: must be an object with its own keys; a key needs a space after its colon'],
    ['log:\n  level: info\n  level: warn', '3:3: Map keys must be unique: level'],
    [`log: { x: &a 1, y: *a }\nadmin: *c`, '2:8: This alias has no anchor &c before it'],
    [`log:\n${ORDERS}`, '1:1: log: is empty: remove it, or indent its keys below it'],
    ['routes:\n  - name: a\n    timeout:2s', '3:5: A key needs a colon and a space after it'],
    ['"a\\nb": 1\n"a\\nb": 2', '2:1: Map keys must be unique: a\\u000ab'],
  ];
  for (const [text, words] of rows) assert.deepEqual(problems({ text }), [`config:${words}`]);
  const flags = { upstream: 'tcp://10.0.0.1:70', listen: 'tcp://127.0.0.1:1' };
  assert.deepEqual(problems({ text: '', flags }), ['config:1:1: the file is empty']);
});

test('aliases of each kind of value are resolved', () => {
  const text = `x: &text orders\n${ORDERS.replace('orders', '*text')}`;
  assert.deepEqual(problems({ text }), ['config:1:1: x: is not a known key here']);
});

test('unknown flags and missing values are named', () => {
  assert.throws(
    () => parseConfigFlags('run', ['--nope']),
    /: unknown option --nope; try lazypirate run --help$/,
  );
  assert.throws(() => parseConfigFlags('run', ['--timeout']), /--timeout/);
  assert.throws(() => parseConfigFlags('run', ['stray']), /stray/);
});

/** Values such as a person, or a machine, might put at any place. */
const junk = fc.oneof(
  fc.anything({ maxDepth: 2, values: [fc.string(), fc.integer(), fc.boolean(), fc.constant(null)] }),
  fc.constantFrom('off', '1s', '64KiB', 'tcp://127.0.0.1:1', 0, -1, 1e300),
);
const keys = (...names: string[]) =>
  fc.dictionary(fc.constantFrom(...names), junk, { maxKeys: names.length });
const routeJunk = fc
  .tuple(
    keys(
      'name',
      'listen',
      'upstream',
      'timeout',
      'attempts',
      'deadline',
      'wait',
      'retryOn',
      'hedge',
      'curve',
      'extra',
    ),
    fc.record(
      { limits: junk, backoff: junk, budget: junk, heartbeat: junk, failureReply: junk },
      { requiredKeys: [] },
    ),
    fc.record({ upstream: keys('endpoints', 'kubernetes', 'dns') }, { requiredKeys: [] }),
  )
  .map((parts) => Object.assign({}, ...parts));

test('for any file at all it throws nothing but a list of problems', () => {
  const file = fc.oneof(
    fc.string(),
    fc
      .record(
        { routes: fc.oneof(junk, fc.array(fc.oneof(junk, routeJunk))), admin: junk, log: junk, drain: junk },
        { requiredKeys: [] },
      )
      .map((value) => stringify(value, { keepUndefined: false })),
  );
  fc.assert(
    fc.property(file, (text) => {
      for (const line of problems({ text })) assert.match(line, /^config(:\d+:\d+)?: \P{Cc}*$/u);
    }),
    { numRuns: 500 },
  );
});
