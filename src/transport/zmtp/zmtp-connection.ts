import { connect, type Socket } from 'node:net';
import type { Body } from '../message.ts';
import type { Connection, ConnectionOwner, Target } from '../transport.ts';
import { KEEP_ALIVE, readerLimits } from './limits.ts';
import { netAddressOf } from './net-address.ts';
import { Session } from './session.ts';

/** The socket types that answer requests. */
const ACCEPTED = ['REP', 'ROUTER', 'DEALER'];

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
    const tooSlow = () => this.#unreachable(`no connection within ${connectTimeoutMs} ms`);
    this.#state = { kind: 'connecting', timeout: setTimeout(tooSlow, connectTimeoutMs) };
    this.#socket = connect({ ...netAddressOf(target.address), ...KEEP_ALIVE });
    this.#socket.on('error', ({ message }) => this.#unreachable(message));
    this.#socket.once('connect', () => this.#connected(target));
  }

  get handedOver(): number {
    return this.#state.kind === 'connected' ? this.#state.session.handedOver : 0;
  }

  send(envelope: Buffer, body: Body): void {
    if (this.#state.kind === 'connected') this.#state.session.send(envelope, body);
  }

  close(): void {
    if (this.#state.kind === 'connected') this.#state.session.close();
    else this.#abandon();
  }

  #connected({ messageBytes, handshakeTimeoutMs, heartbeat }: Target): void {
    if (this.#state.kind !== 'connecting') return;
    clearTimeout(this.#state.timeout);
    const limits = readerLimits(messageBytes);
    const settings = {
      socketType: 'DEALER',
      accepts: ACCEPTED,
      limits,
      handshakeTimeoutMs,
      heartbeat,
    } as const;
    this.#state = { kind: 'connected', session: new Session(this.#socket, settings, this.#owner) };
  }

  #unreachable(why: string): void {
    if (this.#state.kind !== 'connecting') return;
    this.#abandon();
    this.#owner.closed({ kind: 'unreachable', why });
  }

  #abandon(): void {
    if (this.#state.kind === 'connecting') clearTimeout(this.#state.timeout);
    this.#state = { kind: 'closed' };
    this.#socket.destroy();
  }
}
