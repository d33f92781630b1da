import type { Dealer, Event } from 'zeromq';
import { codeOf, messageOf } from '../../errors.ts';
import { type ConnectionEnd, ended, stageOf } from '../connection-end.ts';
import type { Body } from '../message.ts';
import type { Connection, ConnectionOwner, Target } from '../transport.ts';
import { type PeerGreeting, probeGreeting } from '../zmtp/greeting-probe.ts';
import { openDealer } from './dealer-options.ts';
import { allFrames, isTooLarge, parse } from './frames.ts';
import { SILENCE, sharper, troubleOf } from './handshake-trouble.ts';
import { Inbox } from './inbox.ts';

/** libzmq reports a handshake that takes too long, except for a peer that it takes for an old one: then it reports nothing. */
const SILENCE_MS = 1_000;
/** Most messages to read before acting on one of them. */
const AT_ONCE = 64;

type State =
  | { kind: 'connecting' }
  | { kind: 'handshake'; sinceMs: number; timer: NodeJS.Timeout }
  | { kind: 'ready' }
  /** It has ended, but messages that arrived before that are still to be read, or the peer is asked why. */
  | { kind: 'ending'; stopAsking?: () => void }
  | { kind: 'closed' };

/** A DEALER of libzmq with one connection. It is closed instead of reconnecting. */
export class ZeromqConnection implements Connection {
  readonly #target: Target;
  readonly #owner: ConnectionOwner;
  readonly #socket: Dealer | undefined;
  #state: State = { kind: 'connecting' };
  #sent = 0;
  /** Nothing tells when libzmq hands a message to the kernel, so every message counts that it has taken. */
  handedOver = 0;

  constructor(target: Target, owner: ConnectionOwner) {
    this.#target = target;
    this.#owner = owner;
    try {
      this.#socket = openDealer(target);
      this.#watch(this.#socket).catch(() => this.#end(ENDED));
      this.#socket.connect(target.address);
    } catch (error) {
      const kind = codeOf(error) === 'EMFILE' ? 'no_descriptor' : 'unreachable';
      setImmediate(() => this.#end(ended(kind, 'no socket', messageOf(error))));
      return;
    }
    this.#read(this.#socket).catch(() => this.#end(ENDED));
  }

  send(envelope: Buffer, body: Body): number {
    const message = ++this.#sent;
    if (this.#state.kind !== 'ready' || this.#socket === undefined) return message;
    this.handedOver = message;
    this.#socket.send(allFrames(envelope, body)).catch(() => {
      this.handedOver = Math.min(this.handedOver, message - 1);
      this.#end(ENDED);
    });
    return message;
  }

  withdraw(message: number): boolean {
    return message > this.handedOver;
  }

  close(): void {
    if (this.#state.kind === 'closed') return;
    if (this.#state.kind === 'handshake') clearTimeout(this.#state.timer);
    if (this.#state.kind === 'ending') this.#state.stopAsking?.();
    this.#state = { kind: 'closed' };
    this.#socket?.close();
  }

  async #read(socket: Dealer): Promise<void> {
    const inbox = new Inbox(socket);
    for (;;) {
      for (const frames of await inbox.receive(AT_ONCE)) this.#take(frames);
      if (this.#state.kind === 'closed') return;
    }
  }

  #take(frames: Buffer[]): void {
    if (this.#state.kind === 'closed') return;
    const message = parse(frames);
    if (message === undefined) return this.#owner.malformed();
    const { envelope, body } = message;
    if (isTooLarge(message, this.#target.messageBytes)) this.#owner.tooLarge(envelope, body.bytes);
    else this.#owner.message(envelope, body);
  }

  async #watch(socket: Dealer): Promise<void> {
    const { events } = socket;
    for (;;) {
      const event = await events.receive();
      switch (event.type) {
        case 'end':
          return;
        case 'connect':
          this.#accepted();
          break;
        case 'handshake':
          this.#ready();
          break;
        case 'connect:retry':
          // It also follows the loss of a connection, whose cause is known then.
          if (this.#state.kind !== 'ending') this.#end(UNREACHABLE);
          break;
        case 'disconnect':
        case 'handshake:error:protocol':
        case 'handshake:error:auth':
        case 'handshake:error:other':
          this.#dropped(event);
      }
    }
  }

  #accepted(): void {
    if (this.#state.kind !== 'connecting') return;
    // After the process stood still, what libzmq has reported meanwhile is read first.
    const silent = () => setImmediate(() => setImmediate(() => this.#silent()));
    const timer = setTimeout(silent, this.#target.handshakeTimeoutMs + SILENCE_MS);
    this.#state = { kind: 'handshake', sinceMs: performance.now(), timer };
    this.#owner.accepted();
  }

  #silent(): void {
    if (this.#state.kind === 'handshake') this.#dropped(SILENCE);
  }

  #ready(): void {
    if (this.#state.kind === 'handshake') clearTimeout(this.#state.timer);
    else if (this.#state.kind !== 'connecting') return;
    this.#state = { kind: 'ready' };
    this.#owner.ready({ socketType: '', version: undefined });
  }

  #dropped(event: Event | typeof SILENCE): void {
    const { kind } = this.#state;
    if (kind === 'closed' || kind === 'ending') return;
    const end = kind === 'ready' ? ENDED : this.#trouble(event);
    if (this.#state.kind === 'handshake') clearTimeout(this.#state.timer);
    this.#state = { kind: 'ending' };
    const { curve, address, handshakeTimeoutMs: withinMs } = this.#target;
    if (stageOf(end) === 'hung up' && curve !== undefined) {
      const told = (greeting: PeerGreeting | undefined) => this.#end(sharper(end, greeting, curve));
      this.#state = { kind: 'ending', stopAsking: probeGreeting({ address, withinMs }, told) };
      return;
    }
    // A reply that arrived before the connection dropped is already in the process: let it be read first. The next check phase
    // may be that of this same turn of the event loop; only before the one after it has input been polled.
    setImmediate(() => setImmediate(() => this.#end(end)));
  }

  #trouble(event: Event | typeof SILENCE): ConnectionEnd {
    const { curve, handshakeTimeoutMs } = this.#target;
    const tookMs = this.#state.kind === 'handshake' ? performance.now() - this.#state.sinceMs : 0;
    return troubleOf(event, { curve, timeoutMs: handshakeTimeoutMs, tookMs });
  }

  #end(end: ConnectionEnd): void {
    if (this.#state.kind === 'closed') return;
    this.close();
    this.#owner.closed(end);
  }
}

const UNREACHABLE = ended('nobody_answers', 'nobody answers there');
const ENDED = ended('ended', 'the connection ended', 'closed by the server', 'reset', 'lost on the way');
