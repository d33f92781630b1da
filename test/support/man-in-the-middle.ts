import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { reset } from './reset.ts';

/** A TCP relay in front of an upstream that treats its connections as a bad network would. */
export class ManInTheMiddle {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [near: Socket, far: Socket]>();
  /** How many bytes from the upstream each connection still lets through, and what happens then. */
  readonly #left = new Map<Socket, { bytes: number; spent: () => void }>();
  /** Whether bytes are held back in both directions, as if the network path were cut. */
  isHalted = false;
  /** Decides, each time bytes arrive from the upstream, whether the connection is reset, or how many ms it is held. */
  whim: (() => number | 'reset') | undefined;
  address = '';

  private constructor(upstream: string) {
    const { hostname, port } = new URL(upstream);
    this.#server = createServer({ noDelay: true }, (near) => {
      this.#relay(near, connect({ host: hostname, port: Number(port), noDelay: true }));
    });
  }

  static async start(upstream: string): Promise<ManInTheMiddle> {
    const relay = new ManInTheMiddle(upstream);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    const address = relay.#server.address();
    relay.address = `tcp://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    return relay;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  /** Resets every connection (RST), and returns their number. */
  reset(): number {
    const { size } = this.#pairs;
    for (const pair of this.#pairs) pair.forEach(reset);
    return size;
  }

  /** Each open connection lets this many more bytes from the upstream through, and then ends. */
  cutAfter(bytes: number): void {
    // Bytes that were written go out before the end.
    for (const [near] of this.#pairs) this.#left.set(near, { bytes, spent: () => near.destroySoon() });
  }

  /**
   * Each open connection lets this many more bytes from the upstream through, drops the rest, and reads no more until `resume`.
   * Resolves when one has done so.
   */
  holdAfter(bytes: number): Promise<void> {
    return new Promise((resolve) => {
      for (const [near, far] of this.#pairs) {
        const hold = () => {
          this.#left.set(near, { bytes: 0, spent: () => undefined });
          far.pause();
          resolve();
        };
        this.#left.set(near, { bytes, spent: hold });
      }
    });
  }

  halt(): void {
    this.isHalted = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  resume(): void {
    this.isHalted = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  async close(): Promise<void> {
    this.#server.close();
    this.reset();
    await once(this.#server, 'close');
  }

  #relay(near: Socket, far: Socket): void {
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    near.on('data', (bytes) => far.write(bytes));
    far.on('data', (bytes: Buffer) => {
      const harm = this.whim?.() ?? 0;
      if (harm === 'reset') {
        pair.forEach(reset);
        return;
      }
      if (harm > 0) return standStill(near, far, bytes, harm);
      const left = this.#left.get(near);
      if (left === undefined) return near.write(bytes);
      near.write(bytes.subarray(0, left.bytes));
      left.bytes = Math.max(0, left.bytes - bytes.length);
      if (left.bytes === 0) left.spent();
    });
    for (const [one, other] of [pair, [far, near] as const]) {
      one.on('error', () => undefined);
      one.on('close', () => {
        this.#pairs.delete(pair);
        this.#left.delete(near);
        other.destroy();
      });
      if (this.isHalted) one.pause();
    }
  }
}

/** Holds back these bytes, and everything after them, for this time. */
function standStill(near: Socket, far: Socket, bytes: Buffer, ms: number): void {
  far.pause();
  setTimeout(() => {
    near.write(bytes);
    far.resume();
  }, ms);
}
