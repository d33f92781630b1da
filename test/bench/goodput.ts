import { App } from '../support/ask.ts';
import { SerialUpstream } from '../support/serial-upstream.ts';
import type { Benchmark } from './bench.ts';
import { quantile, table } from './figures.ts';
import { Page } from './results.ts';
import { startBuilt } from './sidecar.ts';

const TIMEOUT_MS = 100;
const APPS = 32;
/** The run has two halves. An adaptive limit finds its value in the first. */
const HALF_MS = 8_000;
/** How long the server works on a request, as a share of the timeout. */
const SERVICES = [0.3, 1.2];
const MANY = 256;
const LIMITS = {
  none: { inFlightPerEndpoint: MANY, adaptive: false },
  // The right limit for a serial server, if you know that it is one, and that it will always be the only one.
  'fixed, 1': { inFlightPerEndpoint: 1, adaptive: false },
  'fixed, 8': { inFlightPerEndpoint: 8, adaptive: false },
  'adaptive, up to 8': { inFlightPerEndpoint: 8, adaptive: true },
  [`adaptive, up to ${MANY}`]: { inFlightPerEndpoint: MANY, adaptive: true },
};

/** A server that works on one request at a time gets more than it can answer in time: how much of its work is useful? */
export const goodput: Benchmark = async (scope) => {
  const page = new Page(
    'goodput',
    `One server works on one request at a time. ${APPS} apps send requests without a pause, with a timeout of ${TIMEOUT_MS} ms.\n` +
      `The goodput is that of the first ${HALF_MS / 1_000} s and of the next ${HALF_MS / 1_000} s; all other figures cover both.\n`,
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
      'goodput/s at first (of the maximum)',
      'goodput/s then',
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

/** How long each answered request took, and how many failed. */
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
