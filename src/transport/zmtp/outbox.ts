import type { Socket } from 'node:net';
import type { Body } from '../message.ts';
import { atEndOfTurn } from './turn.ts';

/** Larger chunks are written as they are; smaller ones are copied into one block. */
const COPY_MOST = 8_192;
const BLOCK_LEAST = 1_024;
/** Also the most that is written at once to a peer that is slower than we are, except for a single larger message. */
const BLOCK_MOST = 65_536;

/** Most bytes of commands that wait for a peer that does not read. */
const COMMANDS_MOST = 4_096;
const NOTHING = Buffer.alloc(0);

/** Blocks for the next connections that write: one that is idle has none. */
const SPARE: Buffer[] = [];
const SPARE_MOST = 64;

interface Message {
  readonly envelope: Buffer;
  readonly body: Body;
}

/**
 * The outgoing side of one connection. A message that is alone in its turn of the event loop is written immediately. Several
 * messages of one turn are written together at the end of the turn. Nothing is written while the kernel has not accepted the last
 * write.
 */
export class Outbox {
  readonly #socket: Socket;
  readonly #flushed = () => this.#flush();
  readonly #drained = () => this.#drain();
  /** Small chunks, copied one after the other. */
  #block: Buffer = NOTHING;
  #filled = 0;
  /** Chunks that go out before the block: earlier blocks and large chunks. */
  #parts: Buffer[] = [];
  /** Bytes in both. */
  #ready = 0;
  #isBlocked = false;
  /** Messages that came while it was blocked, starting at `#heldAt`. */
  #held: (Message | undefined)[] = [];
  #heldAt = 0;
  #heldBytes = 0;
  #isScheduled = false;
  /** Messages of this turn, and whether the previous turn had several. */
  #inTurn = 0;
  #gathers = false;
  #count = 0;
  /** How many of all messages have been given to the kernel, at least in part. */
  handedOver = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Bytes that the kernel has not accepted. */
  get unsentBytes(): number {
    return this.#ready + this.#heldBytes + this.#socket.writableLength;
  }

  /** @returns the message's number: 1 for the first */
  put(envelope: Buffer, body: Body): number {
    const number = ++this.#count;
    if (this.#isBlocked) {
      const message = { envelope, body };
      this.#held.push(message);
      this.#heldBytes += bytesOf(message);
      return number;
    }
    this.#add(envelope, body);
    this.#inTurn++;
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      atEndOfTurn(this.#flushed);
      if (!this.#gathers) this.#write();
    } else if (this.#ready >= BLOCK_MOST) this.#write();
    return number;
  }

  /** @returns whether this message will certainly never leave: it was still held back, or everything is over */
  withdraw(number: number): boolean {
    const index = this.#held.length - 1 - (this.#count - number);
    if (index >= this.#heldAt && this.#held[index] !== undefined) {
      this.#heldBytes -= bytesOf(this.#held[index]);
      this.#held[index] = undefined;
      return true;
    }
    return number > this.handedOver && !this.#socket.writable;
  }

  /** Sends a greeting or a command: after the message before it, and before messages that are held back. */
  putCommand(bytes: Buffer): void {
    // A peer that asks and never reads the answers must not fill the memory.
    if (this.#isBlocked && this.#ready > COMMANDS_MOST) return;
    this.#append(bytes);
    if (!this.#isBlocked && !this.#isScheduled) this.#write();
  }

  /** Accepts nothing more, and ends the connection when everything is sent. */
  end(): void {
    this.#isBlocked = false;
    this.#takeHeld(Number.POSITIVE_INFINITY);
    if (this.#ready > 0) this.#write();
    this.#socket.end();
  }

  #takeHeld(most: number): void {
    while (this.#heldAt < this.#held.length && this.#ready < most) {
      const message = this.#held[this.#heldAt++];
      if (message === undefined) continue;
      this.#heldBytes -= bytesOf(message);
      this.#add(message.envelope, message.body);
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
    if (this.#filled + length > BLOCK_MOST) this.#seal();
    else if (this.#filled === 0) this.#block = SPARE.pop() ?? NOTHING;
    if (this.#filled + length <= this.#block.length) return;
    let bytes = BLOCK_LEAST;
    while (bytes < this.#filled + length) bytes *= 2;
    const block = Buffer.allocUnsafeSlow(bytes);
    this.#block.copy(block, 0, 0, this.#filled);
    this.#block = block;
  }

  #seal(): void {
    if (this.#filled === 0) return;
    this.#parts.push(this.#block.subarray(0, this.#filled));
    this.#block = NOTHING;
    this.#filled = 0;
  }

  #flush(): void {
    this.#isScheduled = false;
    this.#gathers = this.#inTurn > 1;
    this.#inTurn = 0;
    if (!this.#isBlocked && this.#ready > 0) this.#write();
  }

  /** The kernel has accepted everything. It gets little at a time, so that we know which messages it never got. */
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
    const used = this.#block;
    const block = this.#filled > 0 ? used.subarray(0, this.#filled) : undefined;
    this.#block = NOTHING;
    this.#filled = 0;
    if (this.#parts.length > 0) {
      socket.cork();
      for (const part of this.#parts) socket.write(part);
      if (block !== undefined) socket.write(block);
      socket.uncork();
      this.#parts = [];
    } else if (block !== undefined) socket.write(block);
    if (socket.writableLength === 0) {
      if (block !== undefined && SPARE.length < SPARE_MOST) SPARE.push(used);
      return;
    }
    // The kernel has not accepted all of the block, so its memory must not be used again.
    this.#isBlocked = true;
    // `drain` is emitted only above a certain length; the callback of an empty write always comes.
    socket.write(NOTHING, this.#drained);
  }
}

function bytesOf({ envelope, body }: Message): number {
  return envelope.length + body.weight;
}
