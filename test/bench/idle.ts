import { execFileSync } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { cpuMs, rssMiB } from '../support/process.ts';
import { Program, startServe, startSidecar } from '../support/program.ts';
import type { Benchmark } from './bench.ts';
import { median, spread } from './figures.ts';

const RUNS = 15;
const IDLE_MS = 10_000;

/** What the process costs when it has nothing to do, how long it takes to listen, and what that is made of. */
export const idle: Benchmark = async (scope) => {
  execFileSync('npm', ['run', '--silent', 'build']);
  const serve = await startServe(scope);
  const args = ['--listen', 'tcp://127.0.0.1:0', '--upstream', serve.address];
  for (const [name, main] of Object.entries({ compiled: 'dist/main.js', 'from source': 'src/main.ts' })) {
    const took: number[] = [];
    for (let run = 0; run < RUNS; run++) took.push(await timeToListen(args, main));
    const { program } = await startSidecar(scope, args, { main });
    const beforeMs = cpuMs(program.pid);
    await setTimeout(IDLE_MS);
    const share = (cpuMs(program.pid) - beforeMs) / IDLE_MS;
    console.log(
      `${name}: idle RSS ${rssMiB(program.pid).toFixed(0)} MiB, idle CPU ${(share * 100).toFixed(2)} %`,
    );
    console.log(`  from exec to listening, ms, ${RUNS} runs: ${spread(took)}`);
  }
  const steps: [string, string][] = [
    ['Node', ''],
    ['zeromq', "import 'zeromq';"],
    ['zod, yaml', "import 'zod'; import 'yaml';"],
    ['pino', "import 'pino';"],
    ['prom-client', "import 'prom-client';"],
  ];
  let code = '';
  const parts: string[] = [];
  for (const [name, line] of steps) {
    code += line;
    const rss = await Promise.all([0, 1, 2].map(() => rssOf(scope, code)));
    parts.push(`${name} ${median(rss).toFixed(0)}`);
  }
  console.log(`  after loading each in turn, MiB: ${parts.join(', ')}`);
};

async function timeToListen(args: readonly string[], main: string): Promise<number> {
  const ends: (() => unknown)[] = [];
  const sinceMs = performance.now();
  await startSidecar({ after: (end) => ends.push(end) }, args, { main });
  const ms = performance.now() - sinceMs;
  for (const end of ends) await end();
  return ms;
}

/** Of a process that has only loaded this. */
async function rssOf(scope: { after(end: () => unknown): void }, code: string): Promise<number> {
  const args = ['--input-type=module', '-e', `${code} console.log(process.memoryUsage.rss() / 1048576)`];
  const program = Program.start(scope, process.execPath, args);
  return Number(await program.line((line) => line));
}
