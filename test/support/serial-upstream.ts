import { setTimeout } from 'node:timers/promises';
import { Router } from 'zeromq';
import { context } from '../../src/transport/zeromq/context.ts';

/**
 * A server that works on one request at a time, in order of arrival, like a plain REP loop. It executes everything that it was
 * sent, whether anybody still waits for it or not.
 */
export class SerialUpstream {
  readonly address: string;
  /** How long it works on a request, from the next one on. */
  serviceMs: number;
  executions = 0;
  readonly #socket: Router;

  private constructor(socket: Router, serviceMs: number) {
    this.#socket = socket;
    this.serviceMs = serviceMs;
    this.address = socket.lastEndpoint ?? '';
    this.#serve().catch(() => undefined);
  }

  static async start(serviceMs: number): Promise<SerialUpstream> {
    const socket = new Router({ context, linger: 0, sendTimeout: 0 });
    await socket.bind('tcp://127.0.0.1:*');
    return new SerialUpstream(socket, serviceMs);
  }

  close(): void {
    this.#socket.close();
  }

  async #serve(): Promise<void> {
    for (;;) {
      const frames = await this.#socket.receive();
      this.executions++;
      await setTimeout(this.serviceMs);
      // Its client may have left.
      await this.#socket.send(frames).catch(() => undefined);
    }
  }
}
