import type { Socket } from 'node:net';
import { type Body, copyOf } from '../message.ts';
import { atEndOfTurn, currentTurn } from './turn.ts';
import { copyBytes, WireSlice } from './wire-slice.ts';

/** Larger messages are written as they are, unless they are lent. Smaller ones are copied into one block. */
const COPY_MOST = 8_192;
const BLOCK_LEAST = 1_024;
/** Also the most that is written at once, except for a single larger message. */
const BLOCK_MOST = 65_536;
/** Most bytes of commands that wait for a peer that does not read. */
const COMMANDS_MOST = 4_096;
/** The places of messages that are gone are given up when they are so many, and at least as many as those that wait. */
const GONE_LEAST = 1_024;
const NOTHING = Buffer.alloc(0);

/** Blocks for the next connections that write: one that is idle has none. */
const SPARE: Buffer[] = [];
const SPARE_MOST = 64;

interface Message {
  readonly envelope: Buffer;
  readonly body: Body;
  /** On the wire. */
  readonly bytes: number;
}

/**
 * The outgoing side of one connection. A message that is alone in its turn of the event loop is written immediately. Several
 * messages of one turn are written together at the end of the turn. Nothing is written while the kernel has not accepted the last
 * write, so that we know which messages it never got.
 */
export class Outbox {
  readonly #socket: Socket;
  readonly #endTurn = () => this.#endOfTurn();
  readonly #drained = () => this.#drain();
  /** Copies of the messages that go out next, one after the other. */
  #block: Buffer = NOTHING;
  #filled = 0;
  /** Messages in the block, or in a write that the kernel has refused because the connection is broken. */
  #inBlock = 0;
  /** Whether the kernel has not accepted all of the last write. */
  #isBlocked = false;
  /** Messages that came while it was blocked, from `#at` on. `undefined`: it was withdrawn. */
  #held: (Message | undefined)[] = [];
  #at = 0;
  #heldBytes = 0;
  /** Commands written while it was blocked. */
  #commandBytes = 0;
  #isScheduled = false;
  /** The last turn in which a message came, and how many came in it. */
  #turn = -1;
  #inTurn = 0;
  #count = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** How many of all messages have been given to the kernel, at least in part. */
  get handedOver(): number {
    return this.#count - this.#inBlock - (this.#held.length - this.#at);
  }

  /** Bytes that the kernel has not accepted. Those that are written at the end of this turn it may still accept. */
  get unsentBytes(): number {
    return this.#isBlocked ? this.#filled + this.#heldBytes + this.#socket.writableLength : 0;
  }

  /** @returns the message's number: 1 for the first */
  put(envelope: Buffer, body: Body): number {
    const number = ++this.#count;
    const bytes = envelope.length + lengthOf(body);
    const isAlone = this.#isAlone();
    if (!this.#makeRoom(bytes)) {
      this.#held.push({ envelope, body: isLent(body) ? copyOf(body) : body, bytes });
      this.#heldBytes += bytes;
      return number;
    }
    this.#add(envelope, body, bytes);
    if (isAlone) this.#flush();
    else if (!this.#isScheduled) {
      this.#isScheduled = true;
      atEndOfTurn(this.#endTurn);
    }
    return number;
  }

  /** @returns whether this message will certainly never leave: it was still held back, or everything is over */
  withdraw(number: number): boolean {
    const index = this.#held.length - 1 - (this.#count - number);
    const message = index < this.#at ? undefined : this.#held[index];
    if (message === undefined) return number > this.handedOver && !this.#socket.writable;
    this.#heldBytes -= message.bytes;
    this.#held[index] = undefined;
    return true;
  }

  /** Sends a greeting or a command, before all messages that wait. */
  putCommand(bytes: Buffer): void {
    if (this.#isBlocked) {
      // A peer that asks and never reads the answers must not fill the memory.
      if (this.#commandBytes > COMMANDS_MOST) return;
      this.#commandBytes += bytes.length;
    }
    this.#give([bytes]);
  }

  /** Accepts nothing more, and ends the connection when everything is sent. */
  end(): void {
    do this.#drain();
    while (this.#at < this.#held.length && this.#socket.writable);
    this.#socket.end();
  }

  /** Whether a message is written at once. If several came in one turn, the next turn will probably bring several, too. */
  #isAlone(): boolean {
    const turn = currentTurn();
    if (turn === this.#turn) {
      this.#inTurn++;
      return false;
    }
    const hadSeveral = this.#inTurn > 1;
    this.#turn = turn;
    this.#inTurn = 1;
    return !hadSeveral;
  }

  #endOfTurn(): void {
    this.#isScheduled = false;
    this.#flush();
  }

  /** The kernel has accepted everything. It gets little at a time, so that we know which messages it never got. */
  #drain(): void {
    this.#isBlocked = false;
    this.#commandBytes = 0;
    while (this.#at < this.#held.length) {
      const message = this.#held[this.#at];
      if (message !== undefined) {
        if (!this.#makeRoom(message.bytes)) return this.#forgetGone();
        this.#heldBytes -= message.bytes;
        this.#add(message.envelope, message.body, message.bytes);
      }
      this.#held[this.#at++] = undefined;
    }
    this.#held = [];
    this.#at = 0;
    this.#flush();
  }

  /** A peer may lag for as long as its connection lasts. */
  #forgetGone(): void {
    if (this.#at < Math.max(GONE_LEAST, this.#held.length - this.#at)) return;
    this.#held.splice(0, this.#at);
    this.#at = 0;
  }

  /** @returns whether the message can go to the kernel next */
  #makeRoom(bytes: number): boolean {
    const isFull = bytes > COPY_MOST || this.#filled + bytes > BLOCK_MOST;
    if (isFull && this.#filled > 0) this.#flush();
    return !this.#isBlocked && this.#socket.writable;
  }

  #add(envelope: Buffer, body: Body, bytes: number): void {
    if (bytes > COPY_MOST && !isLent(body)) return this.#give([envelope, ...body.chunks], 1);
    if (this.#filled + bytes > this.#block.length) this.#grow(this.#filled + bytes);
    let at = copyBytes(envelope, 0, envelope.length, this.#block, this.#filled);
    if (body instanceof WireSlice) at = body.copyTo(this.#block, at);
    else for (const chunk of body.chunks) at += chunk.copy(this.#block, at);
    this.#filled = at;
    this.#inBlock++;
  }

  #grow(least: number): void {
    const old = this.#block;
    if (this.#filled === 0) this.#block = SPARE.pop() ?? NOTHING;
    if (this.#block.length >= least) return;
    let bytes = BLOCK_LEAST;
    while (bytes < least) bytes *= 2;
    this.#block = Buffer.allocUnsafeSlow(bytes);
    old.copy(this.#block, 0, 0, this.#filled);
  }

  /** Gives the block to the kernel. */
  #flush(): void {
    if (this.#filled === 0 || this.#isBlocked || !this.#socket.writable) return;
    const [block, messages] = [this.#block, this.#inBlock];
    const filled = block.subarray(0, this.#filled);
    this.#block = NOTHING;
    this.#filled = this.#inBlock = 0;
    this.#give([filled], messages);
    // Otherwise the kernel has not accepted all of it, and its memory must not be used again.
    if (!this.#isBlocked && SPARE.length < SPARE_MOST) SPARE.push(block);
  }

  /** @param messages how many these are */
  #give(batch: readonly Buffer[], messages = 0): void {
    const socket = this.#socket;
    if (batch.length === 1) socket.write(batch[0] as Buffer);
    else {
      socket.cork();
      for (const part of batch) socket.write(part);
      socket.uncork();
    }
    if (!socket.writable) this.#inBlock += messages;
    if (this.#isBlocked || socket.writableLength === 0) return;
    this.#isBlocked = true;
    // `drain` is emitted only above a certain length; the callback of an empty write always comes.
    socket.write(NOTHING, this.#drained);
  }
}

function isLent(body: Body): boolean {
  return body instanceof WireSlice && body.isLent;
}

/** On the wire. */
function lengthOf(body: Body): number {
  if (body instanceof WireSlice) return body.length;
  let bytes = 0;
  for (const { length } of body.chunks) bytes += length;
  return bytes;
}
