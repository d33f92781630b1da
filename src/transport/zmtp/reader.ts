import { type Body, COMMAND, DELIMITER, HEADER_MOST, LONG, MORE } from '../message.ts';
import { Pieces } from './pieces.ts';

/** Most body frames: far more than any message has, though an empty one costs its sender only two bytes. */
const FRAMES_MOST = 65_536;
const ENVELOPE_BYTES_MOST = 65_536;
const COMMAND_BYTES_MOST = 65_536;

/** Receives what is read. It may call `pause` and `stop` from any of these. */
export interface ReaderOwner {
  /** @param envelope wire bytes, including the delimiter */
  message(envelope: Buffer, body: Body): void;
  /** A message was dropped: it had no delimiter, no body, or too large an envelope. */
  malformed(): void;
  /**
   * The end of a message over its limits.
   *
   * @param bytes the size of its body frames
   */
  tooLarge(envelope: Buffer, bytes: number): void;
  /** @param command its name and data, without the frame header */
  command(command: Buffer): void;
  /** The stream is not valid ZMTP. Nothing more is read. */
  broken(why: string): void;
}

/** All bits that a frame may have. */
const FLAGS = MORE | LONG | COMMAND;
const SHORT_HEADER = 2;
const LONG_HEADER = 9;
/** Lengths are doubles, which count exactly up to 2^53: more than any peer can send. */
const LENGTH_HIGH_MOST = 2 ** 21;
/** A body is copied out of a chunk with more bytes than this, if it would otherwise keep the chunk in memory needlessly. */
const PIN_BYTES = 4_096;
/** Needlessly: if the chunk is this many times larger than the body. */
const PIN_TIMES = 4;

/**
 * Parses everything that a peer of ZMTP 2.0 or 3.x sends after its greeting (RFC 23, section 3.2). Chunks may be split anywhere.
 * The content of a message is passed on unchanged.
 */
export class Reader {
  /** Most bytes of a body. Applies to messages that start to arrive from now on. A larger one is skipped, never stored. */
  messageBytes: number;
  readonly #owner: ReaderOwner;
  #isOver = false;
  #isPaused = false;
  /** The current part of a message. `skip`: the message is over its limits, and only its end matters. */
  #part: 'envelope' | 'body' | 'skip' = 'envelope';
  /** The current frame. */
  #isInFrame = false;
  #flags = 0;
  #length = 0;
  #left = 0;
  /** The start of a header that was split. */
  readonly #header = Buffer.allocUnsafe(LONG_HEADER);
  #headerBytes = 0;
  /** The start of the current part, from earlier chunks. */
  readonly #pieces = new Pieces();
  readonly #command = new Pieces();
  /** The envelope of the current message, once it is complete. */
  #envelope: Buffer | undefined;
  #envelopeBytes = 0;
  /** The limit of the current message. */
  #bytesMost = 0;
  #bytes = 0;
  #frames = 0;

  constructor(messageBytes: number, owner: ReaderOwner) {
    this.messageBytes = messageBytes;
    this.#owner = owner;
  }

  /** Stops reading for good. What is pushed from now on is dropped. */
  stop(): void {
    this.#isOver = true;
  }

  /** Stops after the current frame. */
  pause(): void {
    this.#isPaused = true;
  }

  /**
   * Reads on, from a chunk that follows what has been read.
   *
   * @returns how many of its bytes were read: fewer than all if the owner has paused
   */
  push(chunk: Buffer, start = 0): number {
    this.#isPaused = false;
    let at = start;
    /** The start, in this chunk, of the part that has not been kept yet. */
    let from = start;
    while (!this.#isPaused) {
      if (this.#isOver) return chunk.length;
      if (!this.#isInFrame) {
        const length = this.#headerBytes === 0 ? headerLength(chunk, at) : undefined;
        if (length === undefined) {
          this.#keep(chunk, from, at);
          from = at = this.#collectHeader(chunk, at);
          if (!this.#isInFrame) return at;
          if (!this.#isCommand) this.#keep(this.#header, 0, this.#headerBytes);
          this.#headerBytes = 0;
        } else {
          this.#beginFrame(chunk, at);
          if (this.#isCommand) {
            // This may be between two frames of one message, because libzmq sends a PING when it is due.
            this.#keepMessage(chunk, from, at);
            from = at + length;
          }
          at += length;
        }
        if (this.#isOver) return chunk.length;
      }
      const step = Math.min(this.#left, chunk.length - at);
      this.#left -= step;
      at += step;
      if (this.#left > 0) break;
      this.#isInFrame = false;
      from = this.#endFrame(chunk, from, at);
    }
    this.#keep(chunk, from, at);
    return at;
  }

  get #isCommand(): boolean {
    return (this.#flags & COMMAND) !== 0;
  }

  /** Copies more of a header that was split, and starts the frame when the header is complete. */
  #collectHeader(chunk: Buffer, at: number): number {
    while (at < chunk.length) {
      this.#header[this.#headerBytes++] = chunk[at++] ?? 0;
      if (headerLength(this.#header.subarray(0, this.#headerBytes), 0) === undefined) continue;
      this.#beginFrame(this.#header, 0);
      break;
    }
    return at;
  }

  #beginFrame(header: Buffer, at: number): void {
    this.#flags = header[at] ?? 0;
    // Reserved bits are ignored, as in libzmq, and not passed on, because another peer might reject them.
    if (this.#flags > FLAGS) header[at] = this.#flags &= FLAGS;
    this.#length = header[at + 1] ?? 0;
    if ((this.#flags & LONG) !== 0) {
      const high = header.readUInt32BE(at + 1);
      if (high >= LENGTH_HIGH_MOST) return this.#break('a frame that is longer than any message can be');
      this.#length = high * 2 ** 32 + header.readUInt32BE(at + 5);
    }
    this.#left = this.#length;
    this.#isInFrame = true;
    if (!this.#isCommand) this.#count();
    else if (this.#length > COMMAND_BYTES_MOST) this.#break('a command that is too long');
  }

  /** Checks the message against its limits as soon as the length of a frame is known. */
  #count(): void {
    if (this.#part === 'envelope') {
      if (this.#envelopeBytes === 0) this.#bytesMost = this.messageBytes;
      this.#envelopeBytes += this.#length + SHORT_HEADER;
      if (this.#length > 0 && this.#envelopeBytes > ENVELOPE_BYTES_MOST) this.#skip();
      return;
    }
    this.#bytes += this.#length;
    this.#frames++;
    const isOver = this.#bytes > this.#bytesMost || this.#frames > FRAMES_MOST;
    if (isOver && this.#part === 'body') this.#skip();
  }

  #skip(): void {
    this.#part = 'skip';
    this.#pieces.clear();
  }

  /** @returns where in the chunk the next part starts, or the current one if it has not ended */
  #endFrame(chunk: Buffer, from: number, at: number): number {
    if (this.#isCommand) {
      this.#owner.command(this.#takeCommand(chunk, from, at));
      return at;
    }
    const isLast = (this.#flags & MORE) === 0;
    if (this.#part === 'envelope' && this.#length === 0) {
      this.#envelope = this.#takeEnvelope(chunk, from, at);
      this.#part = 'body';
      if (isLast) this.#endMessage(chunk, at, at);
      return at;
    }
    if (!isLast) return this.#part === 'skip' ? at : from;
    this.#endMessage(chunk, from, at);
    return at;
  }

  #endMessage(chunk: Buffer, from: number, at: number): void {
    const [part, envelope, bytes, frames] = [this.#part, this.#envelope, this.#bytes, this.#frames];
    const chunks = part === 'body' && frames > 0 ? this.#takeBody(chunk, from, at) : [];
    this.#pieces.clear();
    this.#part = 'envelope';
    this.#envelope = undefined;
    this.#envelopeBytes = this.#bytes = this.#frames = 0;
    if (envelope === undefined || frames === 0) this.#owner.malformed();
    else if (part === 'skip') this.#owner.tooLarge(envelope, bytes);
    else this.#owner.message(envelope, { chunks, bytes, weight: bytes + HEADER_MOST * frames });
  }

  #takeBody(chunk: Buffer, from: number, at: number): Buffer[] {
    if (this.#pieces.isEmpty) return [unpinned(chunk, from, at)];
    this.#pieces.add(chunk, from, at);
    return this.#pieces.take();
  }

  #takeEnvelope(chunk: Buffer, from: number, at: number): Buffer {
    if (this.#pieces.isEmpty && at - from === DELIMITER.length && chunk[from] === MORE) return DELIMITER;
    if (this.#pieces.isEmpty) return unpinned(chunk, from, at);
    this.#pieces.add(chunk, from, at);
    return Buffer.concat(this.#pieces.take());
  }

  #takeCommand(chunk: Buffer, from: number, at: number): Buffer {
    if (this.#command.isEmpty) return chunk.subarray(from, at);
    this.#command.add(chunk, from, at);
    return Buffer.concat(this.#command.take());
  }

  /** Keeps the start of a part or command that has not ended. */
  #keep(chunk: Buffer, from: number, to: number): void {
    if (this.#isInFrame && this.#isCommand) this.#command.add(chunk, from, to);
    else this.#keepMessage(chunk, from, to);
  }

  #keepMessage(chunk: Buffer, from: number, to: number): void {
    if (this.#part !== 'skip') this.#pieces.add(chunk, from, to);
  }

  #break(why: string): void {
    this.#isOver = true;
    this.#owner.broken(why);
  }
}

/** The size of the header at this position; `undefined` if the chunk does not contain all of it. */
function headerLength(chunk: Buffer, at: number): number | undefined {
  const flags = chunk[at];
  if (flags === undefined) return undefined;
  const length = (flags & LONG) === 0 ? SHORT_HEADER : LONG_HEADER;
  return chunk.length - at < length ? undefined : length;
}

function unpinned(chunk: Buffer, from: number, to: number): Buffer {
  const bytes = to - from;
  if (chunk.length <= PIN_BYTES || chunk.length <= PIN_TIMES * bytes) return chunk.subarray(from, to);
  const copy = Buffer.allocUnsafe(bytes);
  chunk.copy(copy, 0, from, to);
  return copy;
}
