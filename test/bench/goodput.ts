import { App } from '../support/ask.ts';
import { SerialUpstream } from '../support/serial-upstream.ts';
import type { Benchmark } from './bench.ts';
import { quantile, table } from './figures.ts';
import { Page } from './results.ts';
import { startBuilt } from './sidecar.ts';

const TIMEOUT_MS = 100;
const APPS = 32;
/** The beginning, in which a limit is found where it adapts; and as long again. */
const HALF_MS = 8_000;
/** How long the server works on a request, in shares of the timeout. */
const SERVICES = [0.3, 1.2];
const MANY = 256;
const LIMITS = {
  none: { inFlightPerEndpoint: MANY, adaptive: false },
  // What suits such a server, where one knows that it is one, and that there will never be another beside it.
  'fixed, 1': { inFlightPerEndpoint: 1, adaptive: false },
  'fixed, 8': { inFlightPerEndpoint: 8, adaptive: false },
  'adaptive, up to 8': { inFlightPerEndpoint: 8, adaptive: true },
  [`adaptive, up to ${MANY}`]: { inFlightPerEndpoint: MANY, adaptive: true },
};

/** A server that works on one request after the other gets more than it can answer in time: what of its work is of use to anybody. */
export const goodput: Benchmark = async (scope) => {
  const page = new Page(
    'goodput',
    `One server that takes one request at a time, ${APPS} apps without a pause, timeout ${TIMEOUT_MS} ms.\n` +
      `Goodput in the first ${HALF_MS / 1_000} s and the ${HALF_MS / 1_000} s after that; all else of both.\n`,
  );
  for (const correlate of [false, true]) {
    const rows = [];
    for (const share of SERVICES) {
      for (const [name, limits] of Object.entries(LIMITS)) {
        const serviceMs = share * TIMEOUT_MS;
        const upstream = await SerialUpstream.start(serviceMs);
        const { address } = await startBuilt(scope, {
          upstream: { endpoints: [upstream.address] },
          ...{
            correlate,
            timeout: TIMEOUT_MS,
            deadline: 20 * TIMEOUT_MS,
            limits: { ...limits, inFlight: MANY },
          },
        });
        const { took, failed } = await load(address);
        const { executions } = upstream;
        upstream.close();
        const rate = (after: boolean) => {
          const perSecond = (1_000 * took.filter(({ isAfter }) => isAfter === after).length) / HALF_MS;
          return `${perSecond.toFixed(1)} (${((perSecond * serviceMs) / 10).toFixed(0)} %)`;
        };
        const ms = took.map((one) => one.ms);
        rows.push([
          `${serviceMs} ms`,
          name,
          rate(false),
          rate(true),
          `${((100 * took.length) / (took.length + failed)).toFixed(1)} %`,
          (executions / took.length).toFixed(2),
          `${quantile(ms, 0.5).toFixed(0)} ms`,
          `${quantile(ms, 0.99).toFixed(0)} ms`,
        ]);
      }
    }
    page.add(`correlate: ${correlate}\n`);
    const head = [
      'service',
      'limit',
      'first/s (of the possible)',
      'then/s',
      'success',
      'executions per success',
    ];
    page.add(table([...head, 'p50', 'p99'], rows));
  }
  page.keep();
};

interface Load {
  took: { ms: number; isAfter: boolean }[];
  failed: number;
}

/** How long each request took that had a reply, and how many had none. */
async function load(address: string): Promise<Load> {
  const found: Load = { took: [], failed: 0 };
  const beginMs = performance.now();
  const elapsedMs = () => performance.now() - beginMs;
  const run = async () => {
    const app = new App(address);
    while (elapsedMs() < 2 * HALF_MS) {
      const { failure, ms } = await app.ask('hello');
      if (elapsedMs() >= 2 * HALF_MS) break;
      if (failure) found.failed++;
      else found.took.push({ ms, isAfter: elapsedMs() >= HALF_MS });
    }
    app.close();
  };
  await Promise.all(Array.from({ length: APPS }, run));
  return found;
}
