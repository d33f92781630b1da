import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type EndpointSlice, endpointsOf } from '../../../src/discovery/slices.ts';

const PORTS = [{ name: 'zmq', port: 7000 }];

function slice(endpoints: NonNullable<EndpointSlice['endpoints']>, given: EndpointSlice = {}): EndpointSlice {
  return { addressType: 'IPv4', ports: PORTS, endpoints, ...given };
}

const addresses = (slices: EndpointSlice[], port: string | number = 'zmq', zone?: string) =>
  endpointsOf(slices, port, zone).map(({ address }) => address.replace('tcp://', ''));

test('ready means true where it is not said, serving and terminating likewise', () => {
  const endpoints = [
    { addresses: ['10.0.0.1'] },
    { addresses: ['10.0.0.2'], conditions: {} },
    { addresses: ['10.0.0.3'], conditions: { ready: null } },
    { addresses: ['10.0.0.4'], conditions: { ready: false } },
    { addresses: ['10.0.0.5'], conditions: { ready: true, terminating: true } },
  ];
  assert.deepEqual(addresses([slice(endpoints)]), ['10.0.0.1:7000', '10.0.0.2:7000', '10.0.0.3:7000']);
});

test('where none is ready, those that serve while they terminate are used', () => {
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

test('of two address families one is used', () => {
  const four = slice([{ addresses: ['10.0.0.1'] }]);
  const six = slice([{ addresses: ['fd00::1'] }], { addressType: 'IPv6' });
  assert.deepEqual(addresses([six, four]), ['10.0.0.1:7000']);
  assert.deepEqual(addresses([six]), ['[fd00::1]:7000']);
});

test('zone hints are followed where all have one and some are for our zone', () => {
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

test('the pod behind an address is told, so that the next one starts afresh', () => {
  const endpoints = [{ addresses: ['10.0.0.1'], targetRef: { uid: 'one' } }];
  assert.deepEqual(endpointsOf([slice(endpoints)], 'zmq', undefined), [
    { address: 'tcp://10.0.0.1:7000', identity: 'one' },
  ]);
});

test('whatever a server sends is survived', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (endpoints, ports, type) => {
      const slice = { endpoints, ports, addressType: type } as unknown as EndpointSlice;
      try {
        endpointsOf([slice], 'zmq', 'a');
      } catch (error) {
        assert.ok(error instanceof TypeError);
      }
    }),
  );
});
