import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { RunningSidecar, Scope } from '../support/program.ts';
import type { Benchmark } from './bench.ts';
import { median, table } from './figures.ts';
import { load, portOf, startEcho } from './load.ts';
import { Page } from './results.ts';
import { startConfigured } from './sidecar.ts';

const ROUNDS = 7;
const LOAD = { clients: 64, size: 64, seconds: 1.5, rate: 0 };
/** A tap whose reader has left is noticed by then. */
const SETTLE_MS = 100;
/** How often the page asks, and what. */
const PAGE_MS = 2_000;
const PAGES = ['/status', '/explain', '/requests'];

/** Looks at a sidecar until what it returns is called. */
type Look = (sidecar: RunningSidecar) => Promise<() => void>;

interface Mode {
  /** Beside the defaults. */
  config?: object;
  look?: Look;
}

/** What can be turned on. The second is the first again, to show the noise. */
function modes(collector: string): Record<string, Mode> {
  return {
    nothing: {},
    'nothing, again': {},
    'metrics.perEndpoint': { config: { metrics: { perEndpoint: true } } },
    'log.slow': { config: { log: { slow: '1s' } } },
    'tracing, sample: 0': { config: { tracing: { endpoint: collector, sample: 0 } } },
    'tracing, sample: 0.01': { config: { tracing: { endpoint: collector, sample: 0.01 } } },
    'tracing, sample: 1': { config: { tracing: { endpoint: collector, sample: 1 } } },
    'the page, open in a browser': { look: openPage },
    'a tap of one request in 100': { look: tap('?sample=0.01') },
    'a tap of all requests': { look: tap('') },
    'a tap of all requests that is never read': { look: tap('', false) },
  };
}

/** Compares the sidecar with itself, with each thing that observes turned on, in turns: requests per second, and CPU time for each. */
export const observers: Benchmark = async (scope) => {
  const { address } = await startEcho(scope);
  const collector = await startCollector(scope);
  const upstream = { endpoints: [address] };
  const sidecars = new Map<string, RunningSidecar>();
  const sidecarWith = async (config: object) => {
    const key = JSON.stringify(config);
    const sidecar = sidecars.get(key) ?? (await startConfigured(scope, config, { upstream }));
    sidecars.set(key, sidecar);
    return sidecar;
  };
  const run = async ({ config = {}, look }: Mode) => {
    const sidecar = await sidecarWith(config);
    const leave = await look?.(sidecar);
    const ports = [portOf(sidecar.address)];
    const { requests, seconds, cpuMs } = await load({ ...LOAD, ports }, [sidecar.program.pid]);
    leave?.();
    await setTimeout(SETTLE_MS);
    return { rate: requests / seconds, cpu: (cpuMs * 1_000) / requests };
  };
  const [, ...others] = Object.entries(modes(collector));
  const ratios = others.map(([name, mode]) => ({ name, mode, rate: [] as number[], cpu: [] as number[] }));
  // Code that is not compiled yet is slow.
  for (const { mode } of ratios) await run(mode);
  for (let round = 0; round < ROUNDS; round++) {
    const base = await run({});
    console.log(`nothing: ${base.rate.toFixed(0)} requests/s, ${base.cpu.toFixed(1)} us of CPU each`);
    for (const of of ratios) {
      const { rate, cpu } = await run(of.mode);
      of.rate.push(rate / base.rate);
      of.cpu.push(cpu / base.cpu);
    }
  }
  const rows = ratios.map(({ name, rate, cpu }) => [name, median(rate).toFixed(2), median(cpu).toFixed(2)]);
  const page = new Page(
    'observers',
    `What each thing that observes costs with ${LOAD.clients} apps and ${LOAD.size} bytes: medians of ${ROUNDS} rounds in turns, against nothing of it.\n`,
  );
  page.add(table(['turned on', 'requests/s', 'CPU a request'], rows));
  page.keep();
};

/** Takes spans and forgets them. Returns where to send them. */
async function startCollector(scope: Scope): Promise<string> {
  const server = createServer((request, response) => {
    request.on('end', () => response.end()).resume();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  scope.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
}

async function openPage({ inspect }: RunningSidecar): Promise<() => void> {
  const ask = () => {
    for (const path of PAGES)
      fetch(`${inspect}${path}`)
        .then((response) => response.arrayBuffer())
        .catch(() => undefined);
  };
  ask();
  const asking = setInterval(ask, PAGE_MS);
  return () => clearInterval(asking);
}

function tap(query: string, isRead = true): Look {
  return async ({ inspect }) => {
    const socket = connect({ host: '127.0.0.1', port: Number(new URL(inspect).port) });
    socket.on('error', () => undefined);
    socket.write(`GET /tap${query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    await once(socket, 'data');
    if (isRead) socket.resume();
    else socket.pause();
    return () => socket.destroy();
  };
}
