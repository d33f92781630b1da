import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { bodyOf, envelopeOf, framesOf } from '../../src/transport/message.ts';
import { GREETING_REST, OPENING } from '../../src/transport/zmtp/greeting.ts';
import { readyCommand } from '../../src/transport/zmtp/metadata.ts';
import { netAddressOf } from '../../src/transport/zmtp/net-address.ts';

/** What a well-behaved app of ZMTP 3.1 sends first. */
export const HELLO = Buffer.concat([OPENING, GREETING_REST, readyCommand('DEALER')]);

/** The bytes of a request with one frame. */
export function requestOf(text: string): Buffer {
  return Buffer.concat([envelopeOf([]), ...bodyOf([Buffer.from(text)]).chunks]);
}

/** An app made of a bare socket, so that a test decides about each byte. */
export class RawApp {
  readonly socket: Socket;
  readonly closed: Promise<unknown>;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #told = () => undefined as undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
      this.#told();
    });
    this.closed = new Promise((resolve) => socket.once('close', resolve));
  }

  /** Connects, and says hello unless told otherwise. */
  static async connect(
    scope: { after(end: () => unknown): void },
    address: string,
    hello: Buffer = HELLO,
  ): Promise<RawApp> {
    const socket = connect({ ...netAddressOf(address), noDelay: true });
    scope.after(() => socket.destroy());
    await once(socket, 'connect');
    if (hello.length > 0) socket.write(hello);
    return new RawApp(socket);
  }

  /** Resolves when the peer's READY has come. Before that, an app sends no request, and libzmq takes one for a broken handshake. */
  async ready(): Promise<void> {
    await this.until((came) => came.includes('READY'));
  }

  /** Resolves when the kernel has the bytes. */
  send(...bytes: Buffer[]): Promise<void> {
    return new Promise((resolve, reject) =>
      this.socket.write(Buffer.concat(bytes), (error) => (error ? reject(error) : resolve())),
    );
  }

  /** Everything received so far. */
  get came(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  async until(isSo: (came: Buffer) => boolean): Promise<void> {
    while (!isSo(this.came)) await this.#more();
  }

  async untilBytes(count: number): Promise<void> {
    while (this.#bytes < count) await this.#more();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#told = () => void resolve();
    });
  }

  /** The texts of the first replies of one frame each, when they have come. */
  async replies(count: number): Promise<string[]> {
    for (;;) {
      const { came } = this;
      // The greeting comes first.
      const whole = messageFrames(came.subarray(64));
      const texts = framesOf([whole]).map(String);
      if (texts.length >= 2 * count) return texts.filter((_, index) => index % 2 === 1).slice(0, count);
      await this.untilBytes(came.length + 1);
    }
  }
}

/** The whole frames that are not commands. */
function messageFrames(bytes: Buffer): Buffer {
  const frames: Buffer[] = [];
  let at = 0;
  for (;;) {
    const isLong = ((bytes[at] ?? 0) & 2) !== 0;
    const header = isLong ? 9 : 2;
    if (at + header > bytes.length) return Buffer.concat(frames);
    const end = at + header + (isLong ? bytes.readUInt32BE(at + 5) : (bytes[at + 1] ?? 0));
    if (end > bytes.length) return Buffer.concat(frames);
    if (((bytes[at] ?? 0) & 4) === 0) frames.push(bytes.subarray(at, end));
    at = end;
  }
}
