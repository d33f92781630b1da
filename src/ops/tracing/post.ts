import { Agent, type ClientRequest, type RequestOptions, request } from 'node:http';
import type { LookupFunction } from 'node:net';
import { formatDuration } from '../../duration.ts';

/** For the whole of a request and its answer. */
const TIMEOUT_MS = 10_000;
/** More than a collector has to say. */
const ANSWER_MOST = 64 * 1024;

/** `failed`: there was no answer. */
export type Answer =
  | { kind: 'answered'; status: number; reason: string; body: Buffer }
  | { kind: 'failed'; why: string };

interface PostOptions {
  url: string;
  headers: Readonly<Record<string, string>>;
  /** Resolves the name of the host. The system's own lookup cannot be stopped, so an exit would wait for it. */
  lookup: LookupFunction;
  timeoutMs?: number;
}

/** Posts to one URL, on one connection that is kept open. */
export class Post {
  readonly #options: PostOptions;
  readonly #agent: Agent;
  readonly #request: typeof request;

  private constructor(options: PostOptions, secure: typeof import('node:https') | undefined) {
    this.#options = options;
    const settings = { keepAlive: true, maxSockets: 1 };
    this.#agent = secure === undefined ? new Agent(settings) : new secure.Agent(settings);
    this.#request = secure === undefined ? request : secure.request;
  }

  static async to(options: PostOptions): Promise<Post> {
    return new Post(options, options.url.startsWith('https:') ? await import('node:https') : undefined);
  }

  /** Never rejects. */
  send(content: Uint8Array, contentType: string, signal: AbortSignal): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const fail = (why: string) => resolve({ kind: 'failed', why });
    let sending: ClientRequest;
    try {
      sending = this.#request(this.#options.url, this.#requestOptions(content, contentType));
    } catch (error) {
      fail(whyOf(error));
      return promise;
    }
    const end = (why: string) => {
      fail(why);
      sending.destroy();
    };
    const { timeoutMs = TIMEOUT_MS } = this.#options;
    const timer = setTimeout(() => end(`no answer within ${formatDuration(timeoutMs)}`), timeoutMs);
    const stop = () => end('the time was up');
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    sending.on('error', (error) => fail(whyOf(error)));
    sending.on('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_MOST) end('the answer is too long');
        else chunks.push(chunk);
      });
      response.on('error', (error) => fail(whyOf(error)));
      response.on('end', () => {
        const { statusCode = 0, statusMessage = '' } = response;
        resolve({ kind: 'answered', status: statusCode, reason: statusMessage, body: Buffer.concat(chunks) });
      });
      response.on('close', () => fail('the connection dropped before the end of the answer'));
    });
    sending.end(content);
    return promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    });
  }

  /** Closes the connection. */
  close(): void {
    this.#agent.destroy();
  }

  #requestOptions(content: Uint8Array, contentType: string): RequestOptions {
    const { headers, lookup } = this.#options;
    const own = { 'content-type': contentType, 'content-length': content.length };
    return { method: 'POST', agent: this.#agent, lookup, headers: { ...headers, ...own } };
  }
}

/** Of several addresses each has failed in its own way. */
function whyOf(error: unknown): string {
  const [one = error] = error instanceof AggregateError ? error.errors : [];
  return one instanceof Error ? one.message : String(one);
}
