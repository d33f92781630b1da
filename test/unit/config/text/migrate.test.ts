import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse, stringify } from 'yaml';
import { loadConfig, loadWritten } from '../../../../src/config/load-config.ts';
import type { Change } from '../../../../src/config/schema/changes.ts';
import { schema } from '../../../../src/config/schema/config-schema.ts';
import { migrate } from '../../../../src/config/text/migrate.ts';
import { problemsOf } from '../../../../src/config/text/problems.ts';
import { parseYaml } from '../../../../src/config/text/yaml.ts';
import { ConfigError } from '../../../../src/errors.ts';

/** Words that no version had, for the rules that no real change needs yet. */
const MADE_UP: readonly Change[] = [
  { kind: 'renamed', key: 'routes[].tries', to: 'attempts' },
  { kind: 'renamed', key: 'routes[].limits.waiting', to: 'queue' },
  { kind: 'renamed', key: 'logging', to: 'log' },
  { kind: 'removed', key: 'routes[].linger', instead: 'use drain.timeout' },
];

function load(text: string) {
  return loadConfig({ env: {}, flags: {}, text });
}

function isValid(text: string): boolean {
  try {
    load(text);
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The first complete example that the project had. */
const FIRST = `
admin:
  listen: 0.0.0.0:9555 # /startupz /livez /readyz /metrics /status, read-only
  readiness: listening # or upstream: ready only while every route has a usable endpoint
log:
  level: info
  sample: 0
drain:
  timeout: 25s # most it may take after SIGTERM
  quiet: 500ms
routes:
  - name: orders # in metrics, logs and failure replies
    listen: tcp://127.0.0.1:5555
    allowNonLoopback: false
    upstream:
      endpoints: [tcp://10.1.2.3:7000, tcp://10.1.2.4:7000]
    correlate: false
    timeout: 2500ms
    attempts: 3
    deadline: 10s
    wait: 10s
    retryOn: [unsent, lost, timeout]
    salvage: true
    hedge: off
    backoff: { base: 25ms, max: 1s }
    budget: { ratio: 0.2, minPerSecond: 10 }
    limits: { inFlight: 256, inFlightPerEndpoint: 8, inFlightPerClient: 1, queue: 1024, queueBytes: 64MiB, messageBytes: 16MiB }
    heartbeat: { interval: 1s, timeout: 3s }
    failureReply: { format: json }
  - name: prices
    listen: ipc:///run/lazypirate/prices.sock
    upstream:
      endpoints: [tcp://10.1.3.3:7100]
    correlate: true
    timeout: 200ms
    failureReply: { format: static, text: "ERR unavailable" }
`;

test('the first complete example needs no change, and means what it meant to the version that it was written for', () => {
  assert.equal(migrate(FIRST, 'old').text, FIRST);
  const { admin, drain, routes } = load(FIRST);
  assert.deepEqual(admin.listen, { host: '0.0.0.0', port: 9555 });
  assert.deepEqual(drain, { timeoutMs: 25_000, quietMs: 500 });
  const meant = routes.map(({ upstream, endpoints, requests }) => ({
    correlate: upstream.connection.correlate,
    heartbeat: upstream.connection.heartbeat,
    inFlight: endpoints.inFlight[upstream.connection.correlate === true ? 'correlated' : 'plain'],
    attempts: requests.retry.attempts,
    timeoutMs: requests.retry.timeoutMs,
    deadlineMs: requests.retry.deadlineMs,
    waitMs: requests.retry.waitMs,
    queueBytes: requests.limits.queueBytes,
  }));
  const prices = {
    correlate: true,
    inFlight: 64,
    timeoutMs: 200,
    deadlineMs: 675,
    waitMs: 675,
    heartbeat: 'auto',
  };
  const both = { attempts: 3, queueBytes: 64 * 1024 ** 2 };
  assert.deepEqual(meant, [
    {
      ...{ ...both, correlate: false, heartbeat: { intervalMs: 1_000, timeoutMs: 3_000 }, inFlight: 8 },
      ...{ timeoutMs: 2_500, deadlineMs: 10_000, waitMs: 10_000 },
    },
    { ...both, ...prices },
  ]);
});

test('each default that has changed is noted once, with its old value, and only where it is not set', () => {
  const { notes } = migrate(FIRST, 'old.yaml');
  const noted = notes.filter((line) => line.includes('is not set')).map((line) => line.split(': ')[1]);
  assert.deepEqual(noted, [
    'admin.inspect',
    'log.format',
    'routes[0].transport',
    'routes[1].heartbeat',
    'routes[0].connection.handshakeTimeout',
    'routes[0].limits.inFlightBytes',
    'routes[0].limits.connections',
  ]);
  assert.deepEqual(
    notes.filter((line) => line.includes('transport: is')),
    [
      'old.yaml:12:5: routes[0].transport: is not set (here and in 1 other route): the default was libzmq; now it is zmtp (libzmq if the route has CURVE). For the old behaviour write libzmq',
    ],
  );
  assert.ok(notes.some((line) => /^old\.yaml:9:3: drain\.timeout: has another meaning: before: /.test(line)));
});

test('an app that listens where the inspect door would be keeps its port', () => {
  const route = (listen: string) =>
    `# orders\nroutes:\n- name: 'a' # the name\n  listen: "${listen}"\n  upstream: {endpoints: [tcp://10.0.0.1:7000]}\n`;
  const old = route('tcp://127.0.0.1:9556');
  assert.ok(!isValid(old));
  const { text, changes } = migrate(old, 'old.yaml');
  assert.equal(text, `${old}admin: { inspect: off }\n`);
  assert.deepEqual(changes, [
    'old.yaml:2:1: admin.inspect: is now off, because a listener has its default, 127.0.0.1:9556',
  ]);
  assert.equal(load(text).admin.inspect, undefined);
  const elsewhere = route('tcp://10.0.0.5:9556').replace(
    '  upstream',
    '  allowNonLoopback: true\n  upstream',
  );
  assert.ok(isValid(elsewhere));
  assert.equal(migrate(elsewhere, 'old.yaml').text, elsewhere, 'another address on that port');
});

test('a key is added where its map is, in the way that the file is written', () => {
  const routes =
    'routes: [{ name: a, listen: tcp://127.0.0.1:1, upstream: { endpoints: [tcp://10.0.0.1:7] } }]';
  const cases: [old: string, migrated: string][] = [
    [
      `admin:\n    listen: 127.0.0.1:9556 # here\n# routes\n${routes}\n`,
      `admin:\n    listen: 127.0.0.1:9556 # here\n    inspect: off\n# routes\n${routes}\n`,
    ],
    [
      `admin: {listen: "127.0.0.1:9556"} # here\n${routes}\n`,
      `admin: {listen: "127.0.0.1:9556", inspect: off} # here\n${routes}\n`,
    ],
    [
      `${routes}\nadmin:\n  listen: 127.0.0.1:9556`,
      `${routes}\nadmin:\n  listen: 127.0.0.1:9556\n  inspect: off\n`,
    ],
    [
      `admin:\r\n  listen: 127.0.0.1:9556\r\n${routes}\r\n`,
      `admin:\r\n  listen: 127.0.0.1:9556\r\n  inspect: off\r\n${routes}\r\n`,
    ],
    [
      `---\n${routes.replace(':1,', ':9556,')}\nadmin: {}\n...\n`,
      `---\n${routes.replace(':1,', ':9556,')}\nadmin: { inspect: off }\n...\n`,
    ],
    [`{${routes.replace(':1,', ':9556,')}}`, `{${routes.replace(':1,', ':9556,')}, admin: { inspect: off }}`],
    [
      `${routes.replace('name: a', 'name: a, failureReply: { format: json }').replace(':1,', ':9556,')}\ndrain:\n\n# end\n`,
      `${routes.replace('name: a', 'name: a, failureReply: { format: json }').replace(':1,', ':9556,')}\ndrain:\nadmin: { inspect: off }\n\n# end\n`,
    ],
  ];
  for (const [old, migrated] of cases) {
    assert.equal(migrate(old, 'old').text, migrated);
    assert.equal(parse(migrated).admin.inspect, 'off');
  }
});

test('a file that is JSON stays JSON', () => {
  const routes =
    '"routes": [{ "name": "a", "listen": "tcp://127.0.0.1:9556", "upstream": { "endpoints": ["tcp://10.0.0.1:7"] } }]';
  const cases: [old: string, migrated: string][] = [
    [`{ ${routes} }`, `{ ${routes}, "admin": { "inspect": "off" } }`],
    [
      `{\r\n  "admin": {},\r\n  ${routes}\r\n}\r\n`,
      `{\r\n  "admin": { "inspect": "off" },\r\n  ${routes}\r\n}\r\n`,
    ],
    [
      `{\n\t"log": { "slow": " 1s" },\n\t${routes}\n}\n`,
      `{\n\t"log": { "slow": "1s" },\n\t${routes},\n\t"admin": { "inspect": "off" }\n}\n`,
    ],
  ];
  for (const [old, migrated] of cases) {
    assert.equal(migrate(old, 'old').text, migrated);
    assert.equal(JSON.parse(migrated).admin.inspect, 'off');
    assert.ok(isValid(migrated));
  }
});

/** A route on its lines, with more keys. */
function ordersWith(lines: string, listen = 'tcp://127.0.0.1:1'): string {
  return `routes:\n- name: orders\n  listen: ${listen}\n  upstream: { endpoints: [tcp://10.0.0.1:7] }\n${lines}`;
}

test('a duration or size loses the blanks that earlier versions took, and nothing else does', () => {
  const rest = `  failureReply: { format: static, text: " 2s" }\nlog: { slow: off }\n`;
  const old = ordersWith(`  timeout: " 1s" # an attempt
  hedge: '200 ms '
  backoff: {base: "\\t5ms", max: 2\ts}
  heartbeat: { interval: "2s\\n" }
  limits: { "queueBytes":" 64 MiB", inFlight: 7 }
  deadline: 10 s
${rest}`);
  const now = ordersWith(`  timeout: "1s" # an attempt
  hedge: '200ms'
  backoff: {base: "5ms", max: 2s}
  heartbeat: { interval: "2s" }
  limits: { "queueBytes":"64MiB", inFlight: 7 }
  deadline: 10 s
${rest}`);
  assert.ok(!isValid(old) && isValid(now));
  const { text, changes } = migrate(old, 'old.yaml');
  assert.equal(text, now);
  assert.deepEqual(changes, [
    'old.yaml:5:3: routes[0].timeout: is now 1s',
    'old.yaml:6:3: routes[0].hedge: is now 200ms',
    'old.yaml:7:13: routes[0].backoff.base: is now 5ms',
    'old.yaml:7:28: routes[0].backoff.max: is now 2s',
    'old.yaml:8:16: routes[0].heartbeat.interval: is now 2s',
    'old.yaml:9:13: routes[0].limits.queueBytes: is now 64MiB',
  ]);
});

test('a value whose new word is not certain is refused with its line and what to write', () => {
  const refused: Record<string, string> = {
    [ordersWith('  timeout: |\n    1s\n')]:
      'ConfigError: old.yaml:5:3: routes[0].timeout: "1s\\n" is not a duration: write 1s',
    [ordersWith('  timeout: " 1 0s"\n')]:
      'ConfigError: old.yaml:5:3: routes[0].timeout: " 1 0s" is not a duration: write 250ms, 2.5s, 1m or a number of milliseconds',
    [ordersWith('', 'ipc:///var/run/../a.sock')]:
      'ConfigError: old.yaml:3:3: routes[0].listen: ipc:///var/run/../a.sock: write the path without .., ipc:///var/a.sock if it has no symbolic links',
  };
  for (const [old, words] of Object.entries(refused)) {
    const { text, written } = migrate(old, 'old.yaml');
    assert.equal(text, old);
    assert.throws(
      () => loadWritten(written, { env: {}, flags: {}, text }),
      (error) => String(error) === words,
    );
  }
});

test('what an alias stands for is left to people', () => {
  const old =
    'x: &a { listen: 127.0.0.1:9556 }\nadmin: *a\nroutes: [{ name: a, listen: tcp://127.0.0.1:1, upstream: { endpoints: [tcp://10.0.0.1:7] } }]\n';
  assert.equal(migrate(old, 'old').text, old);
  assert.deepEqual(migrate(old, 'old').changes, []);
});

test('a renamed key gets its new name, and nothing else of the file changes', () => {
  const old = [
    '# a file',
    'routes:',
    '- name: a',
    '  listen: tcp://127.0.0.1:1',
    '  upstream: { endpoints: [ tcp://10.0.0.1:7 ] }',
    '  tries:   4 # four',
    '  limits: {"waiting":7, inFlight: 0x10}',
    '',
    'logging: # of it',
    "  level: 'debug'",
  ].join('\n');
  const { text, written, changes } = migrate(old, 'old.yaml', MADE_UP);
  assert.equal(
    text,
    old.replace('tries:', 'attempts:').replace('"waiting"', '"queue"').replace('logging:', 'log:'),
  );
  assert.deepEqual(changes, [
    'old.yaml:6:3: routes[0].tries: is now attempts',
    'old.yaml:7:12: routes[0].limits.waiting: is now queue',
    'old.yaml:9:1: logging: is now log',
  ]);
  assert.equal(loadWritten(written, { env: {}, flags: {}, text }).log.level, 'debug');
});

test('problems of a file that was migrated have their places in the old one', () => {
  const old =
    'admin:\n  listen: 127.0.0.1:9556\nlogging:\n  level: loud\nroutes: [{ name: a, listen: tcp://127.0.0.1:1, upstream: { endpoints: [tcp://10.0.0.1:7] } }]\n';
  const { text, written } = migrate(old, 'old.yaml', [
    ...MADE_UP,
    ...[
      {
        kind: 'default' as const,
        key: 'admin.inspect',
        was: '',
        is: '',
        why: '',
        keep: 'off',
        isNeeded: () => true,
      },
    ],
  ]);
  assert.equal(text.split('\n').indexOf('log:'), 3, 'one line further down than before');
  assert.throws(
    () => loadWritten(written, { env: {}, flags: {}, text }),
    /^ConfigError: old\.yaml:4:3: log\.level: must be one of /,
  );
});

test('a file with the old and the new name, or with a key that is gone, is refused with the new word', () => {
  const old =
    'routes: [{ name: a, listen: tcp://127.0.0.1:1, tries: 3, attempts: 4, linger: 0, upstream: { endpoints: [tcp://10.0.0.1:7] } }]\n';
  const { text, changes } = migrate(old, 'old.yaml', MADE_UP);
  assert.equal(text, old);
  assert.deepEqual(changes, []);
  const written = parseYaml(text, 'old.yaml');
  const { error } = schema.safeParse(written.value);
  assert.deepEqual(problemsOf(error?.issues ?? [], written, MADE_UP), [
    'old.yaml:1:48: routes[0].tries: is now attempts (lazypirate check --migrate)',
    'old.yaml:1:71: routes[0].linger: is gone: use drain.timeout',
  ]);
});

const LISTENERS = [
  'tcp://127.0.0.1:5555',
  'tcp://127.0.0.1:9556',
  'tcp://10.0.0.5:9556',
  'ipc:///run/a.sock',
];

/** Configurations in many notations, of which about half conflict with the inspect door. None has two listeners of its own at one address. */
const configs = fc
  .record({
    routes: routes(),
    admin: admin(),
    log: fc.constantFrom(undefined, { level: 'warn' }),
  })
  .filter(
    ({ admin, routes }) =>
      !admin?.listen?.endsWith(':9556') || !routes.some(({ listen }) => listen.endsWith(':9556')),
  );
const notations = fc.record({
  comment: fc.constantFrom('', '# first\n'),
  isFlow: fc.boolean(),
  indent: fc.integer({ min: 1, max: 4 }),
  indentSeq: fc.boolean(),
  end: fc.constantFrom('', '\n', '\n# last\n', '\n...\n'),
  newline: fc.constantFrom('\n', '\r\n'),
});

function admin() {
  const listen = fc.constantFrom(undefined, '127.0.0.1:9556', '0.0.0.0:9556', '127.0.0.1:9000');
  return fc.option(fc.record({ listen, inspect: fc.constantFrom(undefined, 'off', '127.0.0.1:9557') }), {
    nil: undefined,
  });
}

function routes() {
  const route = fc.record({
    listen: fc.constantFrom(...LISTENERS),
    allowNonLoopback: fc.constant(true),
    attempts: fc.constantFrom(undefined, 1, 3),
    limits: fc.constantFrom(undefined, { queue: 5 }),
    failureReply: fc.constantFrom(undefined, { format: 'static', text: 'two\nlines\n' }),
    upstream: fc.constant({ endpoints: ['tcp://10.0.0.1:7000'] }),
  });
  return fc
    .uniqueArray(route, { minLength: 1, maxLength: 3, selector: ({ listen }) => listen })
    .map((all) => all.map((one, index) => ({ name: `r${index}`, ...one })));
}

type Notation = typeof notations extends fc.Arbitrary<infer T> ? T : never;

function written(config: object, { comment, isFlow, indent, indentSeq, end, newline }: Notation): string {
  const plain = JSON.parse(JSON.stringify(config));
  const text = isFlow
    ? JSON.stringify(plain, null, indent)
    : stringify(plain, { indent, indentSeq, lineWidth: 0 }).trimEnd();
  return `${comment}${text}${end}`.replaceAll('\n', newline);
}

test('a file that is valid today is not changed; any other is migrated once and for all', () => {
  let changed = 0;
  fc.assert(
    fc.property(configs, notations, (config, notation) => {
      const old = written(config, notation);
      const { text } = migrate(old, 'old');
      assert.equal(migrate(text, 'old').text, text);
      assert.ok(isValid(text), text);
      if (isJson(old)) assert.ok(isJson(text), text);
      if (isValid(old)) assert.equal(text, old);
      else {
        changed++;
        assert.ok(parse(text).admin.inspect === 'off');
        const lines = old.split(/\r?\n/).filter((line) => !/admin|listen|^[ {}[\]]*$/.test(line));
        assert.ok(
          lines.every((line) => text.includes(line.trimEnd())),
          'with all of its lines',
        );
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(changed > 20);
});

test('a file with old words means the same as one with the new words', () => {
  fc.assert(
    fc.property(configs, notations, ({ routes, log }, notation) => {
      const local = routes.map((one, index) => ({ ...one, listen: `tcp://127.0.0.1:${index + 1}` }));
      const old = {
        routes: local.map(({ attempts, limits, ...rest }) => ({
          ...{ ...rest, tries: attempts },
          limits: limits && { waiting: limits.queue },
        })),
        logging: log,
      };
      const { text } = migrate(written(old, notation), 'old', MADE_UP);
      const now = load(written({ routes: local, log }, notation));
      assert.equal(load(text).shown.hash, now.shown.hash);
    }),
    { numRuns: 50 },
  );
});
