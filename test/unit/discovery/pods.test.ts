import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointOf, type Pod } from '../../../src/discovery/pods.ts';

const READY = [{ type: 'Ready', status: 'True' }];
const pod = (given: Pod = {}): Pod => ({
  metadata: { uid: 'u' },
  spec: { containers: [{ ports: [{ name: 'zmq', containerPort: 7000 }] }] },
  status: { phase: 'Running', podIP: '10.0.0.1', conditions: READY },
  ...given,
});

test('a running, ready pod has an address', () => {
  assert.deepEqual(endpointOf(pod(), 'zmq'), { address: 'tcp://10.0.0.1:7000', identity: 'u' });
  assert.equal(endpointOf(pod(), 9)?.address, 'tcp://10.0.0.1:9');
});

test('a pod over IPv6 has its address in brackets', () => {
  const status = { phase: 'Running', podIP: 'fd00::1', conditions: READY };
  assert.equal(endpointOf(pod({ status }), 'zmq')?.address, 'tcp://[fd00::1]:7000');
});

test('one that is pending, not ready, on its way out, without an IP or without the port has none', () => {
  const rows: Pod[] = [
    { status: { phase: 'Pending', podIP: '10.0.0.1', conditions: READY } },
    { status: { phase: 'Running', podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: 'False' }] } },
    { status: { phase: 'Running', podIP: '10.0.0.1' } },
    { metadata: { deletionTimestamp: new Date() } },
    { status: { phase: 'Running', conditions: READY } },
    { status: { phase: 'Running', podIP: 'orders', conditions: READY } },
    { spec: { containers: [{ ports: [{ name: 'http', containerPort: 80 }] }] } },
  ];
  for (const row of rows) assert.equal(endpointOf(pod(row), 'zmq'), undefined, JSON.stringify(row));
});

test('the port of a native sidecar counts, that of an init container does not', () => {
  const ports = [{ name: 'zmq', containerPort: 7100 }];
  const sidecar = { containers: [{}], initContainers: [{ restartPolicy: 'Always', ports }] };
  assert.equal(endpointOf(pod({ spec: sidecar }), 'zmq')?.address, 'tcp://10.0.0.1:7100');
  assert.equal(
    endpointOf(pod({ spec: { containers: [{}], initContainers: [{ ports }] } }), 'zmq'),
    undefined,
  );
});
