import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  cannotBothListen,
  isLocal,
  leadsBackTo,
  parseEndpoint,
  parseHostPort,
  parseListen,
} from '../../../../src/config/values/address.ts';

test('a refusal shows an address as it is needed there', () => {
  assert.throws(
    () => parseListen('5555'),
    /^Error: "5555" is not an address: write tcp:\/\/127\.0\.0\.1:5555 or /,
  );
  assert.throws(
    () => parseEndpoint('7000'),
    /^Error: "7000" is not an address: write tcp:\/\/10\.1\.2\.3:7000 or /,
  );
});

test('an endpoint has an IP address and a port, or an ipc path', () => {
  assert.equal(parseEndpoint('tcp://10.1.2.3:7000'), 'tcp://10.1.2.3:7000');
  assert.equal(parseEndpoint('tcp://localhost:7000'), 'tcp://127.0.0.1:7000');
  assert.equal(parseEndpoint('tcp://[FD00::1]:7000'), 'tcp://[fd00::1]:7000');
  assert.equal(parseEndpoint('tcp://10.1.2.3:07000'), 'tcp://10.1.2.3:7000');
  assert.equal(parseEndpoint('ipc:///run/a.sock'), 'ipc:///run/a.sock');
  assert.equal(parseEndpoint('ipc://@name'), 'ipc://@name');
  assert.equal(parseEndpoint('ipc://@\u2028'), 'ipc://@\u2028');
});

test('addresses that libzmq would accept but never connect to are refused', () => {
  const rows: [string, RegExp][] = [
    ['tcp://10.1.2.3:99999', /at most 65535/],
    ['tcp://10.1.2.3:0', /from 1 to 65535/],
    ['tcp://10.1.2.3', /write tcp:\/\/IP:PORT/],
    ['tcp://fd00::1:7000', /in brackets/],
    ['tcp://10.1.2.300:7000', /is not an IP address/],
    ['tcp://orders.shop.svc:7000', /names are not looked up/],
    ['tcp://*:7000', /not an address to connect to/],
    ['tcp://0.0.0.0:7000', /not an address to connect to/],
    ['udp://10.1.2.3:7000', /write tcp:/],
    ['10.1.2.3:7000', /write tcp:/],
    ['ipc://run/a.sock', /absolute path/],
    [`ipc:///${'x'.repeat(107)}`, /108 bytes; at most 107 are possible/],
    ['', /write tcp:/],
  ];
  for (const [text, words] of rows) assert.throws(() => parseEndpoint(text), words, text);
});

test('a variable in an address is refused', () => {
  for (const variable of ['$' + '{PORT}', '$(PORT)', '$PORT']) {
    const isTold = ({ message }: Error) => message.includes(`variables such as ${variable} are not expanded`);
    assert.throws(() => parseListen(`tcp://127.0.0.1:${variable}`), isTold);
    assert.throws(() => parseEndpoint(`ipc:///run/${variable}/a.sock`), isTold);
    assert.throws(() => parseHostPort(`0.0.0.0:${variable}`), isTold);
  }
  assert.equal(parseListen('ipc:///run/a$'), 'ipc:///run/a$');
});

test('a listener may have port 0 and any address of the machine', () => {
  assert.equal(parseListen('tcp://127.0.0.1:0'), 'tcp://127.0.0.1:0');
  assert.equal(parseListen('tcp://*:5555'), 'tcp://*:5555');
  assert.throws(() => parseListen('tcp://eth0:5555'), /is not an IP address/);
});

test('an IPv6 address has one canonical form, and its zone is unchanged', () => {
  assert.equal(parseListen('tcp://[0:0:0:0:0:0:0:1]:5'), 'tcp://[::1]:5');
  assert.equal(parseEndpoint('tcp://[FE80:0::1%Eth0]:5'), 'tcp://[fe80::1%Eth0]:5');
  assert.throws(() => parseEndpoint('tcp://[0::0]:5'), /not an address to connect to/);
});

test('an address that is written in another way is the same address', () => {
  assert.equal(parseListen('tcp://[::ffff:127.0.0.1]:5'), 'tcp://127.0.0.1:5');
  assert.equal(parseListen('tcp://[0:0:0:0:0:FFFF:7f00:1]:5'), 'tcp://127.0.0.1:5');
  assert.deepEqual(parseHostPort('[::ffff:0.0.0.0]:5'), { host: '0.0.0.0', port: 5 });
  assert.throws(() => parseEndpoint('tcp://[::ffff:0.0.0.0]:5'), /is not an address to connect to/);
  assert.equal(parseListen('ipc:///run//a/./b.sock'), 'ipc:///run/a/b.sock');
  assert.throws(() => parseListen('ipc:///run/a/../b.sock'), /without \.\./);
  for (const directory of ['ipc:///run/', 'ipc:///run/.'])
    assert.throws(() => parseListen(directory), /the path is a directory: add the name of the socket/);
  assert.equal(parseListen('ipc://@a//b'), 'ipc://@a//b');
});

test('only loopback and ipc are local', () => {
  for (const one of ['tcp://127.0.0.1:1', 'tcp://127.8.0.1:1', 'tcp://[::1]:1', 'ipc:///a'])
    assert.ok(isLocal(one), one);
  for (const one of ['tcp://*:1', 'tcp://0.0.0.0:1', 'tcp://[::]:1', 'tcp://10.0.0.1:1'])
    assert.ok(!isLocal(one), one);
});

test('an upstream that is the listener itself is detected, even behind a wildcard', () => {
  assert.ok(leadsBackTo('tcp://127.0.0.1:5555', 'tcp://127.0.0.1:5555'));
  assert.ok(leadsBackTo('tcp://127.0.0.1:5555', 'tcp://*:5555'));
  assert.ok(leadsBackTo('tcp://[::1]:5555', 'tcp://[::]:5555'));
  assert.ok(leadsBackTo('tcp://127.0.0.1:5555', 'tcp://[::]:5555'));
  assert.ok(!leadsBackTo('tcp://[::1]:5555', 'tcp://0.0.0.0:5555'), 'which is IPv4 only');
  assert.ok(!leadsBackTo('tcp://127.0.0.1:5556', 'tcp://*:5555'));
  assert.ok(!leadsBackTo('tcp://10.0.0.1:5555', 'tcp://127.0.0.1:5555'));
});

test('two listeners may share port 0 and nothing else', () => {
  assert.ok(cannotBothListen('tcp://127.0.0.1:5555', 'tcp://127.0.0.1:5555'));
  assert.ok(!cannotBothListen('tcp://127.0.0.1:0', 'tcp://127.0.0.1:0'));
  assert.ok(cannotBothListen('ipc:///run/a', 'ipc:///run/a'));
});

test('a listener on every address leaves none for another', () => {
  const hosts = ['*', '0.0.0.0', '127.0.0.1', '127.0.0.2', '[::]', '[::1]'];
  const free = hosts.flatMap((one) =>
    hosts.filter((by) => !cannotBothListen(`tcp://${one}:5`, `tcp://${by}:5`)).map((by) => `${one} ${by}`),
  );
  // What Linux does with libzmq and node:http: only [::1] is no address of IPv4.
  assert.deepEqual(free, [
    ...['* [::1]', '0.0.0.0 [::1]', '127.0.0.1 127.0.0.2', '127.0.0.1 [::1]', '127.0.0.2 127.0.0.1'],
    ...['127.0.0.2 [::1]', '[::1] *', '[::1] 0.0.0.0', '[::1] 127.0.0.1', '[::1] 127.0.0.2'],
  ]);
});

test('the admin address is a host and a port', () => {
  assert.deepEqual(parseHostPort('0.0.0.0:9555'), { host: '0.0.0.0', port: 9555 });
  assert.deepEqual(parseHostPort('[::1]:0'), { host: '::1', port: 0 });
  assert.deepEqual(parseHostPort('localhost:80'), { host: '127.0.0.1', port: 80 });
  for (const text of ['9555', 'host:9555', '0.0.0.0:70000', '::1:80', ''])
    assert.throws(() => parseHostPort(text), text);
});
