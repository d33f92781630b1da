import { formatDuration } from '../../duration.ts';
import { codeOf, messageOf } from '../../errors.ts';

/* Texts for users, by cause: why there is no connection, and why one ended. */

/** What a system error means when connecting. */
export function connectCause(error: unknown): string {
  switch (codeOf(error)) {
    case 'ECONNREFUSED':
      return 'nobody listens there (connection refused)';
    case 'ENOENT':
      return 'nobody listens there (no such path)';
    case 'ECONNRESET':
      return 'the connection was reset before it was established';
    case 'EHOSTUNREACH':
    case 'EHOSTDOWN':
      return 'the machine cannot be reached (no route to host)';
    case 'ENETUNREACH':
      return 'there is no route to this network from here';
    case 'EADDRNOTAVAIL':
      return 'this machine has no address, or no port left, to connect from';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'ETIMEDOUT':
      return unanswered('the time that the system allows');
    case 'EAGAIN':
      return 'the server does not accept connections: it is stopped, hangs, or is overloaded';
    case 'EMFILE':
    case 'ENFILE':
      return 'no file descriptor is left for a connection';
    default:
      return messageOf(error);
  }
}

/** @param limit as in `500 ms` */
export function unanswered(limit: string): string {
  return `no answer within ${limit}: the machine is down or overloaded, or a firewall drops the packets`;
}

export const CLOSED = 'the peer closed the connection';

/** What a system error means on a connection that was established. */
export function endCause(error: unknown): string {
  switch (codeOf(error)) {
    case 'ECONNRESET':
      return 'the connection was reset (the peer was killed, or something on the way cut it)';
    case 'EPIPE':
      return CLOSED;
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'the network or the machine of the peer is gone: its system no longer answers';
    default:
      return messageOf(error);
  }
}

/** @param hasSpoken whether the peer had sent anything before it hung up */
export function hungUp(why: string, hasSpoken: boolean): string {
  // libzmq hangs up without a word if the mechanism or the socket type does not fit.
  if (hasSpoken)
    return `${why}, in the handshake: it wants a key (CURVE) or another type of socket, or it is being stopped`;
  return `${why}, before it said anything: it is not ZeroMQ, or it is a proxy with no server behind it`;
}

/** @param isSilent whether the peer has sent nothing */
export function tooSlow(isSilent: boolean, limitMs: number): string {
  const what = isSilent ? 'the peer accepts connections and says nothing' : 'the handshake was not completed';
  return `${what} within ${formatDuration(limitMs)}: it is stopped or hangs, something on the way holds it back, or it is not ZeroMQ`;
}
