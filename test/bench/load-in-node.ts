/* The same as load.c, for machines without a C compiler: the same arguments, the same line of JSON. But it is a bottleneck itself. */
import { setTimeout } from 'node:timers/promises';
import { Context, Request } from 'zeromq';
import { cpuMs } from '../support/process.ts';
import { quantile } from './figures.ts';

const WARM_UP_MS = 300;
const [ports = [], clients = [], size = [], seconds = [], rate = [], ...pids] = process.argv
  .slice(2)
  .map((argument) => argument.split(',').map(Number));
const context = new Context({ maxSockets: 10_000 });
const filler = 'x'.repeat((size[0] ?? 64) - 8);
const everyMs = 1_000 / (rate[0] ?? 0);
const sinceMs = performance.now() + WARM_UP_MS;
const endMs = sinceMs + (seconds[0] ?? 1) * 1_000;
const tookUs: number[] = [];
let number = 0;

async function run(client: number): Promise<void> {
  const socket = new Request({ context, linger: 0, receiveTimeout: 20_000 });
  socket.connect(`tcp://127.0.0.1:${ports[client % ports.length]}`);
  for (;;) {
    const tag = number++;
    const dueMs = Number.isFinite(everyMs) ? sinceMs - WARM_UP_MS + tag * everyMs : performance.now();
    if (dueMs >= endMs) break;
    if (dueMs > performance.now()) await setTimeout(Math.ceil(dueMs - performance.now()));
    const body = tag.toString(16).padStart(8, '0') + filler;
    await socket.send(body);
    const [reply] = await socket.receive();
    if (String(reply) !== body) throw new Error(`a wrong reply to ${tag}: ${String(reply).slice(0, 200)}`);
    if (dueMs >= sinceMs) tookUs.push((performance.now() - dueMs) * 1_000);
  }
  socket.close();
}

const used = () => pids.flat().reduce((sum, pid) => sum + cpuMs(pid), 0);
const own = () => process.cpuUsage().user / 1_000 + process.cpuUsage().system / 1_000;
const running = Array.from({ length: clients[0] ?? 1 }, (_, client) => run(client));
await setTimeout(WARM_UP_MS);
const before = { used: used(), own: own() };
await Promise.all(running);
const [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1].map((share) => quantile(tookUs, share));
const found = {
  requests: tookUs.length,
  seconds: (performance.now() - sinceMs) / 1_000,
  p50,
  p99,
  p999,
  max,
};
console.log(JSON.stringify({ ...found, cpuMs: used() - before.used, ownCpuMs: own() - before.own }));
