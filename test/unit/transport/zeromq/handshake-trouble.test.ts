import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { curveKeyPair, type Event } from 'zeromq';
import { wordsOf } from '../../../../src/transport/connection-end.ts';
import { sharper, troubleOf } from '../../../../src/transport/zeromq/handshake-trouble.ts';

const [server, ours] = [curveKeyPair(), curveKeyPair()];
const CURVE = {
  serverKey: server.publicKey,
  ...ours,
  files: { serverKeyFile: '/keys/server', publicKeyFile: '/keys/ours' },
};

function failed(type: string, code = '') {
  const error = Object.assign(new Error(code), { code });
  const event = { type, error } as unknown as Event;
  return troubleOf(event, { curve: CURVE, timeoutMs: 15_000, tookMs: 10 });
}

const FINGERPRINT = createHash('sha256').update(server.publicKey).digest('hex').slice(0, 12);
const WRONG = `curve.serverKeyFile (/keys/server) does not hold the key of this server: the fingerprint of the key in it is ${FINGERPRINT}`;

test('a wrong key of the server is told with its fingerprint, and not shown: it may be a secret one', () => {
  const end = failed('handshake:error:protocol', 'ERR_ZMTP_CRYPTOGRAPHIC');
  assert.deepEqual([end.kind, wordsOf(end)], ['wrong_server_key', WRONG]);
  const hungUp = failed('handshake:error:other', 'EPIPE');
  assert.equal(hungUp.kind, 'hung_up');
  const asked = sharper(hungUp, { kind: 'mechanism', mechanism: 'CURVE' }, CURVE);
  assert.equal(wordsOf(asked), WRONG);
  assert.ok(!WRONG.includes(server.publicKey));
});

test('the public key that the server has to allow is told in full, and the secret one never', () => {
  const end = failed('handshake:error:auth');
  assert.equal(
    wordsOf(end),
    `the server refused our key: it has to allow the public key in curve.publicKeyFile (/keys/ours), which is ${ours.publicKey}`,
  );
  assert.equal(end.kind, 'key_refused');
  for (const type of ['handshake:error:auth', 'handshake:error:other', 'disconnect'])
    assert.ok(!wordsOf(failed(type, 'EPIPE')).includes(ours.secretKey));
});
