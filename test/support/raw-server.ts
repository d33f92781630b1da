import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Scope } from './program.ts';
import { FrameReader, frame, greeting, ready } from './zmtp.ts';

/** A TCP server in the place of an endpoint. The test decides what happens to each connection. */
export class RawServer {
  readonly #server: Server;
  readonly address: string;
  readonly sockets: Socket[] = [];

  private constructor(server: Server, address: string) {
    this.#server = server;
    this.address = address;
  }

  /** @param greet called with each connection, and how many there were before it */
  static async start(scope: Scope, greet: (socket: Socket, number: number) => void): Promise<RawServer> {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      const number = raw.sockets.push(socket) - 1;
      greet(socket, number);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const raw = new RawServer(server, `tcp://127.0.0.1:${port}`);
    scope.after(() => raw.close());
    return raw;
  }

  /** Nobody listens there any more, and no connection is left. */
  close(): void {
    this.#server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}

/**
 * Turns the connection into that of a REP that echoes and speaks ZMTP 3.0, as most implementations do.
 *
 * @param commands gets the names of commands that ZMTP 3.0 does not have
 */
export function serveZmtp30(socket: Socket, commands: string[] = []): void {
  const reader = new FrameReader();
  const parts: Buffer[] = [];
  socket.write(Buffer.concat([greeting(), ready('REP')]));
  socket.on('data', (bytes: Buffer) => {
    for (const { isCommand, hasMore, body } of reader.read(bytes)) {
      if (isCommand) {
        const name = body.subarray(1, 1 + (body[0] ?? 0)).toString();
        if (name !== 'READY') commands.push(name);
        continue;
      }
      parts.push(body);
      if (hasMore) continue;
      const last = parts.length - 1;
      socket.write(Buffer.concat(parts.splice(0).map((part, index) => frame(part, index < last))));
    }
  });
}
