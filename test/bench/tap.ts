import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { Benchmark } from './bench.ts';
import { median, table } from './figures.ts';
import { load, portOf, startEcho } from './load.ts';
import { startBuilt } from './sidecar.ts';

const ROUNDS = 5;
const LOAD = { clients: 64, size: 64, seconds: 1.5, rate: 0 };
/** A tap whose reader has left is noticed by then. */
const SETTLE_MS = 100;

/** What is open during a run: the queries of the taps, and whether they are read. `off` comes twice, to show the noise. */
const MODES = {
  off: [],
  'off again': [],
  'one request in 100': ['?sample=0.01'],
  'all requests': [''],
  'all requests, never read': ['', false],
} as const;

type Mode = keyof typeof MODES;

/** Compares the sidecar with itself with and without a tap, in turns: its requests per second, and its CPU time for each. */
export const tap: Benchmark = async (scope) => {
  const { address } = await startEcho(scope);
  const sidecar = await startBuilt(scope, { upstream: { endpoints: [address] } });
  const { pid } = sidecar.program;
  const ratios = new Map<Mode, { rate: number[]; cpu: number[] }>();
  const modes = Object.keys(MODES) as Mode[];
  const run = async (mode: Mode) => {
    const [query, isRead = true] = MODES[mode];
    const reader = query === undefined ? undefined : await openTap(sidecar.inspect, query, isRead);
    const { requests, seconds, cpuMs } = await load({ ...LOAD, ports: [portOf(sidecar.address)] }, [pid]);
    reader?.destroy();
    await setTimeout(SETTLE_MS);
    return { rate: requests / seconds, cpu: (cpuMs * 1_000) / requests };
  };
  await run('off');
  for (let round = 0; round < ROUNDS; round++) {
    const base = await run('off');
    console.log(`off: ${base.rate.toFixed(0)} requests/s, ${base.cpu.toFixed(1)} us of CPU each`);
    for (const mode of modes.slice(1)) {
      const { rate, cpu } = await run(mode);
      const of = ratios.get(mode) ?? { rate: [], cpu: [] };
      of.rate.push(rate / base.rate);
      of.cpu.push(cpu / base.cpu);
      ratios.set(mode, of);
    }
  }
  const rows = [...ratios].map(([mode, { rate, cpu }]) => [
    mode,
    median(rate).toFixed(2),
    median(cpu).toFixed(2),
  ]);
  console.log(`\n${table(['tap', 'requests/s against off', 'CPU a request against off'], rows)}`);
};

async function openTap(inspect: string, query: string, isRead: boolean): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(inspect).port) });
  socket.on('error', () => undefined);
  socket.write(`GET /tap${query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
  await once(socket, 'data');
  if (isRead) socket.resume();
  else socket.pause();
  return socket;
}
