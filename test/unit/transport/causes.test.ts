import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ConnectionEnd, wordsOf } from '../../../src/transport/connection-end.ts';
import { listenCause } from '../../../src/transport/listen-cause.ts';
import { CLOSED, connectCause, endCause, hungUp } from '../../../src/transport/zmtp/causes.ts';

const saying = (cause: (error: unknown) => ConnectionEnd) => (error: unknown) => wordsOf(cause(error));
const [connecting, ending] = [saying(connectCause), saying(endCause)];
const failed = (code: string) => Object.assign(new Error(`system call ${code}`), { code });

test('errors that tests cannot cause on every machine have plain words, too', () => {
  assert.equal(connecting(failed('EHOSTUNREACH')), 'the machine cannot be reached (no route to host)');
  assert.equal(connecting(failed('ENETUNREACH')), 'there is no route to this network from here');
  assert.match(
    connecting(failed('ETIMEDOUT')),
    /^no answer within the time that the system allows: the machine/,
  );
  assert.match(connecting(failed('EAGAIN')), /does not accept connections/);
  assert.match(connecting(failed('EMFILE')), /no file descriptor is left/);
  assert.match(connecting(failed('EADDRNOTAVAIL')), /no port left/);
  assert.equal(connecting(failed('EACCES')), 'permission denied');
  assert.match(ending(failed('ETIMEDOUT')), /^the network or the machine of the peer is gone/);
  assert.equal(ending(failed('EPIPE')), 'the peer closed the connection');
  assert.equal(listenCause(failed('EACCES')), 'permission denied');
});

test('an error without words of its own is shown as it is', () => {
  for (const cause of [connecting, ending, listenCause])
    assert.equal(cause(failed('EWHATEVER')), 'system call EWHATEVER');
});

test('a peer that hangs up in the handshake is told from one that never said anything', () => {
  assert.match(
    wordsOf(hungUp(CLOSED, true)),
    /^the peer closed the connection, in the handshake: it wants a key/,
  );
  assert.match(
    wordsOf(hungUp(CLOSED, false)),
    /^the peer closed the connection, before it said anything: it is not/,
  );
});
