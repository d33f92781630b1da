import { connect, type Socket } from 'node:net';
import { formatDuration } from '../../duration.ts';
import type { ConnectionEnd } from '../connection-end.ts';
import type { Body } from '../message.ts';
import type { Connection, ConnectionOwner, Target } from '../transport.ts';
import { connectCause, unanswered } from './causes.ts';
import { netAddressOf } from './net-address.ts';
import { Session } from './session.ts';
import { sharedInput } from './shared-input.ts';

/** The socket types that answer requests. */
const ACCEPTED = ['REP', 'ROUTER', 'DEALER'];

/**
 * TCP keepalive notices within about four seconds that the machine of an idle peer is gone: the kernel probes after a second of
 * silence, and then each second, three times in all. Node before 26.4 always sends ten probes.
 */
const KEEP_ALIVE = [true, 1_000, 1_000, 3] as const;

type State =
  | { kind: 'connecting'; timeout: NodeJS.Timeout }
  | { kind: 'connected'; session: Session }
  | { kind: 'closed' };

/** One attempt to connect to an endpoint, and the connection if it succeeds. */
export class ZmtpConnection implements Connection {
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  #state: State;

  constructor(target: Target, owner: ConnectionOwner) {
    this.#owner = owner;
    const { connectTimeoutMs } = target;
    const tooSlow = () => this.#unreachable(unanswered(formatDuration(connectTimeoutMs)));
    // Timers run before events of sockets. If this process was stalled, it may be connected meanwhile.
    const timeout = setTimeout(() => setImmediate(tooSlow), connectTimeoutMs);
    this.#state = { kind: 'connecting', timeout };
    const onread = sharedInput((chunk) => this.#read(chunk));
    this.#socket = connect({ ...netAddressOf(target.address), noDelay: true, onread });
    this.#socket.on('error', (error) => this.#unreachable(connectCause(error)));
    this.#socket.once('connect', () => this.#connected(target));
  }

  get handedOver(): number {
    return this.#state.kind === 'connected' ? this.#state.session.handedOver : 0;
  }

  send(envelope: Buffer, body: Body): number {
    return this.#state.kind === 'connected' ? this.#state.session.send(envelope, body) : 0;
  }

  withdraw(message: number): boolean {
    return this.#state.kind !== 'connected' || this.#state.session.withdraw(message);
  }

  close(): void {
    if (this.#state.kind === 'connected') this.#state.session.close();
    else this.#abandon();
  }

  #connected({ messageBytes, handshakeTimeoutMs, heartbeat }: Target): void {
    if (this.#state.kind !== 'connecting') return;
    clearTimeout(this.#state.timeout);
    this.#socket.setKeepAlive(...KEEP_ALIVE);
    const settings = {
      socketType: 'DEALER',
      accepts: ACCEPTED,
      messageBytes,
      lends: true,
      handshakeTimeoutMs,
      heartbeat,
    } as const;
    this.#state = { kind: 'connected', session: new Session(this.#socket, settings, this.#owner) };
    this.#owner.accepted();
  }

  #read(chunk: Buffer): void {
    if (this.#state.kind === 'connected') this.#state.session.read(chunk);
  }

  #unreachable(end: ConnectionEnd): void {
    if (this.#state.kind !== 'connecting') return;
    this.#abandon();
    this.#owner.closed(end);
  }

  #abandon(): void {
    if (this.#state.kind === 'connecting') clearTimeout(this.#state.timeout);
    this.#state = { kind: 'closed' };
    this.#socket.destroy();
  }
}
