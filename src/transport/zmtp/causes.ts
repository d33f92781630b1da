import { formatDuration } from '../../duration.ts';
import { codeOf, messageOf } from '../../errors.ts';
import { type ConnectionEnd, ended, JUST_ENDED, NOT_ZEROMQ } from '../connection-end.ts';

/* Why there is no connection, and why one ended. */

/** What a system error means when connecting. */
export function connectCause(error: unknown): ConnectionEnd {
  switch (codeOf(error)) {
    case 'ECONNREFUSED':
      return ended('nobody_listens', 'nobody listens there (connection refused)');
    case 'ENOENT':
      return ended('nobody_listens', 'nobody listens there (no such path)');
    case 'ECONNRESET':
      return ended('reset_early', 'the connection was reset before it was established');
    case 'EHOSTUNREACH':
    case 'EHOSTDOWN':
      return ended('no_answer', 'the machine cannot be reached (no route to host)');
    case 'ENETUNREACH':
      return ended('no_answer', 'there is no route to this network from here');
    case 'EADDRNOTAVAIL':
      return ended('no_local_port', 'this machine has no address, or no port left, to connect from');
    case 'EACCES':
    case 'EPERM':
      return ended('no_permission', 'permission denied');
    case 'ETIMEDOUT':
      return unanswered('the time that the system allows');
    case 'EAGAIN':
      return ended(
        'not_accepting',
        'the server does not accept connections',
        'it is stopped, hangs, or is overloaded',
      );
    case 'EMFILE':
    case 'ENFILE':
      return ended('no_descriptor', 'no file descriptor is left for a connection');
    default:
      return ended('unreachable', messageOf(error));
  }
}

/** @param limit as in `500 ms` */
export function unanswered(limit: string): ConnectionEnd {
  return ended(
    'no_answer',
    `no answer within ${limit}`,
    'the machine is down or overloaded',
    'a firewall drops the packets',
  );
}

export const CLOSED = ended('closed', 'the peer closed the connection');

/** What a system error means on a connection that was established. */
export function endCause(error: unknown): ConnectionEnd {
  switch (codeOf(error)) {
    case 'ECONNRESET':
      return ended('reset', 'the connection was reset (the peer was killed, or something on the way cut it)');
    case 'EPIPE':
      return CLOSED;
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return ended(
        'machine_gone',
        'the network or the machine of the peer is gone',
        'its system no longer answers',
      );
    default:
      return ended('dropped', messageOf(error));
  }
}

/** @param hasSpoken whether the peer had sent anything before it hung up */
export function hungUp({ what }: ConnectionEnd, hasSpoken: boolean): ConnectionEnd {
  // libzmq hangs up without a word if the mechanism or the socket type does not fit.
  if (hasSpoken)
    return ended(
      'hung_up',
      `${what}, in the handshake`,
      'it wants a key (CURVE) or another type of socket',
      'it is being stopped',
    );
  return ended(
    'hung_up_at_once',
    `${what}, before it said anything`,
    NOT_ZEROMQ,
    'it is a proxy with no server behind it',
    JUST_ENDED,
  );
}

/** @param isSilent whether the peer has sent nothing */
export function tooSlow(isSilent: boolean, limitMs: number): ConnectionEnd {
  const what = isSilent ? 'the peer accepts connections and says nothing' : 'the handshake was not completed';
  return ended(
    'slow_handshake',
    `${what} within ${formatDuration(limitMs)}`,
    'it is stopped or hangs',
    'something on the way holds it back',
    NOT_ZEROMQ,
  );
}
