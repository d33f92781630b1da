import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Family } from '../../../../src/discovery/address-family.ts';
import { type Pod, podState, whyNoPod } from '../../../../src/discovery/kubernetes/pods.ts';

const READY = [{ type: 'Ready', status: 'True' }];
const pod = (given: Pod = {}): Pod => ({
  metadata: { uid: 'u' },
  spec: { containers: [{ ports: [{ name: 'zmq', containerPort: 7000 }] }] },
  status: { phase: 'Running', podIP: '10.0.0.1', conditions: READY },
  ...given,
});

const BOTH = new Set<Family>(['IPv4', 'IPv6']);

function endpointOf(pod: Pod, port: string | number, own = BOTH) {
  const state = podState(pod, port, own);
  return state.kind === 'ready' ? state.endpoint : undefined;
}

test('a running, ready pod has an address', () => {
  assert.deepEqual(endpointOf(pod(), 'zmq'), { address: 'tcp://10.0.0.1:7000', identity: 'u' });
  assert.equal(endpointOf(pod(), 9)?.address, 'tcp://10.0.0.1:9');
});

test('a pod has its name and that of its node, if they can be names', () => {
  const named = pod({
    metadata: { uid: 'u', name: 'orders-1' },
    spec: { nodeName: 'worker-2', containers: [{ ports: [{ name: 'zmq', containerPort: 7000 }] }] },
  });
  const address = 'tcp://10.0.0.1:7000';
  assert.deepEqual(endpointOf(named, 'zmq'), { address, identity: 'u', pod: 'orders-1', node: 'worker-2' });
  const odd = { uid: 5, name: 'x'.repeat(254) } as unknown as NonNullable<Pod['metadata']>;
  assert.deepEqual(endpointOf(pod({ metadata: odd }), 'zmq'), { address });
});

test('an IPv6 address of a pod is in brackets', () => {
  const status = { phase: 'Running', podIP: 'fd00::1', conditions: READY };
  assert.equal(endpointOf(pod({ status }), 'zmq')?.address, 'tcp://[fd00::1]:7000');
});

test('a pod that is pending, not ready, terminating, without an IP or without the port has no address', () => {
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

test('a pod with two families counts once, with its primary address, or with the one that this machine can reach', () => {
  const podIPs = [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }];
  const dual = pod({ status: { phase: 'Running', podIP: '10.0.0.1', podIPs, conditions: READY } });
  assert.equal(endpointOf(dual, 9)?.address, 'tcp://10.0.0.1:9');
  assert.equal(endpointOf(dual, 9, new Set<Family>())?.address, 'tcp://10.0.0.1:9');
  assert.equal(endpointOf(dual, 9, new Set<Family>(['IPv6']))?.address, 'tcp://[fd00::1]:9');
  assert.equal(endpointOf(pod(), 9, new Set<Family>(['IPv6']))?.address, 'tcp://10.0.0.1:9');
});

test('the reason why no pod can take requests is given', () => {
  const ports = (...names: string[]) => ({
    containers: [{ ports: names.map((name, index) => ({ name, containerPort: 80 + index })) }],
  });
  const states = (...pods: Pod[]) => pods.map((one) => podState(one, 'zmq', BOTH));
  const unready = pod({ status: { phase: 'Pending' } });
  const rows: [Pod[], string][] = [
    [[], 'there are no pods; check the selector and the namespace'],
    [[unready, unready], 'there are pods, but none is ready'],
    [
      [pod({ spec: ports('http', 'admin') }), unready],
      'the pods have no port named "zmq"; their ports: "admin", "http"',
    ],
    [[pod({ spec: { containers: [{}] } })], 'the pods have no port named "zmq"; their ports: none'],
  ];
  for (const [pods, why] of rows) {
    const { words } = whyNoPod(states(...pods), 'zmq', { name: 'a=b', namespace: 'shop' });
    assert.equal(words, why.replace('pods', 'pods with a=b in namespace shop'));
  }
});
