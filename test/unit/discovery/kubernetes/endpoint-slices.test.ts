import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Family, FamilyChoice } from '../../../../src/discovery/address-family.ts';
import {
  type EndpointSlice,
  endpointsOf,
  whyNoEndpoints,
} from '../../../../src/discovery/kubernetes/endpoint-slices.ts';

const PORTS = [{ name: 'zmq', port: 7000 }];

function slice(endpoints: NonNullable<EndpointSlice['endpoints']>, given: EndpointSlice = {}): EndpointSlice {
  return { addressType: 'IPv4', ports: PORTS, endpoints, ...given };
}

const BOTH = () => new Set<Family>(['IPv4', 'IPv6']);

/** Addresses, or `waits`. */
function found(slices: EndpointSlice[], families: FamilyChoice, nowMs = 0, port: string | number = 'zmq') {
  const all = endpointsOf(slices, port, undefined, families, nowMs);
  return 'waitMs' in all ? ['waits'] : all.map(({ address }) => address.replace('tcp://', ''));
}

function addresses(slices: EndpointSlice[], port: string | number = 'zmq', zone?: string) {
  const all = endpointsOf(slices, port, zone, new FamilyChoice(BOTH));
  assert.ok(Array.isArray(all));
  return all.map(({ address }) => address.replace('tcp://', ''));
}

const four = (...ips: string[]) => slice(ips.map((ip) => ({ addresses: [ip] })));
const six = (...ips: string[]) =>
  slice(
    ips.map((ip) => ({ addresses: [ip] })),
    { addressType: 'IPv6' },
  );

test('missing conditions have their defaults: ready, serving, not terminating', () => {
  const endpoints = [
    { addresses: ['10.0.0.1'] },
    { addresses: ['10.0.0.2'], conditions: {} },
    { addresses: ['10.0.0.3'], conditions: { ready: null } },
    { addresses: ['10.0.0.4'], conditions: { ready: false } },
    { addresses: ['10.0.0.5'], conditions: { ready: true, terminating: true } },
  ];
  assert.deepEqual(addresses([slice(endpoints)]), ['10.0.0.1:7000', '10.0.0.2:7000', '10.0.0.3:7000']);
});

test('an endpoint has the names of its pod, node and zone, if it is a pod', () => {
  const where = { nodeName: 'worker-2', zone: 'b' };
  const endpoints = [
    { addresses: ['10.0.0.1'], targetRef: { kind: 'Pod', name: 'orders-1', uid: 'u' }, ...where },
    { addresses: ['10.0.0.2'], targetRef: { kind: 'Node', name: 'worker-3', uid: 'v' } },
    { addresses: ['10.0.0.3'], targetRef: null, nodeName: null, zone: null },
  ];
  assert.deepEqual(endpointsOf([slice(endpoints)], 'zmq', undefined, new FamilyChoice(BOTH)), [
    { address: 'tcp://10.0.0.1:7000', identity: 'u', pod: 'orders-1', node: 'worker-2', zone: 'b' },
    { address: 'tcp://10.0.0.2:7000', identity: 'v' },
    { address: 'tcp://10.0.0.3:7000' },
  ]);
});

test('if none is ready, those that serve while they terminate are used', () => {
  const endpoints = [
    { addresses: ['10.0.0.1'], conditions: { ready: false, serving: true, terminating: true } },
    { addresses: ['10.0.0.2'], conditions: { ready: false, serving: false, terminating: true } },
    { addresses: ['10.0.0.3'], conditions: { ready: false, serving: true, terminating: false } },
  ];
  assert.deepEqual(addresses([slice(endpoints)]), ['10.0.0.1:7000']);
});

test('a port is looked up by its name in each slice, and a number is taken as it is', () => {
  const slices = [
    slice([{ addresses: ['10.0.0.1'] }]),
    slice([{ addresses: ['10.0.0.2'] }], {
      ports: [
        { name: 'http', port: 80 },
        { name: 'zmq', port: 7001 },
      ],
    }),
    slice([{ addresses: ['10.0.0.3'] }], { ports: [{ name: 'http', port: 80 }] }),
  ];
  assert.deepEqual(addresses(slices), ['10.0.0.1:7000', '10.0.0.2:7001']);
  assert.deepEqual(addresses(slices, 9), ['10.0.0.1:9', '10.0.0.2:9', '10.0.0.3:9']);
});

test('only the first address of an endpoint counts, each address once, names not at all', () => {
  const twice = slice([{ addresses: ['10.0.0.1', '10.0.0.9'] }, { addresses: ['10.0.0.1'] }]);
  const names = slice([{ addresses: ['orders.shop'] }], { addressType: 'FQDN' });
  assert.deepEqual(addresses([twice, names]), ['10.0.0.1:7000']);
});

test('only one of two address families is used', () => {
  const four = slice([{ addresses: ['10.0.0.1'] }]);
  const six = slice([{ addresses: ['fd00::1'] }], { addressType: 'IPv6' });
  assert.deepEqual(addresses([six, four]), ['10.0.0.1:7000']);
  assert.deepEqual(addresses([six]), ['[fd00::1]:7000']);
});

test('a service that loses or gains a pod stays with its family while its two slices are written', () => {
  const families = new FamilyChoice(BOTH);
  const [a, b, c] = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
  const sets = [
    [four(a, b), six('fd00::1', 'fd00::2')],
    [four(a), six('fd00::1', 'fd00::2')],
    [four(a), six('fd00::1')],
    [four(a), six('fd00::1', 'fd00::2', 'fd00::3')],
    [four(a, b, c), six('fd00::1', 'fd00::2', 'fd00::3')],
  ];
  for (const slices of sets) assert.ok(found(slices, families).every((one) => one.startsWith('10.')));
});

test('a family that has only terminating endpoints left is kept', () => {
  const families = new FamilyChoice(BOTH);
  found([four('10.0.0.1'), six('fd00::1')], families);
  const conditions = { ready: false, serving: true, terminating: true };
  const leaving = slice([{ addresses: ['10.0.0.1'], conditions }]);
  assert.deepEqual(found([leaving, six('fd00::1', 'fd00::2')], families), ['10.0.0.1:7000']);
});

test('the other family takes over once the first has been empty for a second, and keeps the set then', () => {
  const families = new FamilyChoice(BOTH);
  found([four('10.0.0.1'), six('fd00::1')], families);
  assert.deepEqual(found([four(), six('fd00::1')], families, 1_000), ['waits']);
  assert.deepEqual(found([four(), six('fd00::1')], families, 1_999), ['waits']);
  assert.deepEqual(found([four(), six('fd00::1')], families, 2_000), ['[fd00::1]:7000']);
  assert.deepEqual(found([four('10.0.0.1'), six('fd00::1')], families, 9_000), ['[fd00::1]:7000']);
});

test('a service whose IPv6 slice appears first is used over IPv4 anyway', () => {
  const families = new FamilyChoice(BOTH);
  assert.deepEqual(found([], families), []);
  assert.deepEqual(found([six('fd00::1')], families, 10), ['waits']);
  assert.deepEqual(found([six('fd00::1'), four('10.0.0.1')], families, 20), ['10.0.0.1:7000']);
});

test('the only family of a service is used at once', () => {
  assert.deepEqual(found([six('fd00::1')], new FamilyChoice(BOTH)), ['[fd00::1]:7000']);
});

test('if this machine has only one family, that one is chosen', () => {
  const both = [four('10.0.0.1'), six('fd00::1')];
  assert.deepEqual(found(both, new FamilyChoice(() => new Set<Family>(['IPv6']))), ['[fd00::1]:7000']);
  const many = [four('10.0.0.1'), six('fd00::1', 'fd00::2', 'fd00::3')];
  assert.deepEqual(found(many, new FamilyChoice(() => new Set<Family>(['IPv4']))), ['10.0.0.1:7000']);
  assert.equal(found(many, new FamilyChoice(BOTH)).length, 3, 'far more of them have IPv6');
});

const IT = { name: 'it', namespace: 'shop' };

test('the reason why there is no endpoint is given', () => {
  const unready = { addresses: ['10.0.0.1'], conditions: { ready: false } };
  const rows: [EndpointSlice[], string | number, string][] = [
    [[], 'zmq', 'there is no EndpointSlice of it; check its name and namespace'],
    [[slice([], { ports: null })], 'zmq', 'it selects no pods'],
    [[slice([])], 'zmq', 'it selects no pods'],
    [[four('10.0.0.1')], 'smq', 'it has no port named "smq"; its ports: "zmq" (7000)'],
    [
      [slice([unready], { ports: [] })],
      'zmq',
      'it has no port named "zmq", or its targetPort names a port that its pods do not have',
    ],
    [
      [slice([], { ports: [{ name: '', port: 7000 }] })],
      'zmq',
      'it has no port named "zmq"; its ports: 7000 (without a name)',
    ],
    [[slice([unready])], 'zmq', 'no pod of it is ready'],
    [[slice([unready])], 7000, 'no pod of it is ready'],
  ];
  for (const [slices, port, why] of rows)
    assert.equal(
      whyNoEndpoints(slices, port, IT).words,
      why.replace(/\bit\b/, 'Service it in namespace shop'),
    );
});

test('zone hints are followed if all endpoints have one and some are for our zone', () => {
  const hinted = (ip: string, ...zones: string[]) => ({
    addresses: [ip],
    hints: { forZones: zones.map((name) => ({ name })) },
  });
  const all = [hinted('10.0.0.1', 'a'), hinted('10.0.0.2', 'b'), hinted('10.0.0.3', 'a', 'b')];
  assert.deepEqual(addresses([slice(all)], 'zmq', 'a'), ['10.0.0.1:7000', '10.0.0.3:7000']);
  assert.equal(addresses([slice(all)], 'zmq', 'c').length, 3, 'no endpoint for our zone');
  assert.equal(addresses([slice(all)]).length, 3, 'no zone known');
  const one = [...all, { addresses: ['10.0.0.4'] }];
  assert.equal(addresses([slice(one)], 'zmq', 'a').length, 4, 'one without a hint');
});

test('the pod behind an address is reported, so that a new pod starts afresh', () => {
  const endpoints = [{ addresses: ['10.0.0.1'], targetRef: { uid: 'one' } }];
  assert.deepEqual(endpointsOf([slice(endpoints)], 'zmq', undefined), [
    { address: 'tcp://10.0.0.1:7000', identity: 'one' },
  ]);
});

test('no answer from a server causes an error', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (endpoints, ports, type) => {
      const slice = { endpoints, ports, addressType: type } as unknown as EndpointSlice;
      try {
        endpointsOf([slice], 'zmq', 'a');
        whyNoEndpoints([slice], 'zmq', IT);
      } catch (error) {
        assert.ok(error instanceof TypeError);
      }
    }),
  );
});

test('a machine with one family leaves the other one when its own is found later', () => {
  const families = new FamilyChoice(() => new Set<Family>(['IPv6']));
  assert.deepEqual(found([four('10.0.0.1')], families), ['10.0.0.1:7000'], 'better than nothing');
  assert.deepEqual(found([four('10.0.0.1'), six('fd00::1')], families, 10), ['waits']);
  assert.deepEqual(found([four('10.0.0.1'), six('fd00::1')], families, 1_010), ['[fd00::1]:7000']);
  assert.deepEqual(found([four('10.0.0.1', '10.0.0.2'), six('fd00::1')], families, 1_020), [
    '[fd00::1]:7000',
  ]);
});
