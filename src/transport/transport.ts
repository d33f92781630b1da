import type { Body } from './message.ts';

/*
 * How messages travel. The data path knows only connections and clients, and the events that they report; the sockets belong to
 * the transport. Each event is reported in the turn of the event loop in which it was read, and none after `closed` or `left`.
 */

export interface Transport {
  /** Starts to connect. No event is reported before this returns. */
  connect(target: Target, owner: ConnectionOwner): Connection;
  /** @throws {StartError} if it cannot listen on the address */
  listen(settings: ListenSettings, owner: ListenerOwner): Promise<Listener>;
}

export interface Target {
  /** `tcp://IP:PORT` or `ipc://PATH`, in the form that the configuration's parser returns. */
  address: string;
  /** Most body bytes of one message. */
  messageBytes: number;
  connectTimeoutMs: number;
  handshakeTimeoutMs: number;
  /** PINGs are sent only to peers that announced ZMTP 3.1; `undefined`: to none. */
  heartbeat: { intervalMs: number; timeoutMs: number } | undefined;
}

/** One attempt to connect, and the connection if it succeeds. It never reconnects. */
export interface Connection {
  /** Sends a message. Only between `ready` and `closed`. */
  send(envelope: Buffer, body: Body): void;
  /**
   * How many of the messages sent so far may have started to go to the kernel. Any later message has certainly not left this
   * process. Stays valid after `closed`.
   */
  readonly handedOver: number;
  /** Drops everything that has not left yet (linger 0). `closed` is not reported. */
  close(): void;
}

/** Receives the events of a connection: `ready` at most once, then messages, and `closed` once. */
export interface ConnectionOwner {
  ready(peer: PeerInfo): void;
  message(envelope: Buffer, body: Body): void;
  /** A message without a delimiter or a body arrived. */
  malformed(): void;
  /** A message over `messageBytes` arrived and was not stored. */
  tooLarge(envelope: Buffer, bytes: number): void;
  closed(end: ConnectionEnd): void;
}

/** What is known about the peer after the handshake. */
export interface PeerInfo {
  /** The type of its socket: `REP`, `ROUTER`, ... */
  socketType: string;
  /** Its ZMTP version. */
  version: '2.0' | '3.0' | '3.1';
}

/**
 * Why a connection ended, with an explanation for users. `unreachable`: it was never established. `handshake`: it was, but the
 * handshake failed. `dropped`: the peer or the network ended it. `protocol`: the peer broke the protocol.
 */
export interface ConnectionEnd {
  kind: 'unreachable' | 'handshake' | 'dropped' | 'protocol';
  why: string;
}

export interface ListenSettings {
  /** `tcp://HOST:PORT` (port 0 picks one), `ipc:///PATH` or `ipc://@NAME`. */
  address: string;
  /** Most connections at once. A further one is closed immediately. */
  connections: number;
  messageBytes: number;
  handshakeTimeoutMs: number;
  /** Most bytes of replies kept for a client that does not read. With more, its connection is dropped. */
  unreadBytes: number;
}

export interface Listener {
  /** The address that was bound, with the real port. */
  readonly address: string;
  /** Accepts no more connections or requests. Ends when all replies are sent, at the latest after this time. */
  close(lingerMs: number): Promise<void>;
}

export interface ListenerOwner {
  request(client: Client, envelope: Buffer, body: Body): void;
  malformed(client: Client): void;
  tooLarge(client: Client, envelope: Buffer, bytes: number): void;
  /** The client has left; its replies have nowhere to go. */
  left(client: Client): void;
  /** Something connected that is not a client; `why` explains what it is. */
  refused(why: string): void;
}

/** One connection of an app. It is identified by this object, not by a name. */
export interface Client {
  /** `full`: it has so many unread replies that its connection is dropped. `gone`: it has left. */
  reply(envelope: Buffer, body: Body): 'taken' | 'full' | 'gone';
  /** Reads no further requests until `resume`. If the client leaves, this is noticed only when the rest has been read. */
  pause(): void;
  resume(): void;
}
