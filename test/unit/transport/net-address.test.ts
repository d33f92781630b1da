import assert from 'node:assert/strict';
import { test } from 'node:test';
import { netAddressOf } from '../../../src/transport/zmtp/net-address.ts';

test('an address of the configuration becomes one of node:net', () => {
  assert.deepEqual(netAddressOf('tcp://10.0.0.1:5555'), { host: '10.0.0.1', port: 5555 });
  assert.deepEqual(netAddressOf('tcp://[fd00::1]:5555'), { host: 'fd00::1', port: 5555 });
  assert.deepEqual(netAddressOf('tcp://*:5555'), { host: '0.0.0.0', port: 5555 });
  assert.deepEqual(netAddressOf('ipc:///run/a.sock'), { path: '/run/a.sock' });
  assert.deepEqual(netAddressOf('ipc://@a'), { path: '\0a' }, 'an abstract name');
});

test('any other address is refused', () => {
  for (const address of ['inproc://a', 'tcp://10.0.0.1', 'udp://10.0.0.1:1'])
    assert.throws(() => netAddressOf(address), /not an address that this transport can use/);
});
