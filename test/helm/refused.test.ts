import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stringify } from 'yaml';
import { loadConfig } from '../../src/config/load-config.ts';
import { ConfigError } from '../../src/errors.ts';
import { Charts, helmSkip } from '../support/charts.ts';
import { find } from '../support/objects.ts';

/*
 * What would end the sidecar at its start is refused by `helm template`. Each configuration is given to the sidecar, too: what one refuses the
 * other refuses.
 */

const A = { name: 'a', listen: 'tcp://127.0.0.1:1', upstream: { endpoints: ['tcp://10.0.0.1:70'] } };
const B = { ...A, name: 'b', listen: 'tcp://127.0.0.1:2' };

interface Case {
  config: { routes: object[]; [key: string]: unknown };
  words: RegExp;
}

/** One route with these keys. */
function withKeys(keys: object, words: RegExp): Case {
  return { config: { routes: [{ ...A, ...keys }] }, words };
}

function withEndpoint(endpoint: string, words: RegExp): Case {
  return withKeys({ upstream: { endpoints: [endpoint] } }, words);
}

/** Values that the sidecar refuses as well. */
const REFUSED: Record<string, Case> = {
  'a duration with a unit that is none': withKeys({ timeout: '2.5 sec' }, /routes\/0\/timeout/),
  'a duration that is nothing': withKeys({ timeout: '' }, /routes\/0\/timeout/),
  'a duration that is null': withKeys({ timeout: null }, /routes\/0\/timeout/),
  'a timeout of zero': withKeys(
    { timeout: '0s' },
    /routes\[0\].timeout must be a duration from 1ms to 1h, and "0s" is not/,
  ),
  'a timeout of zero, as a number': withKeys({ timeout: 0 }, /routes\/0\/timeout/),
  'a timeout of two hours': withKeys(
    { timeout: '2h' },
    /routes\[0\].timeout must be a duration from 1ms to 1h/,
  ),
  'a size with a unit that is none': withKeys({ limits: { messageBytes: '1MB' } }, /limits\/messageBytes/),
  'a size above the most': withKeys(
    { limits: { messageBytes: '2GiB' } },
    /limits.messageBytes must be a size from 1 to 1GiB/,
  ),
  'an endpoint without a scheme': withEndpoint('orders:1', /upstream\/endpoints\/0/),
  'an endpoint with a name': withEndpoint('tcp://orders:1', /upstream\/endpoints\/0/),
  'an endpoint without a port': withEndpoint('tcp://10.0.0.1', /upstream\/endpoints\/0/),
  'an endpoint with port 0': withEndpoint('tcp://10.0.0.1:0', /upstream\/endpoints\/0/),
  'an endpoint with a port that is none': withEndpoint('tcp://10.0.0.1:65536', /upstream\/endpoints\/0/),
  'an endpoint that is every address': withEndpoint(
    'tcp://0.0.0.0:1',
    /0.0.0.0:1 is not an address that one can connect to/,
  ),
  'an endpoint that is every address of IPv6': withEndpoint(
    'tcp://[::]:1',
    /is not an address that one can connect to/,
  ),
  'the same endpoint in two spellings': withKeys(
    { upstream: { endpoints: ['tcp://localhost:70', 'tcp://127.0.0.1:070'] } },
    /routes\[0\].upstream.endpoints names tcp:\/\/127.0.0.1:070 twice/,
  ),
  'the same endpoint twice': withKeys(
    { upstream: { endpoints: ['tcp://10.0.0.1:70', 'tcp://10.0.0.1:70'] } },
    /upstream\/endpoints/,
  ),
  "the route's own listener": withEndpoint('tcp://localhost:1', /must not be the route's own listener/),
  'a variable in a listener': withKeys(
    { listen: 'ipc:///run/lazypirate/$(POD_NAME).sock' },
    /routes\[0\].listen \(.*\): variables such as [$]\(POD_NAME\) are not expanded here/,
  ),
  'a directory as a listener': withKeys(
    { listen: 'ipc:///run/lazypirate/..' },
    /routes\[0\].listen \(.*\) must be the path of a socket, without [.] and [.][.]/,
  ),
  'CURVE with a transport that has none': withKeys(
    { transport: 'zmtp', curve: { serverKeyFile: '/k/a', publicKeyFile: '/k/b', secretKeyFile: '/k/c' } },
    /routes\[0\].transport has no CURVE: with curve or listenCurve it must be libzmq/,
  ),
  'a frame to strip that is not named': {
    config: { routes: [A], tracing: { stripParent: true } },
    words: /config.tracing.stripParent needs parentFrame/,
  },
  'a mode of a listener that has no file': withKeys(
    { listenMode: '660' },
    /routes\[0\].listenMode is for a listener with an ipc path/,
  ),
  'an address as the name of a DNS upstream': withKeys(
    { upstream: { dns: { name: '10.0.0.1', port: 1 } } },
    /routes\[0\].upstream.dns.name \(10.0.0.1\) must be a DNS name/,
  ),
  'no upstream': withKeys(
    { upstream: {} },
    /routes\[0\].upstream must have exactly one of endpoints, kubernetes, dns/,
  ),
  'two upstreams': withKeys(
    { upstream: { endpoints: ['tcp://10.0.0.1:70'], dns: { name: 'a', port: 1 } } },
    /must have exactly one of endpoints, kubernetes, dns/,
  ),
  'neither a Service nor pods': withKeys(
    { upstream: { kubernetes: { port: 1 } } },
    /routes\[0\].upstream.kubernetes must have exactly one of service, podSelector/,
  ),
  'a Service that is none': withKeys(
    { upstream: { kubernetes: { service: 'A B', port: 1 } } },
    /kubernetes\/service/,
  ),
  'a port of a Service that is none': withKeys(
    { upstream: { kubernetes: { service: 'a', port: 'Zmq!' } } },
    /kubernetes\/port/,
  ),
  'a DNS name that is none': withKeys({ upstream: { dns: { name: 'a..b', port: 1 } } }, /dns\/name/),
  'a listener that other pods can reach': withKeys(
    { listen: 'tcp://0.0.0.0:5555' },
    /routes\[0\].listen \(tcp:\/\/0.0.0.0:5555\) can be reached from other pods/,
  ),
  'a listener at an address of the network': withKeys(
    { listen: 'tcp://10.0.0.9:1' },
    /can be reached from other pods/,
  ),
  'a listener with a name': withKeys({ listen: 'tcp://orders:1' }, /routes\/0\/listen/),
  'two routes of one name': {
    config: { routes: [A, { ...B, name: 'a' }] },
    words: /routes\[1\].name \(a\) is the name of routes\[0\] as well/,
  },
  'two routes with one listener': {
    config: { routes: [A, { ...B, listen: 'tcp://localhost:01' }] },
    words: /routes\[1\].listen \(tcp:\/\/localhost:01\) is taken: routes\[0\].listen is 127.0.0.1:1/,
  },
  'a listener on every address beside one on loopback': {
    config: { routes: [A, { ...B, listen: 'tcp://*:1', allowNonLoopback: true }] },
    words: /routes\[1\].listen .* is taken/,
  },
  'a listener at the inspect door': withKeys(
    { listen: 'tcp://127.0.0.1:9556' },
    /is taken: admin.inspect is/,
  ),
  'a listener at the inspect door, in another spelling': {
    config: { routes: [A], admin: { inspect: '[::ffff:127.0.0.1]:1' } },
    words: /routes\[0\].listen .* is taken: admin.inspect is/,
  },
  'a listener at the admin port': withKeys({ listen: 'tcp://127.0.0.1:9555' }, /is taken: admin.listen is/),
  'an ejection that ends before it begins': withKeys(
    { ejection: { base: '2m' } },
    /routes\[0\].ejection.max \(60s\) must be at least base \(2m\)/,
  ),
  'a backoff whose most is less': withKeys(
    { backoff: { max: '1ms' } },
    /backoff.max \(1ms\) must be at least base \(25ms\)/,
  ),
  'a backoff whose most is nothing': withKeys(
    { backoff: { max: 0 } },
    /backoff.max \(0\) must be at least base \(25ms\)/,
  ),
  'a heartbeat that is missed at once': withKeys(
    { heartbeat: { interval: '5s', timeout: '3s' } },
    /heartbeat.timeout \(3s\) must be at least interval \(5s\)/,
  ),
  'a queue that no large message goes into': withKeys(
    { limits: { queueBytes: '1MiB' } },
    /limits.queueBytes \(1MiB\) must be at least messageBytes \(16MiB\)/,
  ),
  'a quiet time above the drain timeout': {
    config: { routes: [A], drain: { quiet: '5s', timeout: '4s' } },
    words: /drain.timeout \(4s\) must be at least quiet \(5s\)/,
  },
  'a drain timeout of nothing': {
    config: { routes: [A], drain: { timeout: 0 } },
    words: /drain.timeout \(0\) must be at least quiet \(500ms\)/,
  },
  'a hedge that never happens': withKeys({ hedge: '3s' }, /hedge must be less than timeout/),
  'a hedge without a second attempt': withKeys({ hedge: '1s', attempts: 1 }, /attempts more than 1/),
  'a hedge against retryOn': withKeys({ hedge: '1s', retryOn: ['lost'] }, /retryOn must have timeout/),
  'a failure named twice': withKeys({ retryOn: ['lost', 'lost'] }, /retryOn/),
  'a static reply without its bytes': withKeys(
    { failureReply: { format: 'static' } },
    /routes\[0\].failureReply must have exactly one of text, base64/,
  ),
};

/** Values with which the sidecar would start, and break its pod, or that are no part of its configuration. */
const BREAKING: Record<string, [lazypirate: object, words: RegExp]> = {
  'an admin port on loopback': [
    { config: { routes: [A], admin: { listen: '127.0.0.1:9555' } } },
    /config.admin.listen must not be loopback/,
  ],
  'an admin port on loopback of IPv6': [
    { config: { routes: [A], admin: { listen: '[0:0::1]:9555' } } },
    /config.admin.listen must not be loopback/,
  ],
  'an admin port on one address': [
    { config: { routes: [A], admin: { listen: '10.0.0.1:9555' } } },
    /config.admin.listen must be every address of the pod/,
  ],
  'an inspect door that other pods reach': [
    { config: { routes: [A], admin: { inspect: '0.0.0.0:9556' } } },
    /config.admin.inspect \(0.0.0.0:9556\) can be reached from other pods/,
  ],
  'an inspect door at the admin port': [
    { config: { routes: [A], admin: { inspect: '127.0.0.1:9555' } } },
    /config.admin.inspect \(127.0.0.1:9555\) is taken: admin.listen is/,
  ],
  'an inspect door that is no address': [
    { config: { routes: [A], admin: { inspect: 'sometimes' } } },
    /config.admin.inspect.*'anyOf' failed/,
  ],
  'an admin port that is any free one': [
    { config: { routes: [A], admin: { listen: '0.0.0.0:0' } } },
    /config.admin.listen must be every address of the pod and a fixed port/,
  ],
  'a drain that is as long as the grace period': [
    { config: { routes: [A], drain: { timeout: '30s' } } },
    /drain.timeout \(30s\) must be at least a second below the grace period of the pod \(30s\)/,
  ],
  'a drain that is longer than a grace period of its own': [
    { terminationGracePeriodSeconds: 20, config: { routes: [A] } },
    /drain.timeout \(25s\) must be at least a second below the grace period of the pod \(20s\)/,
  ],
  'a socket where nothing can be written': [
    { config: { routes: [{ ...A, listen: 'ipc:///tmp/a.sock' }] } },
    /routes\[0\].listen \(ipc:\/\/\/tmp\/a.sock\) is in no volume of the sidecar/,
  ],
  'an endpoint at a socket in no volume': [
    { config: { routes: [{ ...A, upstream: { endpoints: ['ipc:///tmp/a.sock'] } }] } },
    /routes\[0\].upstream.endpoints \(ipc:\/\/\/tmp\/a.sock\) is in no volume of the sidecar/,
  ],
  'a key file that is mounted nowhere': [
    {
      config: {
        routes: [
          { ...A, listenCurve: { secretKeyFile: '/etc/keys/secret', allowedKeysFile: '/etc/keys/allowed' } },
        ],
      },
      extraVolumeMounts: [{ name: 'keys', mountPath: '/etc/key' }],
    },
    /routes\[0\].listenCurve.allowedKeysFile \(\/etc\/keys\/allowed\) is in no volume of the sidecar/,
  ],
  'headers for the collector in no volume': [
    { config: { routes: [A], tracing: { endpoint: 'http://c:4318', headersFile: '/etc/otel/headers' } } },
    /config.tracing.headersFile \(\/etc\/otel\/headers\) is in no volume of the sidecar/,
  ],
  'a debug directory in no volume': [
    { config: { routes: [A], admin: { debugDirectory: '/tmp' } } },
    /config.admin.debugDirectory \(\/tmp\) is in no volume of the sidecar/,
  ],
  'a template that makes no address': [
    { config: { routes: [{ ...A, listen: 'tcp://{{ .Release.Name }}:1' }] } },
    /routes\[0\].listen must be an address, such as tcp:\/\/127.0.0.1:5555 .*, and "tcp:\/\/demo:1" is not/,
  ],
  'a template that makes a number where a text is a name': [
    {
      config: {
        routes: [{ ...A, upstream: { kubernetes: { service: 'a', port: '{{ print 7000 }}' } } }],
      },
    },
    /routes\[0\].upstream.kubernetes.port \("7000"\) is a text, .*: write the number itself, or the name/,
  ],
  'a template that makes no duration': [
    { config: { routes: [{ ...A, timeout: '{{ .Release.Name }}' }] } },
    /routes\[0\].timeout must be a duration from 1ms to 1h, and "demo" is not/,
  ],
  'a template that makes no YAML': [
    { config: { routes: [{ ...A, name: '{{ printf "%c" 39 }}b' }] } },
    /lazypirate.config is not YAML once its templates are filled in/,
  ],
  'a variable that the chart sets': [
    { config: { routes: [A] }, extraEnv: [{ name: 'LAZYPIRATE_ADMIN_LISTEN', value: '127.0.0.1:9555' }] },
    /lazypirate.extraEnv: LAZYPIRATE_ADMIN_LISTEN is set by the chart/,
  ],
  'a variable that opens the inspect door': [
    { config: { routes: [A] }, extraEnv: [{ name: 'LAZYPIRATE_ADMIN_INSPECT', value: '0.0.0.0:9556' }] },
    /lazypirate.extraEnv: LAZYPIRATE_ADMIN_INSPECT is set by the chart, or makes/,
  ],
  'a variable for a single route, where there are two': [
    { config: { routes: [A, B] }, extraEnv: [{ name: 'LAZYPIRATE_TIMEOUT', value: '1s' }] },
    /lazypirate.extraEnv: LAZYPIRATE_TIMEOUT is set by the chart, or makes/,
  ],
  'an alert to leave out that there is not': [
    { config: { routes: [A] }, alerts: { disabled: ['LazypirateSlown'] } },
    /lazypirate.alerts.disabled: there is no alert LazypirateSlown; there are LazypirateNoEndpoints, /,
  ],
  'an image with a tag in its name': [
    { image: { repository: 'example.com/lazypirate:1' } },
    /image\/repository/,
  ],
  'an image with capitals': [{ image: { repository: 'example.com/Lazypirate' } }, /image\/repository/],
  'a tag that is none': [{ image: { tag: '-1' } }, /image\/tag/],
  'an interval without a unit': [{ podMonitor: { interval: '30' } }, /podMonitor\/interval/],
  'a share above one': [{ alerts: { failureRatio: 5 } }, /alerts\/failureRatio/],
  'a runbook that is no URL': [{ alerts: { runbook: 'RUNBOOK.md' } }, /alerts\/runbook/],
  'a label that is too long': [{ labels: { team: 'x'.repeat(64) } }, /labels\/team/],
  'a label that is a number': [{ selectorLabels: { team: 7 } }, /selectorLabels\/team/],
};

const ALLOWED: Record<string, object> = {
  'every unit, and numbers': {
    routes: [
      {
        ...A,
        timeout: 500,
        wait: '0',
        deadline: '1.5 m',
        limits: { messageBytes: '0.5GiB', queueBytes: 2 ** 30 },
      },
    ],
  },
  'a word in place of a duration or an object': {
    routes: [
      { ...A, hedge: 'off', heartbeat: 'auto' },
      { ...B, hedge: false, heartbeat: false },
    ],
  },
  'a hedge': { routes: [{ ...A, hedge: '200ms' }] },
  'a hedge in milliseconds': { routes: [{ ...A, hedge: 200 }] },
  'IPv6, in every spelling of loopback': {
    routes: [
      {
        ...A,
        listen: 'tcp://[0:0:0:0:0:0:0:1]:1',
        upstream: { endpoints: ['tcp://[fd00::1]:1', 'tcp://[fe80::1%eth0]:2'] },
      },
      { ...B, listen: 'tcp://[::ffff:127.0.0.1]:2' },
    ],
  },
  'listeners on one port of two loopback addresses': { routes: [A, { ...B, listen: 'tcp://127.0.0.2:1' }] },
  'a listener that others may reach': { routes: [{ ...A, listen: 'tcp://*:5555', allowNonLoopback: true }] },
  'a socket in the shared directory, and an abstract one': {
    routes: [
      { ...A, listen: 'ipc:///run/lazypirate/a.sock' },
      { ...B, listen: 'ipc://@b' },
    ],
  },
  'an endpoint at the port of the listener, elsewhere': {
    routes: [{ ...A, upstream: { endpoints: ['tcp://10.0.0.1:1'] } }],
  },
  'names by template': {
    routes: [{ ...A, upstream: { kubernetes: { service: '{{ .Release.Name }}-x', port: 'zmq' } } }],
  },
  'a drain a second below the grace period': { routes: [A], drain: { timeout: '29s' } },
  'an inspect door that is exposed': { routes: [A], admin: { inspect: '[::]:9556', expose: true } },
  'an inspect door on loopback of IPv6': { routes: [A], admin: { inspect: '[::1]:9556' } },
  'no inspect door': { routes: [A], admin: { inspect: 'off' } },
  'no inspect door, as YAML 1.1 reads it': { routes: [A], admin: { inspect: false } },
  'an admin port by every address of both families': { routes: [A], admin: { listen: '[::]:8080' } },
};

function isRefused(config: object): boolean {
  try {
    loadConfig({ env: {}, flags: {}, text: stringify(config) });
    return false;
  } catch (error) {
    if (error instanceof ConfigError) return true;
    throw error;
  }
}

describe('helm template', { skip: helmSkip }, () => {
  const charts = helmSkip === false ? new Charts() : (undefined as never);

  for (const [title, { config, words }] of Object.entries(REFUSED))
    test(`refuses ${title}, as the sidecar does`, () => {
      assert.ok(isRefused(config));
      assert.throws(() => charts.template(charts.demo, { lazypirate: { config } }), words);
    });

  for (const [title, [lazypirate, words]] of Object.entries(BREAKING))
    test(`refuses ${title}`, () => {
      assert.throws(() => charts.template(charts.demo, { lazypirate }), words);
    });

  for (const [title, config] of Object.entries(ALLOWED))
    test(`takes ${title}, as the sidecar does`, () => {
      const objects = charts.render(charts.demo, { lazypirate: { config } });
      const { data } = find(objects, 'ConfigMap', 'demo-lazypirate') as unknown as {
        data: Record<string, string>;
      };
      loadConfig({ env: {}, flags: {}, text: data['config.yaml'] ?? '' });
    });

  test('refuses a key that is null, and names it', () => {
    for (const key of [
      'config',
      'image',
      'native',
      'resources',
      'extraEnv',
      'labels',
      'networkPolicy',
      'alerts',
    ])
      assert.throws(
        () => charts.template(charts.demo, {}, `--set-json=lazypirate={"${key}":null}`),
        new RegExp(`missing property '${key}'`),
      );
  });
});
