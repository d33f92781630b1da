import type { Socket } from 'node:net';
import { type ConnectionEnd, ended, stageOf } from '../connection-end.ts';
import type { Body } from '../message.ts';
import type { ConnectionOwner, PeerInfo, Target } from '../transport.ts';
import { CLOSED, endCause, hungUp, tooSlow } from './causes.ts';
import { GREETING_REST, OPENING, parseGreeting, rest2 } from './greeting.ts';
import { Heartbeat } from './heartbeat.ts';
import { Intake } from './intake.ts';
import { errorCommand, parseCommand, pongCommand, readyCommand } from './metadata.ts';
import { Outbox } from './outbox.ts';
import { Reader, type ReaderOwner } from './reader.ts';

interface SessionSettings {
  /** The type of our socket. */
  socketType: 'REP' | 'DEALER';
  /** The socket types that peers may have. */
  accepts: readonly string[];
  messageBytes: number;
  /** Whether messages are passed on in the memory of the chunk, so that they must be used at once. */
  lends: boolean;
  handshakeTimeoutMs: number;
  /** PINGs go only to peers that announced ZMTP 3.1. */
  heartbeat: Target['heartbeat'];
}

export type SessionOwner = Omit<ConnectionOwner, 'accepted'>;

type State =
  | { kind: 'greeting'; bytes: Buffer; hasSentRest: boolean }
  /** `socketType`: a peer of version 2.0 sends it in its greeting, later versions in READY. */
  | { kind: 'handshake'; version: PeerInfo['version']; socketType: string }
  | { kind: 'ready' }
  | { kind: 'closed' };

const NOTHING = Buffer.alloc(0);
const ALIVE = pongCommand(NOTHING);

/**
 * ZMTP 2.0, 3.0 and 3.1 with the NULL mechanism over one connected socket (RFC 15, 23, 37). Only this class writes and closes the socket;
 * its owner passes on what is read.
 */
export class Session implements ReaderOwner {
  readonly #socket: Socket;
  readonly #settings: SessionSettings;
  readonly #owner: SessionOwner;
  readonly #reader: Reader;
  readonly #intake: Intake;
  readonly #outbox: Outbox;
  #state: State = { kind: 'greeting', bytes: NOTHING, hasSentRest: false };
  #handshake: NodeJS.Timeout | undefined;
  /** Whether the peer may send PINGs. */
  #isPinged = false;
  /** Most connections have none. */
  #heartbeat: Heartbeat | undefined;
  /** How many chunks have been read. */
  #chunks = 0;
  #error: unknown;

  constructor(socket: Socket, settings: SessionSettings, owner: SessionOwner) {
    this.#socket = socket;
    this.#settings = settings;
    this.#owner = owner;
    this.#outbox = new Outbox(socket);
    this.#reader = new Reader(settings.messageBytes, this, settings.lends);
    this.#intake = new Intake(socket, this.#reader);
    // Timers run before input is read. If this process was stalled, the answer may have come meanwhile.
    this.#handshake = setTimeout(() => setImmediate(() => this.#tooSlow()), settings.handshakeTimeoutMs);
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('end', () => this.#end(CLOSED));
    socket.on('close', () => this.#end(endCause(this.#error)));
    this.#outbox.putCommand(OPENING);
  }

  /** Bytes that the kernel has not accepted yet. */
  get unsentBytes(): number {
    return this.#outbox.unsentBytes;
  }

  /** Whether the peer has sent anything. */
  get hasSpoken(): boolean {
    return this.#chunks > 0;
  }

  get handedOver(): number {
    return this.#outbox.handedOver;
  }

  set messageBytes(most: number) {
    this.#reader.messageBytes = most;
  }

  /** Call this only when the session is ready. */
  send(envelope: Buffer, body: Body): number {
    return this.#outbox.put(envelope, body);
  }

  withdraw(message: number): boolean {
    return this.#outbox.withdraw(message);
  }

  /** Takes what has come from the peer. Its memory may be used again afterwards. */
  read(chunk: Buffer): void {
    this.#chunks++;
    const state = this.#state;
    if (state.kind === 'greeting') this.#greet(Buffer.concat([state.bytes, chunk]), state.hasSentRest);
    else this.#intake.take(chunk, 0);
    // A PING may be in what is held back. A PONG without one does no harm, and shows the peer that we are alive.
    if (this.#isPinged && this.#intake.isHolding) this.#outbox.putCommand(ALIVE);
  }

  /** Passes on no messages until `resume`. */
  pause(): void {
    this.#intake.pause();
  }

  resume(): void {
    this.#intake.resume();
  }

  /**
   * Ends the connection when everything has been sent and the peer has closed its side. What the peer still sends is read and dropped: if
   * a socket is closed with unread input, the kernel resets the connection and throws away what the peer has not received yet.
   */
  finish(): void {
    this.#intake.stop();
    this.#socket.resume();
    this.#outbox.end();
  }

  /** Closes immediately. Messages that the kernel has not accepted are lost (linger 0). */
  close(): void {
    this.#state = { kind: 'closed' };
    clearTimeout(this.#handshake);
    this.#heartbeat?.stop();
    this.#intake.stop();
    this.#socket.destroy();
  }

  #greet(bytes: Buffer, hadSentRest: boolean): void {
    const greeting = parseGreeting(bytes);
    if (greeting.kind === 'refused') return this.#end(greeting.end);
    const { socketType } = this.#settings;
    if (!hadSentRest && greeting.version !== undefined)
      this.#outbox.putCommand(greeting.version === 3 ? GREETING_REST : rest2(socketType));
    if (greeting.kind === 'incomplete') {
      this.#state = { kind: 'greeting', bytes, hasSentRest: greeting.version !== undefined };
      return;
    }
    if (greeting.version === 2) {
      this.#state = { kind: 'handshake', version: '2.0', socketType: greeting.socketType };
    } else {
      this.#state = { kind: 'handshake', version: greeting.minor === 0 ? '3.0' : '3.1', socketType: '' };
      this.#outbox.putCommand(readyCommand(socketType));
    }
    if (bytes.length > greeting.length) this.#intake.take(bytes, greeting.length);
  }

  /* The rest of the public methods is for the reader. */

  message(envelope: Buffer, body: Body): void {
    if (this.#state.kind === 'ready') this.#owner.message(envelope, body);
    else this.#tooEarly();
  }

  tooLarge(envelope: Buffer, bytes: number): void {
    if (this.#state.kind === 'ready') this.#owner.tooLarge(envelope, bytes);
    else this.#tooEarly();
  }

  broken(why: string): void {
    this.#end(ended('broken_protocol', 'the peer broke the protocol', `it sent ${why}`));
  }

  /** The identity of a peer of version 2.0 is a message without a delimiter, or an empty one without a body. */
  malformed(): void {
    if (this.#state.kind === 'ready') return this.#owner.malformed();
    if (this.#state.kind === 'handshake' && this.#state.version === '2.0')
      this.#ready(this.#state.socketType);
    else this.#tooEarly();
  }

  #tooEarly(): void {
    this.#end(ended('broken_handshake', 'the peer sent a message before the handshake was over'));
  }

  command(command: Buffer): void {
    const parsed = parseCommand(command);
    switch (parsed.kind) {
      case 'ready':
        if (this.#state.kind !== 'handshake') return;
        return this.#ready(parsed.socketType ?? '');
      case 'error':
        return this.#end(ended('refused', 'the peer refused the connection', parsed.reason));
      case 'ping':
        this.#outbox.putCommand(pongCommand(parsed.context));
        // Until the peer is ready, the time for the handshake is its limit.
        if (parsed.ttlMs > 0 && this.#state.kind === 'ready') this.#beating().expect(parsed.ttlMs);
        return;
      case 'broken':
        return this.broken('a command that cannot be read');
      case 'unknown':
        // Unknown commands may belong to a newer version (RFC 37, section 3.5).
        if (this.#state.kind === 'handshake')
          this.#end(ended('broken_handshake', `the peer sent the command ${parsed.name} in place of READY`));
        return;
      case 'pong':
    }
  }

  #ready(socketType: string): void {
    if (this.#state.kind !== 'handshake') return;
    const { version } = this.#state;
    // Some peers do not send their type. libzmq accepts them too.
    if (socketType !== '' && !this.#settings.accepts.includes(socketType)) {
      const what = `the peer is a ${socketType} socket, which does not fit (${this.#settings.accepts.join(', ')} do)`;
      if (version !== '2.0') this.#outbox.putCommand(errorCommand('Invalid socket type'));
      return this.#end(ended('wrong_socket_type', what));
    }
    clearTimeout(this.#handshake);
    this.#handshake = undefined;
    this.#state = { kind: 'ready' };
    this.#isPinged = version === '3.1';
    if (this.#isPinged && this.#settings.heartbeat !== undefined)
      this.#beating().start(this.#settings.heartbeat);
    this.#owner.ready({ socketType, version });
  }

  #beating(): Heartbeat {
    this.#heartbeat ??= new Heartbeat({
      chunks: () => this.#chunks,
      isPaused: () => this.#socket.isPaused(),
      isBlocked: () => this.#outbox.unsentBytes > 0,
      ping: (command) => this.#outbox.putCommand(command),
      dead: (end) => this.#end(end),
    });
    return this.#heartbeat;
  }

  #tooSlow(): void {
    const { kind } = this.#state;
    if (kind !== 'greeting' && kind !== 'handshake') return;
    const isSilent = kind === 'greeting' && this.#state.bytes.length === 0;
    this.#end(tooSlow(isSilent, this.#settings.handshakeTimeoutMs));
  }

  #end(end: ConnectionEnd): void {
    const { kind } = this.#state;
    if (kind === 'closed') return;
    this.close();
    const isHangUp = kind !== 'ready' && stageOf(end) === 'dropped' && end.kind !== 'machine_gone';
    this.#owner.closed(isHangUp ? hungUp(end, this.hasSpoken) : end);
  }
}
