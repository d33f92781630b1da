import type { Writable } from 'node:stream';
import { type Parameters, parseQuery, type Query } from './query.ts';

export type Method = 'GET' | 'PUT' | 'POST';

/** A request that its door has checked. HEAD is a GET here. */
export interface CheckedRequest {
  method: Method;
  /** Of a PUT or POST. */
  body: string;
  /** What the client wants: its Accept header. */
  accept: string;
}

export interface PageRequest<P extends Parameters> extends CheckedRequest {
  query: Query<P>;
}

export interface Page {
  kind: 'page';
  status: number;
  contentType: string;
  body: string;
  headers?: Readonly<Record<string, string>>;
}

/** An answer that goes on. */
export interface Stream {
  kind: 'stream';
  contentType: string;
  /**
   * Writes until it is done, or until the signal aborts: the reader has left, or the door is closed. It must not write more while
   * `out` waits for its reader, beyond a bound of its own.
   */
  run(out: Writable, signal: AbortSignal): Promise<void>;
}

export type Answer = Page | Stream;

/** A page in the table of a door. */
export interface PageEntry {
  path: string;
  methods: readonly Method[];
  /** What it is, in a few words, for the list of pages. */
  summary: string;
  /** @throws {Refusal} */
  answer(request: CheckedRequest, search: URLSearchParams): Answer | Promise<Answer>;
}

interface PageDefinition<P extends Parameters> {
  path: string;
  summary: string;
  /** GET by default. PUT and POST are for what changes something. */
  methods?: readonly Method[];
  /** What may stand in the query: nothing by default, anything without effect if it is `ignored`. */
  query?: P | 'ignored';
  /** @throws {Refusal} */
  answer(request: PageRequest<P>): Answer | Promise<Answer>;
}

/** Makes a page whose query is checked. */
export function page<P extends Parameters = Record<never, never>>(definition: PageDefinition<P>): PageEntry {
  const { path, summary, methods = ['GET'], query: parameters, answer } = definition;
  return {
    path,
    summary,
    methods,
    answer: (request, search) => {
      const query =
        parameters === 'ignored' ? {} : parseQuery<Parameters>(parameters ?? NO_PARAMETERS, search);
      return answer({ ...request, query: query as Query<P> });
    },
  };
}

const NO_PARAMETERS: Parameters = {};

export function text(status: number, body: string): Page {
  return { kind: 'page', status, contentType: 'text/plain; charset=utf-8', body };
}

/** @param body a text of JSON, or a value that is shown indented */
export function json(body: unknown, status = 200): Page {
  const shown = typeof body === 'string' ? body : `${JSON.stringify(body, undefined, 2)}\n`;
  return { kind: 'page', status, contentType: 'application/json', body: shown };
}

/** One line for each page. */
export function listOf(pages: readonly PageEntry[]): string {
  const rows = pages.map(({ path, methods, summary }) => {
    const isRead = methods.length === 1 && methods[0] === 'GET';
    return [isRead ? path : `${methods.join(', ')} ${path}`, summary] as const;
  });
  const width = Math.max(9, ...rows.map(([path]) => path.length)) + 2;
  return rows.map(([path, summary]) => `${path.padEnd(width)}${summary}\n`).join('');
}
