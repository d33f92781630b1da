import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from 'zeromq';
import { lookAt, troubleAdvice } from '../../../../src/ops/explain/trouble-advice.ts';
import type { Trouble } from '../../../../src/proxy/status.ts';
import { NEW, NO_HANDSHAKE, NO_REPLY, tooManyUnanswered } from '../../../../src/proxy/upstream/trouble.ts';
import { ended } from '../../../../src/transport/connection-end.ts';
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
const ofLibzmq = (type: string, code: string, hasCurve: boolean) =>
  troubleOf({ type, error: systemError(code) } as unknown as Event, {
    curve: hasCurve ? { serverKey: 'theirs', publicKey: 'ours' } : undefined,
    timeoutMs: 15_000,
    tookMs: 10,
  });

/** What the transports say of an endpoint, and a word that its advice must have. */
const TROUBLES: Record<string, readonly [Trouble, RegExp][]> = {
  'a connection that cannot be made': [
    [connectCause(systemError('ECONNREFUSED')), /Start the server/],
    [connectCause(systemError('ENOENT')), /Start the server/],
    [connectCause(systemError('EHOSTUNREACH')), /node/],
    [connectCause(systemError('ENETUNREACH')), /NetworkPolicies/],
    [connectCause(systemError('EADDRNOTAVAIL')), /ports/],
    [connectCause(systemError('EACCES')), /mode/],
    [connectCause(systemError('EAGAIN')), /If it is stopped/],
    [connectCause(systemError('EMFILE')), /open file limit/],
    [connectCause(systemError('ECONNRESET')), /OOMKilled/],
    [unanswered('500ms'), /NetworkPolicies/],
    [ended('nobody_answers', 'nobody answers there'), /server is running/],
  ],
  'a connection that ended': [
    [CLOSED, /OOMKilled/],
    [endCause(systemError('ECONNRESET')), /OOMKilled/],
    [endCause(systemError('ETIMEDOUT')), /node/],
    [ended('ended', 'the connection ended'), /OOMKilled/],
    [ended('no_heartbeat', 'the peer sent no further heartbeat'), /If it is stopped/],
    [NO_REPLY, /envelope/],
    [ended('broken_protocol', 'the peer broke the protocol'), /envelope/],
    [tooManyUnanswered('5 failures in a row', 'no_reply'), /If it is stopped/],
    [tooManyUnanswered('the probe failed', 'reply_lost'), /OOMKilled/],
  ],
  'a handshake that fails': [
    [NO_HANDSHAKE, /If it is stopped/],
    [tooSlow(true, 15_000), /If it is stopped/],
    [tooSlow(false, 15_000), /If it is stopped/],
    [hungUp(CLOSED, true), /CURVE/],
    [hungUp(CLOSED, false), /Check the port/],
    [ended('speaks_http', 'it speaks HTTP'), /check the port/],
    [ended('not_zeromq', 'it speaks TLS'), /check the port/],
    [ended('wrong_socket_type', 'the peer is a PUB socket'), /REP or a ROUTER/],
    [ended('wrong_mechanism', 'the peer uses CURVE'), /must use CURVE/],
    [ended('old_zmtp', 'the peer speaks ZMTP 1.0'), /Update/],
  ],
  'a handshake of libzmq that fails': [
    [troubleOf(SILENCE, { curve: undefined, timeoutMs: 15_000, tookMs: 16_000 }), /Update/],
    [ofLibzmq('handshake:error:auth', '', true), /list of allowed clients/],
    [ofLibzmq('handshake:error:protocol', 'ERR_ZMTP_CRYPTOGRAPHIC', true), /public key of the server/],
    [ofLibzmq('handshake:error:protocol', 'ERR_ZMTP_MECHANISM_MISMATCH', true), /CURVE/],
    [ofLibzmq('handshake:error:protocol', 'ERR_ZMTP_MALFORMED_COMMAND_READY', false), /check the port/],
    [ofLibzmq('handshake:error:other', 'EPIPE', true), /CURVE/],
    [ofLibzmq('handshake:error:other', 'EPIPE', false), /CURVE/],
    [ofLibzmq('disconnect', '', false), /REP or a ROUTER/],
  ],
};

const FRESH = { state: 'connecting', pod: null, newest: null } as const;

for (const [title, rows] of Object.entries(TROUBLES))
  test(`each cause of ${title} has its advice`, () => {
    for (const [trouble, words] of rows)
      assert.match(troubleAdvice({ ...FRESH, trouble }) ?? '', words, trouble.what);
  });

test('the advice does not hang on words', () => {
  const trouble = { ...CLOSED, what: 'connection refused: it speaks HTTP' };
  assert.match(troubleAdvice({ ...FRESH, trouble }) ?? '', /OOMKilled/);
});

test('a server that was connected before and hangs up has probably ended', () => {
  for (const hasSpoken of [true, false]) {
    const down = { ...FRESH, state: 'down', trouble: hungUp(CLOSED, hasSpoken) } as const;
    assert.match(troubleAdvice(down) ?? '', /^See whether the server still runs/);
  }
});

test('what the newest try shows decides, if there is advice for it', () => {
  const down = { ...FRESH, state: 'down', trouble: CLOSED } as const;
  const refused = connectCause(systemError('ECONNREFUSED'));
  assert.match(troubleAdvice({ ...down, newest: refused }) ?? '', /^Find out why the server ended/);
  const unknown = connectCause(systemError('EWHATEVER'));
  assert.match(troubleAdvice({ ...down, newest: unknown }) ?? '', /OOMKilled/);
  assert.equal(troubleAdvice({ ...FRESH, trouble: NEW }), undefined);
  // Such as the end of an ejection while it was down.
  assert.match(troubleAdvice({ ...down, trouble: null, newest: refused }) ?? '', /^Find out why/);
});

test('a pod is named in the commands, an address is not', () => {
  assert.match(lookAt('orders-1'), /kubectl logs orders-1/);
  assert.equal(lookAt(null), '');
});
