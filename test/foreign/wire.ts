import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Scope } from '../support/program.ts';
import { until } from '../support/until.ts';

/** A TCP relay that counts the heartbeats which pass it. */
export class Wire {
  address = '';
  /** How many connections there have been. */
  connections = 0;
  readonly toServer = { pings: 0, pongs: 0 };
  readonly toClient = { pings: 0, pongs: 0 };

  static async start(scope: Scope, server: string): Promise<Wire> {
    const wire = new Wire();
    const sockets: Socket[] = [];
    const { hostname: host, port } = new URL(server);
    const listener = createServer({ noDelay: true }, (near) => {
      const far = connect({ host, port: Number(port), noDelay: true });
      wire.connections++;
      sockets.push(near, far);
      relay(near, far, wire.toServer);
      relay(far, near, wire.toClient);
    }).listen(0, '127.0.0.1');
    await once(listener, 'listening');
    wire.address = `tcp://127.0.0.1:${(listener.address() as AddressInfo).port}`;
    scope.after(() => {
      listener.close();
      for (const socket of sockets) socket.destroy();
    });
    return wire;
  }

  /**
   * Resolves when the client's PINGs have been answered for a while, all on one connection. A client on a busy machine may send its
   * first PING before the handshake is over, and then has to connect again.
   */
  async heartbeats(): Promise<void> {
    const { toServer, toClient } = this;
    await until('PINGs are answered', () => toServer.pings > 0 && toClient.pongs > 0);
    const before = { connections: this.connections, pongs: toClient.pongs };
    await until('more PINGs are answered', () => toClient.pongs > before.pongs + 2);
    assert.equal(this.connections, before.connections);
  }
}

function relay(from: Socket, to: Socket, seen: { pings: number; pongs: number }): void {
  let tail = '';
  from.on('data', (bytes: Buffer) => {
    // The name of a command behind its length. The bodies of the tests have no such words.
    const text = tail + bytes.toString('latin1');
    seen.pings += text.split('\x04PING').length - 1;
    seen.pongs += text.split('\x04PONG').length - 1;
    tail = text.slice(-4);
    to.write(bytes);
  });
  from.on('error', () => undefined);
  from.on('close', () => to.destroy());
}

/** Resolves after this many heartbeats, by the clock that they go by. */
export function beats(count: number, intervalMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      if (--count > 0) return;
      clearInterval(timer);
      resolve();
    }, intervalMs);
  });
}
