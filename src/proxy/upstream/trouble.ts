import { NOT_ZEROMQ, type Stage, stageOf } from '../../transport/connection-end.ts';
import type { Trouble } from '../status.ts';

/** Only the address is known. */
export const NEW: Trouble = { kind: 'new', what: 'not connected yet', means: [] };

/** The newest try to connect has come so far. */
export const IN_HANDSHAKE: Trouble = {
  kind: 'in_handshake',
  what: 'TCP connects, waiting for the ZMTP handshake',
  means: [],
};

/** There is a connection, but no handshake yet. */
export const NO_HANDSHAKE: Trouble = {
  kind: 'no_handshake',
  what: 'TCP connects, but no ZMTP handshake yet',
  means: ['the server is stopped or hangs', 'a proxy holds it back', NOT_ZEROMQ],
};

export const NO_REPLY: Trouble = {
  kind: 'not_a_reply',
  what: 'it sent something that is not a reply',
  means: [],
};

/** Why an attempt had no reply. */
export type Unanswered = 'no_reply' | 'reply_lost';

/** @param what in which way attempts without a reply were too many */
export function tooManyUnanswered(what: string, kind: Unanswered): Trouble {
  const last = kind === 'no_reply' ? 'no reply in time' : 'no reply before its connection dropped';
  return { kind, what, means: [last] };
}

export function breaksProtocol({ kind }: Trouble): boolean {
  return kind === 'not_a_reply' || stageOf({ kind }) === 'protocol';
}

/** From vague to exact. If two incompatible peers notice it at the same time, the one that is slower only sees that the other hangs up. */
const RANKS: readonly (Stage | 'new' | 'no handshake')[] = [
  'new',
  'unreachable',
  'protocol',
  'dropped',
  'no handshake',
  'hung up',
  'handshake',
];

/** What it may be at a server that was connected before: that one speaks ZeroMQ. */
export function ofKnownServer(trouble: Trouble): Trouble {
  return { ...trouble, means: trouble.means.filter((one) => one !== NOT_ZEROMQ) };
}

/** Whether one says less than the other. */
export function isVaguer(one: Trouble, other: Trouble): boolean {
  // Who hung up, and is gone at the next try, was ending.
  if (stageOf(other) === 'hung up' && isGone(one)) return false;
  return rankOf(one) < rankOf(other);
}

function isGone({ kind }: Trouble): boolean {
  return kind === 'nobody_listens' || kind === 'nobody_answers';
}

function rankOf(trouble: Trouble): number {
  if (trouble.kind === 'new') return 0;
  // It says only that time has passed. If one handshake took too long, and the peer ends each later one, that is to be told.
  if (trouble.kind === 'slow_handshake') return RANKS.indexOf('hung up');
  return RANKS.indexOf(stageOf(trouble) ?? (breaksProtocol(trouble) ? 'protocol' : 'no handshake'));
}
