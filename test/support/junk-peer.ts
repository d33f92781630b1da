import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Does something with a connection instead of serving it, and then calls `done`. */
export type Mischief = (near: Socket, done: () => void) => void;

/** Listens where an upstream is expected, and does mischief. Without mischief to do, it relays to a real upstream. */
export class JunkPeer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #mischief: Mischief | undefined;
  address = '';
  /** How often mischief was done. */
  spoilt = 0;

  private constructor(upstream: string) {
    const { hostname, port } = new URL(upstream);
    this.#server = createServer({ noDelay: true }, (near) => {
      this.#keep(near);
      if (this.#mischief !== undefined) return this.#mischief(near, () => this.spoilt++);
      const far = this.#keep(connect({ host: hostname, port: Number(port), noDelay: true }));
      near.pipe(far).pipe(near);
    });
  }

  static async start(upstream: string): Promise<JunkPeer> {
    const peer = new JunkPeer(upstream);
    peer.#server.listen(0, '127.0.0.1');
    await once(peer.#server, 'listening');
    const address = peer.#server.address();
    peer.address = `tcp://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
    return peer;
  }

  /** What it does from now on. Open connections are closed. */
  set mischief(mischief: Mischief | undefined) {
    this.#mischief = mischief;
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.#server.close();
    this.mischief = undefined;
    await once(this.#server, 'close');
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    return socket;
  }
}
