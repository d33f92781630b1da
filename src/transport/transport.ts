import type { ConnectionEnd, EndKind } from './connection-end.ts';
import type { Body } from './message.ts';

/*
 * How messages travel. The data path knows only connections and clients, and the events that they report; the sockets belong to
 * the transport. Each event is reported in the turn of the event loop in which it was read, and none after `closed` or `left`.
 */

export interface Transport {
  /** Starts to connect. No event is reported before this returns. */
  connect(target: Target, owner: ConnectionOwner): Connection;
  /** @throws {StartError} if it cannot listen on the address */
  listen(settings: ListenSettings, options: ListenOptions, owner: ListenerOwner): Promise<Listener>;
}

export interface Target {
  /** `tcp://IP:PORT` or `ipc://PATH`, in the form that the configuration's parser returns. */
  address: string;
  /** Most body bytes of one message. */
  messageBytes: number;
  connectTimeoutMs: number;
  handshakeTimeoutMs: number;
  /** `undefined`: no PINGs. */
  heartbeat: { intervalMs: number; timeoutMs: number } | undefined;
  /** `undefined`: not encrypted. */
  curve: CurveClient | undefined;
}

/** Keys in Z85 (RFC 26, RFC 32). Never show the secret one. */
export interface CurveClient {
  serverKey: string;
  publicKey: string;
  secretKey: string;
  /** Where the public ones were read, for words. */
  files?: { serverKeyFile: string; publicKeyFile: string };
}

/** One attempt to connect, and the connection if it succeeds. It never reconnects. */
export interface Connection {
  /**
   * Sends a message. Only between `ready` and `closed`.
   *
   * @returns the message's number: 1 for the first on this connection
   */
  send(envelope: Buffer, body: Body): number;
  /**
   * How many of the messages sent so far may have started to go to the kernel. A message with a higher number has certainly not left
   * this process. Stays valid after `closed`.
   */
  readonly handedOver: number;
  /**
   * Takes back a message that nobody waits for any more.
   *
   * @returns whether it will certainly never leave this process
   */
  withdraw(message: number): boolean;
  /** Drops everything that has not left yet (linger 0). `closed` is not reported. */
  close(): void;
}

/** Receives the events of a connection: `accepted` and `ready` at most once each, then messages, and `closed` once. */
export interface ConnectionOwner {
  /** The peer has accepted the connection; the handshake follows. */
  accepted(): void;
  ready(peer: PeerInfo): void;
  /** Both are lent: their memory is used again as soon as this returns. Whoever keeps them copies them (`copyOf`). */
  message(envelope: Buffer, body: Body): void;
  /** A message without a delimiter or a body arrived. */
  malformed(): void;
  /** A message over `messageBytes` arrived and was not stored. */
  tooLarge(envelope: Buffer, bytes: number): void;
  closed(end: ConnectionEnd): void;
}

/** What is known about the peer after the handshake. */
export interface PeerInfo {
  /** The type of its socket: `REP`, `ROUTER`, ...; empty if it did not say. */
  socketType: string;
  /** Its ZMTP version; `undefined` if the transport does not tell. */
  version: '2.0' | '3.0' | '3.1' | undefined;
}

/** What a listener is made with. */
export interface ListenSettings {
  /** `tcp://HOST:PORT` (port 0 picks one), `ipc:///PATH` or `ipc://@NAME`. */
  address: string;
  /** In Z85; `undefined`: not encrypted. */
  secretKey: string | undefined;
}

/** What can change while it listens. */
export interface ListenOptions {
  /** The mode of the socket of an ipc path; `undefined`: the umask decides. */
  mode: number | undefined;
  /** Most connections at once. A further one is closed immediately. */
  connections: number;
  messageBytes: number;
  /** Most bytes of replies kept for a client that does not read. libzmq counts replies instead. */
  unreadBytes: number;
  /** Public keys in Z85 of the clients that may connect, if it is encrypted. */
  allowedKeys: readonly string[];
}

export interface Listener {
  /** The address that was bound, with the real port. */
  readonly address: string;
  /** The largest `messageBytes` that `change` can apply. */
  readonly messageBytesMost: number;
  /** Connections and messages that start from now on come under these options. */
  change(options: ListenOptions): void;
  /** Frees the address. Connected clients stay, if the transport can keep them. */
  release(): Promise<void>;
  /** Whether it is released, and nothing is left of it that could still be closed. */
  readonly isDone: boolean;
  /** Accepts no more connections or requests. Ends when all replies are sent, at the latest after this time. */
  close(lingerMs: number): Promise<void>;
}

export interface ListenerOwner {
  /** An app has connected. */
  joined(client: Client): ClientOwner;
  /** Something connected and was turned away. */
  refused(refusal: Refusal): void;
}

export interface Refusal {
  /** `accept_failed`: the system did not accept the connection. */
  kind: EndKind | 'too_many_connections' | 'accept_failed' | 'no_key' | 'key_not_allowed';
  /** An explanation for users. */
  why: string;
  /** Where it came from, if that is known. */
  address: string | undefined;
  /** The public key that it showed, if it was refused because of it. */
  key: string | undefined;
}

/** One connection of an app. It is identified by this object, not by a name. */
export interface Client {
  /** Where it connected from: `IP:PORT`, or the address of an ipc listener. Also known after it has left, if at all. */
  readonly address: string | undefined;
  /** Not every transport knows at once what becomes of a reply. The body may be lent (`ConnectionOwner.message`). */
  reply(envelope: Buffer, body: Body): ReplyFate | Promise<ReplyFate>;
  /** Reads no further requests until `resume`, not even those that have already reached this process. */
  pause(): void;
  resume(): void;
}

/** `full`: the client has too many unread replies; its connection is dropped. `gone`: it has left. */
export type ReplyFate = 'taken' | 'full' | 'gone';

/** Receives what a client sends. Nothing is reported after `left`. */
export interface ClientOwner {
  /** Whether it has received no request that still awaits its outcome. */
  readonly isIdle: boolean;
  request(envelope: Buffer, body: Body): void;
  malformed(): void;
  /** A message over `messageBytes` arrived and was not stored. */
  tooLarge(envelope: Buffer, bytes: number): void;
  /** A message arrived while it was paused, and there was no room to keep it. */
  overflow(envelope: Buffer, bytes: number): void;
  /**
   * The same, but it is answered before those that wait for their turn.
   *
   * @returns false if that would be the reply to an earlier one, because they have the same envelope; then it does nothing
   */
  overflowAtOnce(envelope: Buffer, bytes: number): boolean;
  /** The client has left; its replies have nowhere to go. Not every transport notices. */
  left(): void;
}
