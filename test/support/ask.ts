import { Request } from 'zeromq';
import type { FailureReply } from '../../src/proxy/client/failure-reply.ts';
import { context } from '../../src/transport/zeromq/context.ts';

export interface Answer {
  frames: Buffer[];
  /** The first frame. */
  text: string;
  /** The sidecar's failure reply, if it is one. */
  failure: Failure | undefined;
  ms: number;
}

export type Failure = FailureReply;

/** An app: just a plain REQ socket. */
export class App {
  readonly #socket: Request;

  constructor(address: string) {
    this.#socket = new Request({ context, linger: 0 });
    this.#socket.connect(address);
  }

  async ask(...body: (string | Buffer)[]): Promise<Answer> {
    const sentMs = performance.now();
    await this.#socket.send(body);
    const frames = await this.#socket.receive();
    return { frames, text: String(frames[0]), failure: failureOf(frames), ms: performance.now() - sentMs };
  }

  close(): void {
    this.#socket.close();
  }
}

/** Sends one request on a new socket. */
export async function ask(address: string, ...body: (string | Buffer)[]): Promise<Answer> {
  const app = new App(address);
  try {
    return await app.ask(...body);
  } finally {
    app.close();
  }
}

export function failureOf([first]: readonly Buffer[]): Failure | undefined {
  if (first === undefined || !first.subarray(0, 16).equals(Buffer.from('{"lazypirate":{"'))) return undefined;
  return (JSON.parse(String(first)) as { lazypirate: Failure }).lazypirate;
}
