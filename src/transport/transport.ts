import type { Body } from './message.ts';

/*
 * How messages travel. The data path knows connections and clients, and what they tell; which sockets carry them is a transport's
 * own matter. Everything is told in the turn of the event loop in which it is read, and nothing is told after `closed` or `left`.
 */

export interface Transport {
  /** Begins to connect. Nothing is told before this returns. */
  connect(target: Target, owner: ConnectionOwner): Connection;
  /** @throws {StartError} where it cannot listen there */
  listen(settings: ListenSettings, owner: ListenerOwner): Promise<Listener>;
}

export interface Target {
  /** `tcp://IP:PORT` or `ipc://PATH`, as the configuration's parser spells it. */
  address: string;
  /** Body bytes of one message. */
  messageBytes: number;
  connectTimeoutMs: number;
  handshakeTimeoutMs: number;
  /** PING is only sent to peers that announced ZMTP 3.1; `undefined`: to none. */
  heartbeat: { intervalMs: number; timeoutMs: number } | undefined;
}

/** One try, and at most one connection: it never reconnects. */
export interface Connection {
  /** Sends a message. Only between `ready` and `closed`. */
  send(envelope: Buffer, body: Body): void;
  /**
   * How many of the messages sent so far the kernel may have begun to take. A later one has certainly not left this process. Still
   * right after `closed`.
   */
  readonly handedOver: number;
  /** Drops what has not left (linger 0). `closed` is not told. */
  close(): void;
}

/** What a connection tells: `ready` at most once, then messages, and `closed` once. */
export interface ConnectionOwner {
  ready(peer: PeerInfo): void;
  message(envelope: Buffer, body: Body): void;
  /** A message without delimiter or body came. */
  malformed(): void;
  /** A message over `messageBytes` came, and was not stored. */
  tooLarge(envelope: Buffer, bytes: number): void;
  closed(end: ConnectionEnd): void;
}

/** What is known of the other side once the handshake is over. */
export interface PeerInfo {
  /** Of its socket: `REP`, `ROUTER`, ... */
  socketType: string;
  /** Of ZMTP. */
  version: '2.0' | '3.0' | '3.1';
}

/**
 * Why there is no connection any more, with the words for people. `unreachable`: it never stood. `handshake`: it stood, and the peer
 * did not become ready. `dropped`: the peer or the network ended it. `protocol`: the peer sent what makes no sense.
 */
export interface ConnectionEnd {
  kind: 'unreachable' | 'handshake' | 'dropped' | 'protocol';
  why: string;
}

export interface ListenSettings {
  /** `tcp://HOST:PORT` (port 0 picks one), `ipc:///PATH` or `ipc://@NAME`. */
  address: string;
  /** Most connections at once; one more is closed at once. */
  connections: number;
  messageBytes: number;
  handshakeTimeoutMs: number;
  /** Bytes of replies kept for a client that does not read; with more, its connection is dropped. */
  unreadBytes: number;
}

export interface Listener {
  /** As really bound. */
  readonly address: string;
  /** Takes no connection and no request any more, and ends once replies are out, after so long at the latest. */
  close(lingerMs: number): Promise<void>;
}

export interface ListenerOwner {
  request(client: Client, envelope: Buffer, body: Body): void;
  malformed(client: Client): void;
  tooLarge(client: Client, envelope: Buffer, bytes: number): void;
  /** The client has left: nobody takes its replies any more. */
  left(client: Client): void;
  /** Somebody connected who is no client: what it is, in words. */
  refused(why: string): void;
}

/** One connection of an app: an object, no name. */
export interface Client {
  /** `full`: it has not read so much that its connection is dropped. `gone`: it has left. */
  reply(envelope: Buffer, body: Body): 'taken' | 'full' | 'gone';
  /** Reads no further requests until `resume`. That it leaves is noticed once what it has sent is read. */
  pause(): void;
  resume(): void;
}
