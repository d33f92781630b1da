import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from 'zeromq';
import { lookAt, troubleAdvice } from '../../../../src/ops/explain/trouble-advice.ts';
import { NEW, NO_HANDSHAKE, NO_REPLY } from '../../../../src/proxy/upstream/trouble.ts';
import { SILENCE, troubleOf } from '../../../../src/transport/zeromq/handshake-trouble.ts';
import {
  CLOSED,
  connectCause,
  endCause,
  hungUp,
  tooSlow,
  unanswered,
} from '../../../../src/transport/zmtp/causes.ts';

const systemError = (code: string) => Object.assign(new Error(code), { code });
const handshake = (hasCurve: boolean) => ({
  curve: hasCurve ? {} : undefined,
  timeoutMs: 15_000,
  tookMs: 10,
});
const failure = (type: string, code: string) => ({ type, error: systemError(code) }) as unknown as Event;

/** What the transports say of an endpoint, and a word that its advice must have. */
const TEXTS: Record<string, readonly [string, RegExp][]> = {
  'a connection that cannot be made': [
    [connectCause(systemError('ECONNREFUSED')), /Start the server/],
    [connectCause(systemError('ENOENT')), /Start the server/],
    [connectCause(systemError('EHOSTUNREACH')), /node/],
    [connectCause(systemError('ENETUNREACH')), /NetworkPolicies/],
    [connectCause(systemError('EADDRNOTAVAIL')), /ports/],
    [connectCause(systemError('EACCES')), /mode/],
    [connectCause(systemError('EAGAIN')), /If it is stopped/],
    [connectCause(systemError('EMFILE')), /open file limit/],
    [unanswered('500ms'), /NetworkPolicies/],
    ['nobody answers there', /server is running/],
  ],
  'a connection that ended': [
    [CLOSED, /OOMKilled/],
    [endCause(systemError('ECONNRESET')), /OOMKilled/],
    [endCause(systemError('ETIMEDOUT')), /node/],
    ['the connection ended: closed by the server, reset, or lost on the way', /OOMKilled/],
    ['the peer sent no further heartbeat: it is stopped, or the network is gone', /If it is stopped/],
    [NO_REPLY.why, /envelope/],
    ['5 failures in a row: no reply in time', /If it is stopped/],
    ['the probe failed: no reply before its connection dropped', /OOMKilled/],
  ],
  'a handshake that fails': [
    [NO_HANDSHAKE.why, /If it is stopped/],
    [tooSlow(true, 15_000), /If it is stopped/],
    [tooSlow(false, 15_000), /If it is stopped/],
    [hungUp(CLOSED, true), /CURVE/],
    [hungUp(CLOSED, false), /Check the port/],
    ['the peer is not ZeroMQ: it speaks HTTP', /check the port/],
    ['the peer is a PUB socket, which does not fit (REP, ROUTER do)', /REP or a ROUTER/],
    ['wrong security mechanism: the peer uses CURVE', /must use CURVE/],
    ['the peer speaks ZMTP 1.0', /Update/],
  ],
  'a handshake of libzmq that fails': [
    [troubleOf(SILENCE, handshake(false)).why, /Update/],
    [troubleOf(failure('handshake:error:auth', ''), handshake(true)).why, /list of allowed clients/],
    [
      troubleOf(failure('handshake:error:protocol', 'ERR_ZMTP_CRYPTOGRAPHIC'), handshake(true)).why,
      /public key of the server/,
    ],
    [
      troubleOf(failure('handshake:error:protocol', 'ERR_ZMTP_MECHANISM_MISMATCH'), handshake(true)).why,
      /CURVE/,
    ],
    [troubleOf(failure('handshake:error:other', 'EPIPE'), handshake(true)).why, /CURVE/],
    [troubleOf(failure('handshake:error:other', 'EPIPE'), handshake(false)).why, /CURVE/],
    [troubleOf(failure('disconnect', ''), handshake(false)).why, /REP or a ROUTER/],
  ],
};

for (const [title, rows] of Object.entries(TEXTS))
  test(`each cause of ${title} has its advice`, () => {
    for (const [why, words] of rows)
      assert.match(troubleAdvice({ why, hasConnected: false }) ?? '', words, why);
  });

test('what the newest try shows decides, if there is advice for it', () => {
  assert.match(
    troubleAdvice({ why: `${CLOSED}; now: nobody listens there (connection refused)`, hasConnected: true }) ??
      '',
    /^Find out why the server ended/,
  );
  assert.match(
    troubleAdvice({ why: `${CLOSED}; now: something new`, hasConnected: true }) ?? '',
    /OOMKilled/,
  );
  assert.equal(troubleAdvice({ why: NEW.why, hasConnected: false }), undefined);
});

test('a pod is named in the commands, an address is not', () => {
  assert.match(lookAt('orders-1'), /kubectl logs orders-1/);
  assert.equal(lookAt(null), '');
});
