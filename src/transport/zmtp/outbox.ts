import type { Socket } from 'node:net';
import type { Body } from '../message.ts';
import { atEndOfTurn } from './turn.ts';

/** Larger chunks are written as they are, smaller ones are copied together. */
const COPY_MOST = 8_192;
const BLOCK_LEAST = 1_024;
/** Also the most that is written at once to a peer that is slower than we are, but for the message that exceeds it. */
const BLOCK_MOST = 65_536;

const NOTHING = Buffer.alloc(0);

interface Message {
  readonly envelope: Buffer;
  readonly body: Body;
}

/**
 * What goes out on one connection. A message that is alone in its turn of the event loop is written at once; those that come
 * together are written together, at the end of the turn. While the kernel has not taken what it was given, it is given no more.
 */
export class Outbox {
  readonly #socket: Socket;
  readonly #flushed = () => this.#flush();
  readonly #drained = () => this.#drain();
  /** Small chunks, one after the other. */
  #block = Buffer.allocUnsafeSlow(BLOCK_LEAST);
  #filled = 0;
  /** What goes out before the block: earlier blocks and large chunks. */
  #parts: Buffer[] = [];
  /** Bytes of both. */
  #ready = 0;
  #isBlocked = false;
  /** What came while it was blocked, from `#heldAt` on. */
  #held: Message[] = [];
  #heldAt = 0;
  #heldBytes = 0;
  #isScheduled = false;
  /** Messages of this turn; of the turn before it is only of interest whether there were several. */
  #inTurn = 0;
  #gathers = false;
  #count = 0;
  /** Of all messages, how many the kernel has been given, if only in part. */
  handedOver = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Bytes that the kernel has not taken. */
  get unsentBytes(): number {
    return this.#ready + this.#heldBytes + this.#socket.writableLength;
  }

  put(envelope: Buffer, body: Body): void {
    this.#count++;
    if (this.#isBlocked) return this.#hold(envelope, body);
    this.#add(envelope, body);
    this.#inTurn++;
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      atEndOfTurn(this.#flushed);
      if (!this.#gathers) this.#write();
    } else if (this.#ready >= BLOCK_MOST) this.#write();
  }

  /** A greeting or a command: behind the message before it, and ahead of those that are held. */
  putCommand(bytes: Buffer): void {
    this.#append(bytes);
    if (!this.#isBlocked && !this.#isScheduled) this.#write();
  }

  /** Nothing more is put in; the connection ends once everything is out. */
  end(): void {
    this.#isBlocked = false;
    this.#takeHeld(Number.POSITIVE_INFINITY);
    if (this.#ready > 0) this.#write();
    this.#socket.end();
  }

  #hold(envelope: Buffer, body: Body): void {
    this.#held.push({ envelope, body });
    this.#heldBytes += envelope.length + body.bytes;
  }

  #takeHeld(most: number): void {
    while (this.#heldAt < this.#held.length && this.#ready < most) {
      const { envelope, body } = this.#held[this.#heldAt++] as Message;
      this.#heldBytes -= envelope.length + body.bytes;
      this.#add(envelope, body);
    }
    if (this.#heldAt < this.#held.length) return;
    this.#held = [];
    this.#heldAt = 0;
  }

  #add(envelope: Buffer, body: Body): void {
    this.#append(envelope);
    for (const chunk of body.chunks) this.#append(chunk);
  }

  #append(chunk: Buffer): void {
    const { length } = chunk;
    this.#ready += length;
    if (length > COPY_MOST) {
      this.#seal();
      this.#parts.push(chunk);
      return;
    }
    if (this.#filled + length > this.#block.length) this.#makeRoom(length);
    chunk.copy(this.#block, this.#filled);
    this.#filled += length;
  }

  #makeRoom(length: number): void {
    if (this.#block.length === BLOCK_MOST) return this.#seal();
    let bytes = this.#block.length;
    while (bytes < this.#filled + length) bytes *= 2;
    const block = Buffer.allocUnsafeSlow(Math.min(bytes, BLOCK_MOST));
    if (this.#filled + length > block.length) this.#seal();
    else this.#block.copy(block, 0, 0, this.#filled);
    this.#block = block;
  }

  #seal(): void {
    if (this.#filled === 0) return;
    this.#parts.push(this.#block.subarray(0, this.#filled));
    this.#block = Buffer.allocUnsafeSlow(this.#block.length);
    this.#filled = 0;
  }

  #flush(): void {
    this.#isScheduled = false;
    this.#gathers = this.#inTurn > 1;
    this.#inTurn = 0;
    if (!this.#isBlocked && this.#ready > 0) this.#write();
  }

  /** The kernel has taken everything. It gets little at a time, so that it is known what it was never given. */
  #drain(): void {
    this.#isBlocked = false;
    while (
      !this.#isBlocked &&
      this.#socket.writable &&
      (this.#ready > 0 || this.#heldAt < this.#held.length)
    ) {
      this.#takeHeld(BLOCK_MOST);
      this.#write();
    }
  }

  #write(): void {
    const socket = this.#socket;
    if (!socket.writable) return;
    this.handedOver = this.#count - (this.#held.length - this.#heldAt);
    this.#ready = 0;
    const block = this.#filled > 0 ? this.#block.subarray(0, this.#filled) : undefined;
    this.#filled = 0;
    if (this.#parts.length > 0) {
      socket.cork();
      for (const part of this.#parts) socket.write(part);
      if (block !== undefined) socket.write(block);
      socket.uncork();
      this.#parts = [];
    } else if (block !== undefined) socket.write(block);
    if (socket.writableLength === 0) return;
    this.#isBlocked = true;
    // `drain` is only told from a certain length on: an empty write tells in any case.
    socket.write(NOTHING, this.#drained);
    // The kernel has not taken all of the block, so its memory must stay as it is.
    if (block !== undefined) this.#block = Buffer.allocUnsafeSlow(BLOCK_LEAST);
  }
}
