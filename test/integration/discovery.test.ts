import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ApiObject, slice } from '../support/api-server.ts';
import { discover, startCluster } from '../support/cluster.ts';

/* Against the API server of test/support, or a real one: LAZYPIRATE_TEST_KUBECONFIG=... npm run test:discovery */

const SERVICE = { kind: 'service', name: 'orders' } as const;

function pod(name: string, ip: string, { ready = true, app = 'orders', node = {} } = {}): ApiObject {
  return {
    metadata: { name, labels: { app } },
    spec: {
      ...node,
      automountServiceAccountToken: false,
      containers: [{ name: 'main', image: 'none', ports: [{ name: 'zmq', containerPort: 7000 }] }],
    },
    status: {
      phase: 'Running',
      podIP: ip,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  };
}

test('the slices of a service are merged and watched', async (t) => {
  const cluster = await startCluster(t, 'service');
  await cluster.put(
    'endpointslices',
    slice('orders-a', [{ ip: '10.1.0.1' }, { ip: '10.1.0.2', ready: false }]),
  );
  await cluster.put('endpointslices', slice('orders-b', [{ ip: '10.1.0.3' }], 7001));
  const { told } = discover(t, cluster.kubeconfig, SERVICE);
  await told.untilSet('tcp://10.1.0.1:7000', 'tcp://10.1.0.3:7001');

  await cluster.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.1' }, { ip: '10.1.0.2' }]));
  await told.untilSet('tcp://10.1.0.1:7000', 'tcp://10.1.0.2:7000', 'tcp://10.1.0.3:7001');
  await cluster.delete('endpointslices', 'orders-b');
  await told.untilSet('tcp://10.1.0.1:7000', 'tcp://10.1.0.2:7000');
  const leaving = { ip: '10.1.0.1', ready: false, serving: true, terminating: true };
  await cluster.put('endpointslices', slice('orders-a', [leaving, { ip: '10.1.0.2' }]));
  await told.untilSet('tcp://10.1.0.2:7000');
  assert.deepEqual(told.failures, []);
});

test('the endpoints of a service have the names of their pods, nodes and zones', async (t) => {
  const cluster = await startCluster(t, 'service');
  const named = { ip: '10.1.0.1', uid: 'u', pod: 'orders-1', node: 'worker-2', zone: 'b' };
  await cluster.put('endpointslices', slice('orders-a', [named, { ip: '10.1.0.2' }]));
  const { told } = discover(t, cluster.kubeconfig, SERVICE);
  await told.untilSet('tcp://10.1.0.1:7000', 'tcp://10.1.0.2:7000');
  const { ip: _, uid: identity, ...names } = named;
  assert.deepEqual(told.endpoints, [
    { address: 'tcp://10.1.0.1:7000', identity, ...names },
    { address: 'tcp://10.1.0.2:7000' },
  ]);
  // The pod of a slice that a person has written may be named later.
  await cluster.put('endpointslices', slice('orders-a', [named, { ip: '10.1.0.2', pod: 'orders-2' }]));
  await told.until(({ endpoints }) => endpoints[1]?.pod === 'orders-2');
});

test('pods that are found by label have their names, and those of their nodes', async (t) => {
  const cluster = await startCluster(t, 'pods');
  await cluster.put('pods', pod('orders-1', '10.1.0.1', { node: { nodeName: 'worker-2' } }));
  const { told } = discover(t, cluster.kubeconfig, { kind: 'pods', selector: 'app=orders' });
  await told.untilSet('tcp://10.1.0.1:7000');
  const [{ pod: name, node } = {}] = told.endpoints;
  assert.deepEqual([name, node], ['orders-1', 'worker-2']);
});

test('an empty set is reported too', async (t) => {
  const cluster = await startCluster(t, 'service');
  const { told } = discover(t, cluster.kubeconfig, SERVICE);
  await told.untilSet();
  await cluster.put('endpointslices', slice('orders-a', [{ ip: '10.1.0.1' }]));
  await told.untilSet('tcp://10.1.0.1:7000');
  await cluster.put('endpointslices', slice('orders-a', []));
  await told.untilSet();
});

test('pods are found by label when they are ready, with the configured port', async (t) => {
  const cluster = await startCluster(t, 'pods');
  await cluster.put('pods', pod('a', '10.1.0.1'));
  await cluster.put('pods', pod('b', '10.1.0.2', { ready: false }));
  await cluster.put('pods', pod('c', '10.1.0.3', { app: 'prices' }));
  const { told } = discover(t, cluster.kubeconfig, { kind: 'pods', selector: 'app=orders' });
  await told.untilSet('tcp://10.1.0.1:7000');
  await cluster.put('pods', pod('b', '10.1.0.2'));
  await told.untilSet('tcp://10.1.0.1:7000', 'tcp://10.1.0.2:7000');
  await cluster.delete('pods', 'a');
  await told.untilSet('tcp://10.1.0.2:7000');
});

test('an empty set comes with a reason, which goes away when there is an endpoint', async (t) => {
  const cluster = await startCluster(t, 'pods');
  const { told } = discover(t, cluster.kubeconfig, { kind: 'pods', selector: 'app=orders' });
  const lastWhy = (why: string | undefined) =>
    told.until(({ whys }) => whys.length > 0 && whys.at(-1) === why?.replace('NS', cluster.namespace));
  await lastWhy('there are no pods with app=orders in namespace NS; check the selector and the namespace');
  await cluster.put('pods', pod('a', '10.1.0.1', { ready: false }));
  await lastWhy('there are pods with app=orders in namespace NS, but none is ready');
  await cluster.put('pods', pod('a', '10.1.0.1'));
  await lastWhy(undefined);
  assert.deepEqual(told.last, ['tcp://10.1.0.1:7000']);
});
