import { once } from 'node:events';
import { createServer as createPlain, type RequestListener, type ServerResponse } from 'node:http';
import {
  createSecureServer as createHttp2,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
  constants as http2,
} from 'node:http2';
import { createServer as createHttp1 } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { selfSigned } from './certificate.ts';
import { OWN_LOOPBACK } from './own-loopback.ts';

/**
 * `h2`: what a real API server and the client negotiate, with HTTP/1.1 on request. `http/1.1`: as through a load balancer that
 * supports nothing else. `plain`: HTTP/1.1 without TLS.
 */
export type Protocol = 'h2' | 'http/1.1' | 'plain';

/** Node gives both kinds of response `flushHeaders`, but the types of HTTP/2 lack it. */
export type ApiResponse = Http2ServerResponse & Pick<ServerResponse, 'flushHeaders'>;

/** Over HTTP/1.1 these are the node:http types, which have the same shape. */
export type Answer = (request: Http2ServerRequest, response: ApiResponse) => void;

/** The listener of an API server for tests, with control over its connections. */
export class ApiListener {
  /** Whether it sends GOAWAY on each new connection, before any request. */
  isLeaving = false;
  /** PEM, if it uses TLS. */
  readonly certificate: string | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<Http2Session>();
  readonly #server: Server;
  #port = 0;

  constructor(protocol: Protocol, answer: Answer) {
    const listener = answer as unknown as RequestListener & Parameters<typeof createHttp2>[1];
    const { key, certificate: cert } = selfSigned();
    this.certificate = protocol === 'plain' ? undefined : cert;
    if (protocol === 'plain') this.#server = createPlain(listener);
    else if (protocol === 'http/1.1') this.#server = createHttp1({ key, cert }, listener);
    else this.#server = createHttp2({ key, cert, allowHTTP1: true }, listener);
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('session', (session: Http2Session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      if (this.isLeaving) session.goaway(http2.NGHTTP2_NO_ERROR);
    });
  }

  get connections(): number {
    return this.#sockets.size;
  }

  get url(): string {
    return `${this.certificate === undefined ? 'http' : 'https'}://${OWN_LOOPBACK}:${this.#port}`;
  }

  /** Listens again on the same port. */
  async listen(): Promise<void> {
    this.#server.listen(this.#port, OWN_LOOPBACK);
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }

  /** Cuts every connection, or the connection of a request. */
  cut(request?: Http2ServerRequest): void {
    for (const socket of this.#sockets) {
      if (request === undefined || socket.remotePort === request.socket.remotePort) socket.destroy();
    }
  }

  /** Takes no new requests on open connections, but lets those in progress continue. */
  leave(): void {
    for (const session of this.#sessions) session.goaway(http2.NGHTTP2_NO_ERROR);
  }

  /** Ends every connection with a GOAWAY that gives the reason. */
  abandon(code: number): void {
    for (const session of this.#sessions) session.destroy(new Error('abandoned'), code);
  }
}
