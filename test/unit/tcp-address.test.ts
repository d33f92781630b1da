import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostPort, tcpAddress } from '../../src/tcp-address.ts';

test('an IPv6 address stands in brackets, an IPv4 address does not', () => {
  assert.equal(tcpAddress('10.1.2.3', 7000), 'tcp://10.1.2.3:7000');
  assert.equal(tcpAddress('fd00::3', 7000), 'tcp://[fd00::3]:7000');
  assert.equal(hostPort('::', 9555), '[::]:9555');
});
