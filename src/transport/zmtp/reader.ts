import {
  type Body,
  COMMAND,
  DELIMITER,
  ENVELOPE_BYTES_MOST,
  FRAMES_MOST,
  HEADER_MOST,
  LONG,
  MORE,
} from '../message.ts';
import { Pieces } from './pieces.ts';
import { Copies, WireSlice } from './wire-slice.ts';

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

const COPIES = new Copies();

/**
 * Parses everything that a peer of ZMTP 2.0 or 3.x sends after its greeting (RFC 23, section 3.2). Chunks may be split anywhere.
 * The content of a message is passed on unchanged. There are two ways through it: nearly every message lies whole in one chunk, and is
 * passed on from there in one go. What is split, is over a limit, or is no message is collected frame by frame.
 */
export class Reader {
  /** Most bytes of a body. Applies to messages that start to arrive from now on. A larger one is skipped, never stored. */
  messageBytes: number;
  readonly #owner: ReaderOwner;
  readonly #lends: boolean;
  #isOver = false;
  #isPaused = false;
  /** The current part of a message. `skip`: the message is over its limits, and only its end matters. */
  #part: 'none' | 'envelope' | 'body' | 'skip' = 'none';
  /** The header of the current frame, or its start. Not from the pool of Buffers, which an idle connection would keep in memory. */
  readonly #header = Buffer.alloc(LONG_HEADER);
  #headerBytes = 0;
  #isInFrame = false;
  #flags = 0;
  #length = 0;
  #left = 0;
  /** The current part so far. */
  readonly #pieces = new Pieces();
  readonly #command = new Pieces();
  /** The envelope of the current message, once it is complete. */
  #envelope: Buffer | undefined;
  #envelopeBytes = 0;
  /** The limit of the current message. */
  #bytesMost = 0;
  #bytes = 0;
  #frames = 0;

  /** @param lends whether a message that is whole in a chunk is passed on in the chunk's memory. Otherwise it has memory of its own. */
  constructor(messageBytes: number, owner: ReaderOwner, lends = false) {
    this.messageBytes = messageBytes;
    this.#owner = owner;
    this.#lends = lends;
  }

  /** Stops reading for good. What is pushed from now on is dropped. */
  stop(): void {
    this.#isOver = true;
  }

  /** Stops after the current message. */
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
    while (at < chunk.length && !this.#isPaused && !this.#isOver) {
      const isBetween = this.#part === 'none' && this.#headerBytes === 0;
      const end = isBetween ? this.#passWhole(chunk, at) : at;
      at = end > at ? end : this.#collect(chunk, at);
    }
    return this.#isOver ? chunk.length : at;
  }

  /**
   * Passes on the message that starts here.
   *
   * @returns where it ends; `start` if it must be collected
   */
  #passWhole(chunk: Buffer, start: number): number {
    let at = start;
    /** Where the body starts. */
    let from = 0;
    let bytes = 0;
    let frames = 0;
    for (let flags = MORE; (flags & MORE) !== 0; ) {
      if (chunk.length - at < SHORT_HEADER) return start;
      flags = chunk[at] as number;
      let length = chunk[at + 1] as number;
      at += SHORT_HEADER;
      if (flags > MORE) {
        at += LONG_HEADER - SHORT_HEADER;
        if (flags > (MORE | LONG) || at > chunk.length || chunk.readUInt32BE(at - 8) > 0) return start;
        length = chunk.readUInt32BE(at - 4);
      }
      at += length;
      if (at > chunk.length) return start;
      if (from > 0) {
        bytes += length;
        frames++;
      } else if (length === 0) from = at;
    }
    const isOver = bytes > this.messageBytes || frames > FRAMES_MOST || from - start > ENVELOPE_BYTES_MOST;
    if (frames === 0 || isOver) return start;
    this.#pass(chunk, start, from, at, bytes, HEADER_MOST * frames);
    return at;
  }

  #pass(chunk: Buffer, start: number, from: number, end: number, bytes: number, headers: number): void {
    const isOwn = !this.#lends;
    const at = isOwn ? COPIES.add(chunk, start, end) : start;
    const memory = isOwn ? COPIES.memory : chunk;
    const bodyAt = at + from - start;
    const envelope = bodyAt - at === DELIMITER.length ? DELIMITER : memory.subarray(at, bodyAt);
    const body = new WireSlice(memory, bodyAt, at + end - start, bytes, bytes + headers, !isOwn);
    this.#owner.message(envelope, body);
  }

  /** Keeps the header, or what has come of the current frame. */
  #collect(chunk: Buffer, start: number): number {
    let at = start;
    if (!this.#isInFrame) {
      const header = this.#header;
      do header[this.#headerBytes++] = chunk[at++] as number;
      while (at < chunk.length && this.#headerBytes < headerLength(header[0] as number));
      if (this.#headerBytes === headerLength(header[0] as number)) this.#beginFrame();
      return at;
    }
    at = Math.min(at + this.#left, chunk.length);
    this.#left -= at - start;
    this.#keep(chunk, start, at);
    if (this.#left === 0) this.#endFrame();
    return at;
  }

  #beginFrame(): void {
    const header = this.#header;
    // Reserved bits are ignored, as in libzmq, and not passed on, because another peer might reject them.
    this.#flags = header[0] = (header[0] as number) & FLAGS;
    this.#length = header[1] as number;
    if ((this.#flags & LONG) !== 0) {
      const high = header.readUInt32BE(1);
      if (high >= LENGTH_HIGH_MOST) return this.#break('a frame that is longer than any message can be');
      this.#length = high * 2 ** 32 + header.readUInt32BE(5);
    }
    this.#left = this.#length;
    this.#isInFrame = true;
    if (!this.#isCommand) {
      this.#count();
      this.#keep(header, 0, this.#headerBytes);
    } else if (this.#length > COMMAND_BYTES_MOST) return this.#break('a command that is too long');
    if (this.#length === 0) this.#endFrame();
  }

  get #isCommand(): boolean {
    return (this.#flags & COMMAND) !== 0;
  }

  /** Checks the message against its limits as soon as the length of a frame is known. */
  #count(): void {
    if (this.#part === 'none') {
      this.#part = 'envelope';
      this.#bytesMost = this.messageBytes;
    }
    if (this.#part === 'envelope') {
      this.#envelopeBytes += this.#length + this.#headerBytes;
      if (this.#envelopeBytes > ENVELOPE_BYTES_MOST) this.#skip();
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

  #endFrame(): void {
    this.#isInFrame = false;
    this.#headerBytes = 0;
    // A command may be between two frames of one message, because libzmq sends a PING when it is due.
    if (this.#isCommand) return this.#owner.command(Buffer.concat(this.#command.take()));
    if (this.#part === 'envelope' && this.#length === 0) {
      this.#envelope = Buffer.concat(this.#pieces.take());
      this.#part = 'body';
    }
    if ((this.#flags & MORE) === 0) this.#endMessage();
  }

  #endMessage(): void {
    const [part, envelope, bytes, frames] = [this.#part, this.#envelope, this.#bytes, this.#frames];
    const chunks = this.#pieces.take();
    this.#part = 'none';
    this.#envelope = undefined;
    this.#envelopeBytes = this.#bytes = this.#frames = 0;
    if (envelope === undefined || frames === 0) this.#owner.malformed();
    else if (part === 'skip') this.#owner.tooLarge(envelope, bytes);
    else this.#owner.message(envelope, { chunks, bytes, weight: bytes + HEADER_MOST * frames });
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    if (this.#isCommand) this.#command.add(chunk, from, to);
    else if (this.#part !== 'skip') this.#pieces.add(chunk, from, to);
  }

  #break(why: string): void {
    this.#isOver = true;
    this.#owner.broken(why);
  }
}

function headerLength(flags: number): number {
  return (flags & LONG) === 0 ? SHORT_HEADER : LONG_HEADER;
}
