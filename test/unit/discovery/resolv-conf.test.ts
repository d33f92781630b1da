import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressesInHosts, namesToTry, parseResolvConf } from '../../../src/discovery/resolv-conf.ts';

test('the resolv.conf of a kubelet is read', () => {
  const text = `# made by the kubelet
search shop.svc.cluster.local svc.cluster.local cluster.local
nameserver 10.96.0.10
nameserver fd00::a
options ndots:5 timeout:1 attempts:3 single-request
`;
  assert.deepEqual(parseResolvConf(text), {
    servers: ['10.96.0.10', 'fd00::a'],
    search: ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
    ndots: 5,
    timeoutMs: 1_000,
    attempts: 3,
  });
});

test('missing and excess values are handled as in the C library', () => {
  const plain = { servers: ['127.0.0.1'], search: [], ndots: 1, timeoutMs: 5_000, attempts: 2 };
  assert.deepEqual(parseResolvConf(''), plain);
  assert.deepEqual(parseResolvConf(';nameserver 1.1.1.1\nsearch .\noptions timeout:0 attempts:0 ndots:x\n'), {
    ...plain,
    timeoutMs: 1_000,
    attempts: 1,
  });
  const much = parseResolvConf('options ndots:99 timeout:99 attempts:99\ndomain a.b c.d\nsearch e.f.');
  assert.deepEqual(much, { ...plain, search: ['e.f'], ndots: 15, timeoutMs: 30_000, attempts: 5 });
  const four = parseResolvConf([1, 2, 3, 4].map((number) => `nameserver 10.0.0.${number}`).join('\n'));
  assert.deepEqual(four.servers, ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
});

test('a name with fewer dots than ndots is tried with the search domains first, one with a final dot never', () => {
  const conf = { ...parseResolvConf(''), search: ['a', 'b.c'], ndots: 2 };
  assert.deepEqual(namesToTry('orders', conf), ['orders.a', 'orders.b.c', 'orders']);
  assert.deepEqual(namesToTry('orders.shop.svc', conf), [
    'orders.shop.svc',
    'orders.shop.svc.a',
    'orders.shop.svc.b.c',
  ]);
  assert.deepEqual(namesToTry('orders.', conf), ['orders']);
});

test('the hosts file gives every address of a name, whatever its case', () => {
  const hosts = `127.0.0.1 localhost
::1\tlocalhost ip6-localhost # loopback
# 10.9.9.9 orders
10.0.0.1 Orders.shop orders
nonsense orders
`;
  assert.deepEqual(addressesInHosts('LocalHost', hosts), ['127.0.0.1', '::1']);
  assert.deepEqual(addressesInHosts('orders.', hosts), ['10.0.0.1']);
  assert.deepEqual(addressesInHosts('ip6-localhos', hosts), []);
});
