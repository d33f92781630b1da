import type { Socket } from 'node:net';
import type { Body } from '../message.ts';
import type { ConnectionEnd, ConnectionOwner, PeerInfo } from '../transport.ts';
import { GREETING_REST, OPENING, parseGreeting, rest2 } from './greeting.ts';
import { errorCommand, parseCommand, pingCommand, pongCommand, readyCommand } from './metadata.ts';
import { Outbox } from './outbox.ts';
import { Reader, type ReaderLimits } from './reader.ts';

export interface SessionSettings {
  /** The type of our socket. */
  socketType: 'REP' | 'DEALER' | 'REQ';
  /** The socket types that peers may have. */
  accepts: readonly string[];
  limits: ReaderLimits;
  handshakeTimeoutMs: number;
  /** Sent to peers that announced ZMTP 3.1; `undefined`: never. */
  heartbeat: { intervalMs: number; timeoutMs: number } | undefined;
}

type State =
  | { kind: 'greeting'; bytes: Buffer; hasSentRest: boolean }
  /** `socketType`: a peer of version 2.0 sends it in its greeting, later versions in READY. */
  | { kind: 'handshake'; version: PeerInfo['version']; socketType: string }
  | { kind: 'ready' }
  | { kind: 'closed' };

/**
 * ZMTP 2.0, 3.0 and 3.1 with the NULL mechanism over one connected socket (RFC 15, 23, 37). Only this class reads, writes and closes
 * the socket.
 */
export class Session {
  readonly #socket: Socket;
  readonly #settings: SessionSettings;
  readonly #owner: ConnectionOwner;
  readonly #reader: Reader;
  readonly #outbox: Outbox;
  #state: State = { kind: 'greeting', bytes: Buffer.alloc(0), hasSentRest: false };
  #handshake: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #heardMs = 0;
  #error: string | undefined;

  constructor(socket: Socket, settings: SessionSettings, owner: ConnectionOwner) {
    this.#socket = socket;
    this.#settings = settings;
    this.#owner = owner;
    this.#outbox = new Outbox(socket);
    this.#reader = new Reader(settings.limits, {
      message: (envelope, body) => {
        if (this.#state.kind === 'ready') owner.message(envelope, body);
        else this.#tooEarly();
      },
      malformed: () => this.#malformed(),
      tooLarge: (envelope, bytes) => {
        if (this.#state.kind === 'ready') owner.tooLarge(envelope, bytes);
        else this.#tooEarly();
      },
      command: (command) => this.#command(command),
      broken: (why) => this.#end({ kind: 'protocol', why: `it sent ${why}` }),
    });
    this.#handshake = setTimeout(() => this.#tooSlow(), settings.handshakeTimeoutMs);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', ({ message }) => {
      this.#error = message;
    });
    socket.on('end', () => this.#end({ kind: 'dropped', why: 'the peer closed the connection' }));
    socket.on('close', () => this.#end({ kind: 'dropped', why: this.#error ?? 'the connection closed' }));
    this.#outbox.putCommand(OPENING);
  }

  /** Bytes that the kernel has not accepted yet. */
  get unsentBytes(): number {
    return this.#outbox.unsentBytes;
  }

  /** How many of the messages sent so far have started to go to the kernel. */
  get handedOver(): number {
    return this.#outbox.handedOver;
  }

  /** Call this only when the session is ready. */
  send(envelope: Buffer, body: Body): void {
    this.#outbox.put(envelope, body);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /**
   * Ends the connection when everything has been sent and the peer has closed its side. What the peer still sends is read and dropped: if
   * a socket is closed with unread input, the kernel resets the connection and throws away what the peer has not received yet.
   */
  finish(): void {
    this.#reader.stop();
    this.#socket.resume();
    this.#outbox.end();
  }

  /** Closes immediately. Messages that the kernel has not accepted are lost (linger 0). */
  close(): void {
    this.#shut();
  }

  #read(chunk: Buffer): void {
    const state = this.#state;
    if (state.kind === 'ready' || state.kind === 'handshake') this.#reader.push(chunk);
    else if (state.kind === 'greeting') this.#greet(Buffer.concat([state.bytes, chunk]), state.hasSentRest);
    if (this.#settings.heartbeat !== undefined) this.#heardMs = performance.now();
  }

  #greet(bytes: Buffer, hadSentRest: boolean): void {
    const greeting = parseGreeting(bytes);
    if (greeting.kind === 'refused') return this.#end({ kind: 'handshake', why: greeting.why });
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
    if (bytes.length > greeting.length) this.#reader.push(bytes.subarray(greeting.length));
  }

  /** The identity of a peer of version 2.0 is a message without a delimiter, or an empty one without a body. */
  #malformed(): void {
    if (this.#state.kind === 'ready') return this.#owner.malformed();
    if (this.#state.kind === 'handshake' && this.#state.version === '2.0')
      this.#ready(this.#state.socketType);
    else this.#tooEarly();
  }

  #tooEarly(): void {
    this.#end({ kind: 'handshake', why: 'it sent a message before the handshake was over' });
  }

  #command(command: Buffer): void {
    const parsed = parseCommand(command);
    switch (parsed.kind) {
      case 'ready':
        if (this.#state.kind !== 'handshake') return;
        return this.#ready(parsed.socketType ?? '');
      case 'error':
        return this.#end({ kind: 'handshake', why: `it refused the connection: ${parsed.reason}` });
      case 'ping':
        return this.#outbox.putCommand(pongCommand(parsed.context));
      case 'broken':
        return this.#end({ kind: 'protocol', why: 'it sent a command that cannot be read' });
      case 'unknown':
        // Unknown commands may belong to a newer version (RFC 37, section 3.5).
        if (this.#state.kind === 'handshake')
          this.#end({ kind: 'handshake', why: `it sent the command ${parsed.name} in place of READY` });
        return;
      case 'pong':
    }
  }

  #ready(socketType: string): void {
    if (this.#state.kind !== 'handshake') return;
    const { version } = this.#state;
    // Some peers do not send their type. libzmq accepts them too.
    if (socketType !== '' && !this.#settings.accepts.includes(socketType)) {
      const why = `a ${socketType} socket is there, which does not go with ${this.#settings.socketType}`;
      if (version !== '2.0') this.#outbox.putCommand(errorCommand('Invalid socket type'));
      return this.#end({ kind: 'handshake', why });
    }
    clearTimeout(this.#handshake);
    this.#state = { kind: 'ready' };
    if (version === '3.1') this.#beat();
    this.#owner.ready({ socketType, version });
  }

  #beat(): void {
    const { heartbeat } = this.#settings;
    if (heartbeat === undefined) return;
    const { intervalMs, timeoutMs } = heartbeat;
    this.#heardMs = performance.now();
    this.#heartbeat = setInterval(() => {
      if (performance.now() - this.#heardMs > intervalMs + timeoutMs)
        return this.#end({ kind: 'dropped', why: 'it did not answer heartbeats' });
      this.#outbox.putCommand(pingCommand(intervalMs + timeoutMs));
    }, intervalMs).unref();
  }

  #tooSlow(): void {
    const { kind } = this.#state;
    if (kind !== 'greeting' && kind !== 'handshake') return;
    const said =
      kind === 'greeting' && this.#state.bytes.length === 0
        ? 'it accepts connections and says nothing'
        : 'it did not end the handshake';
    this.#end({ kind: 'handshake', why: said });
  }

  #end(end: ConnectionEnd): void {
    const { kind } = this.#state;
    if (kind === 'closed') return;
    this.#shut();
    const isEarly = end.kind === 'dropped' && kind !== 'ready';
    this.#owner.closed(isEarly ? { ...end, kind: 'handshake' } : end);
  }

  #shut(): void {
    this.#state = { kind: 'closed' };
    clearTimeout(this.#handshake);
    clearInterval(this.#heartbeat);
    this.#reader.stop();
    this.#socket.destroy();
  }
}
