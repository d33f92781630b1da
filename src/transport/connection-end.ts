/** How far a connection came. `hung up`: the peer ended it in the handshake, and did not say why. */
export type Stage = 'unreachable' | 'handshake' | 'hung up' | 'dropped' | 'protocol';

/** The ways in which a connection can end. `/status` and the log show these names, so they stay as they are. */
const STAGES = {
  nobody_listens: 'unreachable',
  /** libzmq does not tell whether the connection was refused. */
  nobody_answers: 'unreachable',
  no_answer: 'unreachable',
  not_accepting: 'unreachable',
  no_local_port: 'unreachable',
  no_permission: 'unreachable',
  no_descriptor: 'unreachable',
  reset_early: 'unreachable',
  unreachable: 'unreachable',
  speaks_http: 'handshake',
  not_zeromq: 'handshake',
  old_zmtp: 'handshake',
  wrong_mechanism: 'handshake',
  wrong_server_key: 'handshake',
  key_refused: 'handshake',
  wrong_socket_type: 'handshake',
  refused: 'handshake',
  broken_handshake: 'handshake',
  slow_handshake: 'handshake',
  hung_up: 'hung up',
  /** Before it said anything. */
  hung_up_at_once: 'hung up',
  closed: 'dropped',
  reset: 'dropped',
  /** libzmq does not tell in which way. */
  ended: 'dropped',
  no_heartbeat: 'dropped',
  machine_gone: 'dropped',
  dropped: 'dropped',
  broken_protocol: 'protocol',
} as const satisfies Record<string, Stage>;

export type EndKind = keyof typeof STAGES;

/** Something that went wrong, in words for users. */
export interface Told {
  readonly what: string;
  /** What it may mean, or its details. */
  readonly means: readonly string[];
}

/** Why a connection ended. */
export interface ConnectionEnd extends Told {
  readonly kind: EndKind;
}

/** A meaning that cannot be meant of a peer that was connected before. */
export const NOT_ZEROMQ = 'it is not ZeroMQ';
/** A meaning of every hang-up: the system closes or resets the connections of a process that ends. */
export const JUST_ENDED = 'its process has just ended';

export function ended(kind: EndKind, what: string, ...means: string[]): ConnectionEnd {
  return { kind, what, means };
}

/** Undefined for what is no end of a connection. */
export function stageOf({ kind }: { readonly kind: string }): Stage | undefined {
  return (STAGES as Record<string, Stage>)[kind];
}

/** `what it is`, or `what it is: this, that, or something else` */
export function wordsOf({ what, means }: Told): string {
  return means.length === 0 ? what : `${what}: ${anyOf(means)}`;
}

/** `this`, `this, or that`, `this, that, or something else` */
export function anyOf(means: readonly string[]): string {
  return [means.slice(0, -1).join(', '), means.at(-1)].filter(Boolean).join(', or ');
}
