import { once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import type { Scope } from '../support/program.ts';
import { soon } from '../support/until.ts';

/* Everything that can look at a sidecar, all at once: a tap, a collector of traces, and the page. */

const ROUND_MS = 2_000;
const PAGES = ['/status', '/explain', '/requests', '/config'];

export interface Watched {
  /** Lines of the tap that told an outcome, and lines that it left out because its reader was too slow. */
  settled: number;
  lost: number;
  /** Bytes of spans. */
  spanBytes: number;
  /** Answers of the pages, and those that were not 200. */
  pages: number;
  refused: number;
}

/** Takes spans and forgets them. Returns where to send them. */
export async function startCollector(scope: Scope, watched: Watched): Promise<string> {
  const server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => {
      watched.spanBytes += chunk.length;
    });
    request.on('end', () => response.end());
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  scope.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
}

/** Taps every request and asks for the pages now and then, until the signal aborts. Resolves when the tap is open. */
export async function watch(inspect: string, watched: Watched, over: AbortSignal): Promise<void> {
  const opened = Promise.withResolvers<IncomingMessage>();
  const request = get(`${inspect}/tap`, { signal: over }, opened.resolve).on('error', opened.reject);
  const tap = await soon('the tap is open', opened.promise);
  request.on('error', () => undefined);
  const lines = createInterface({ input: tap });
  // It ends with the signal.
  lines.on('error', () => undefined);
  lines.on('line', (line) => {
    if (line.startsWith('{"kind":"settled"')) watched.settled++;
    else if (line.startsWith('{"kind":"lost"')) watched.lost += Number(JSON.parse(line).lines);
  });
  void ask(inspect, watched, over);
}

async function ask(inspect: string, watched: Watched, over: AbortSignal): Promise<void> {
  for (let turn = 0; !over.aborted; turn++) {
    const page = PAGES[turn % PAGES.length];
    const isOk = await fetch(`${inspect}${page}`, { signal: over }).then(
      async (response) => ((await response.arrayBuffer()).byteLength > 0 ? response.ok : false),
      () => over.aborted,
    );
    watched.pages++;
    if (!isOk) watched.refused++;
    await setTimeout(ROUND_MS / PAGES.length, undefined, { signal: over }).catch(() => undefined);
  }
}
