import { setTimeout } from 'node:timers/promises';
import { ApiServer, slice } from '../support/api-server.ts';
import { AS_IN_IMAGE, build } from '../support/built.ts';
import { buildImage, imageSkip } from '../support/image.ts';
import { cpuMs, rssMiB } from '../support/process.ts';
import { type Scope, startSidecar } from '../support/program.ts';
import { run } from '../support/tools.ts';
import type { Benchmark } from './bench.ts';
import { median, quantile, table } from './figures.ts';
import { load, portOf, startEcho } from './load.ts';
import { keep } from './results.ts';

const STARTS = 15;
const PROCESSES = 5;
const IDLE_MS = 10_000;
const LOAD_S = 10;
const MB = 1_000_000;
const MIB = 1_048_576;
const IMAGE = `localhost/lazypirate:footprint-${process.pid}`;

/** Memory in MB of 1,000,000 bytes. */
export interface Footprint {
  idleMb: { static: number; kubernetes: number };
  listeningMs: { static: number; kubernetes: number };
}

interface Mode {
  args: string[];
  main: string;
  env: Record<string, string>;
}

/** What the sidecar needs: memory when idle and under load, time until it listens, CPU when idle, and the size of its image. */
export const footprint: Benchmark = async (scope) => {
  const server = await ApiServer.start(scope);
  const echo = await startEcho(scope);
  server.put('endpointslices', slice('orders-a', [{ ip: '127.0.0.1', uid: 'a' }], echo.port));
  const upstreams = { static: echo.address, kubernetes: 'service/orders:zmq' };
  const programs = {
    bundled: { main: build(), env: AS_IN_IMAGE },
    'from source': { main: 'src/main.ts', env: {} },
  };
  const rows: string[][] = [];
  const found: Footprint = {
    idleMb: { static: 0, kubernetes: 0 },
    listeningMs: { static: 0, kubernetes: 0 },
  };
  for (const [program, { main, env }] of Object.entries(programs)) {
    for (const kind of ['static', 'kubernetes'] as const) {
      const args = ['--listen', 'tcp://127.0.0.1:0', '--upstream', upstreams[kind]];
      const mode = { args, main, env: { ...env, KUBECONFIG: server.kubeconfig(scope) } };
      const starts = await listeningMs(mode);
      const { idleMb, loadedMb, idleCpu } = await memory(scope, mode);
      if (program === 'bundled') found.idleMb[kind] = median(idleMb);
      if (program === 'bundled') found.listeningMs[kind] = median(starts);
      const between = (values: number[]) =>
        `${median(values).toFixed(0)} (${quantile(values, 0).toFixed(0)} to ${quantile(values, 1).toFixed(0)})`;
      rows.push([
        `${kind}, ${program}`,
        between(idleMb),
        between(loadedMb),
        `${(median(idleCpu) * 100).toFixed(2)} %`,
        between(starts),
      ]);
      console.log(`${kind}, ${program}: measured`);
    }
  }
  const head = ['', 'RSS idle, MB', 'RSS under load, MB', 'CPU idle', 'start to listening, ms'];
  console.log(`\n${table(head, rows)}`);
  console.log(imageSize());
  keep('footprint', found);
};

async function listeningMs(mode: Mode): Promise<number[]> {
  const took: number[] = [];
  // The first start fills the cache of compiled code, which the image already contains.
  for (let start = 0; start <= STARTS; start++) {
    const ends: (() => unknown)[] = [];
    const sinceMs = performance.now();
    const { program } = await startSidecar({ after: (end) => ends.push(end) }, mode.args, mode);
    if (start > 0) took.push(performance.now() - sinceMs);
    else program.kill('SIGTERM');
    if (start === 0) await program.ended;
    for (const end of ends) await end();
  }
  return took;
}

async function memory(scope: Scope, mode: Mode) {
  const sidecars = await Promise.all(
    Array.from({ length: PROCESSES }, () => startSidecar(scope, mode.args, mode)),
  );
  const rssMb = () => sidecars.map(({ program }) => (rssMiB(program.pid) * MIB) / MB);
  const cpu = () => sidecars.map(({ program }) => cpuMs(program.pid));
  await setTimeout(IDLE_MS);
  const idleMb = rssMb();
  const beforeMs = cpu();
  await setTimeout(IDLE_MS);
  const idleCpu = cpu().map((ms, index) => (ms - (beforeMs[index] ?? 0)) / IDLE_MS);
  for (const { program, address } of sidecars) {
    const ports = [portOf(address)];
    await load({ ports, clients: 64, size: 64, seconds: LOAD_S, rate: 0 }, [program.pid]);
  }
  const loadedMb = rssMb();
  for (const { program } of sidecars) program.kill('SIGTERM');
  await Promise.all(sidecars.map(({ program }) => program.ended));
  return { idleMb, loadedMb, idleCpu };
}

/** Whatever the base image is here, it is not ours: what counts is what the sidecar adds to it. */
function imageSize(): string {
  const skip = imageSkip();
  if (skip !== false) return `image: not built here: ${skip}`;
  buildImage(IMAGE);
  try {
    const mounted = run('podman', ['image', 'mount', IMAGE]).trim();
    const bytes = Number(run('du', ['--summarize', '--bytes', `${mounted}/lazypirate`]).split('\t')[0]);
    run('podman', ['image', 'unmount', IMAGE]);
    return `image: ${(bytes / MB).toFixed(1)} MB on top of its base`;
  } finally {
    run('podman', ['rmi', '--force', '--ignore', IMAGE]);
  }
}
