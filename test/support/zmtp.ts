/* The bytes that a peer sends before any message (RFC 23). */

/** Signature, version 3.0, mechanism, no server. */
export function greeting(mechanism = 'NULL'): Buffer {
  return Buffer.concat([
    Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0]),
    Buffer.from(mechanism.padEnd(20, '\0')),
    Buffer.alloc(32),
  ]);
}

/** The READY command of the NULL mechanism, with the type of the socket. */
export function ready(type: string): Buffer {
  const name = Buffer.from('\x05READY');
  const key = Buffer.from('\x0bSocket-Type');
  const body = Buffer.concat([name, key, Buffer.from([0, 0, 0, type.length]), Buffer.from(type)]);
  return Buffer.concat([Buffer.from([4, body.length]), body]);
}

const GREETING_BYTES = 64;
const [MORE, LONG, COMMAND] = [1, 2, 4];

interface Frame {
  isCommand: boolean;
  hasMore: boolean;
  body: Buffer;
}

/** Reads what a peer sends after its greeting, frame by frame. */
export class FrameReader {
  #bytes = Buffer.alloc(0);
  #toSkip = GREETING_BYTES;

  /** The frames that are complete with these bytes. */
  read(bytes: Buffer): Frame[] {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    const skipped = Math.min(this.#toSkip, this.#bytes.length);
    this.#bytes = this.#bytes.subarray(skipped);
    this.#toSkip -= skipped;
    const frames: Frame[] = [];
    for (let one = this.#next(); one !== undefined; one = this.#next()) frames.push(one);
    return frames;
  }

  #next(): Frame | undefined {
    const flags = this.#bytes[0] ?? 0;
    const head = flags & LONG ? 9 : 2;
    if (this.#bytes.length < head) return undefined;
    const length = flags & LONG ? Number(this.#bytes.readBigUInt64BE(1)) : (this.#bytes[1] ?? 0);
    if (this.#bytes.length < head + length) return undefined;
    const body = this.#bytes.subarray(head, head + length);
    this.#bytes = this.#bytes.subarray(head + length);
    return { isCommand: (flags & COMMAND) !== 0, hasMore: (flags & MORE) !== 0, body };
  }
}

export function frame(body: Buffer, hasMore: boolean): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(body.length));
  return Buffer.concat([Buffer.from([(hasMore ? MORE : 0) | LONG]), length, body]);
}
