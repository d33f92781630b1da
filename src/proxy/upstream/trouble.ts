import type { ConnectionEnd } from '../../transport/transport.ts';

/** Why an endpoint cannot be used, as text for users. */
export interface Trouble {
  kind: ConnectionEnd['kind'] | 'new' | 'no handshake';
  why: string;
}

/** Only the address is known. */
export const NEW: Trouble = { kind: 'new', why: 'not connected yet' };

/** There is a connection, but no handshake yet. */
export const NO_HANDSHAKE: Trouble = {
  kind: 'no handshake',
  why: 'TCP connects, but no ZMTP handshake yet: the server is stopped or hangs, a proxy holds it back, or it is not ZeroMQ',
};

export const NO_REPLY: Trouble = { kind: 'protocol', why: 'it sent something that is not a reply' };

/** From vague to exact. If two incompatible peers notice it at the same time, the one that is slower only sees that the other hangs up. */
const KINDS: readonly Trouble['kind'][] = [
  'new',
  'unreachable',
  'protocol',
  'dropped',
  'no handshake',
  'hung up',
  'handshake',
];

/** Whether one cause says less than the other. */
export function isVaguer(one: Trouble, other: Trouble): boolean {
  return KINDS.indexOf(one.kind) < KINDS.indexOf(other.kind);
}
