import { setTimeout } from 'node:timers/promises';
import { ApiServer, slice } from '../support/api-server.ts';
import { AS_IN_IMAGE, build } from '../support/built.ts';
import { buildImage, imageSkip } from '../support/image.ts';
import { cpuMs, rssMiB } from '../support/process.ts';
import { type RunningSidecar, type Scope, startSidecar } from '../support/program.ts';
import { run } from '../support/tools.ts';
import type { Benchmark } from './bench.ts';
import { median, quantile, table } from './figures.ts';
import { load, portOf, startEcho } from './load.ts';
import { keep } from './results.ts';

const STARTS = 15;
const PROCESSES = 5;
const IDLE_MS = 10_000;
const LOAD_S = 10;
export const MB = 1_000_000;
export const MIB = 1_048_576;
const IMAGE = `localhost/lazypirate:footprint-${process.pid}`;

/** Memory in MB of 1,000,000 bytes. */
export interface Footprint {
  idleMb: { static: number; kubernetes: number };
  listeningMs: { static: number; kubernetes: number };
}

export interface Mode {
  args: string[];
  main: string;
  env: Record<string, string>;
}

/** What the sidecar needs: memory when idle and under load, time until it listens, CPU when idle, and the size of its image. */
export const footprint: Benchmark = async (scope) => {
  const programs = {
    bundled: await modesOf(scope),
    'from source': await modesOf(scope, { main: 'src/main.ts', env: {} }),
  };
  const rows: string[][] = [];
  const found: Footprint = {
    idleMb: { static: 0, kubernetes: 0 },
    listeningMs: { static: 0, kubernetes: 0 },
  };
  for (const [program, modes] of Object.entries(programs)) {
    for (const kind of ['static', 'kubernetes'] as const) {
      const mode = modes[kind];
      const starts = await startsMs(mode);
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

/** How to start a program with one endpoint from the command line, and with the same one found through Kubernetes. */
export async function modesOf(
  scope: Scope,
  { main, env }: Pick<Mode, 'main' | 'env'> = { main: build(), env: AS_IN_IMAGE },
): Promise<{ static: Mode; kubernetes: Mode }> {
  const server = await ApiServer.start(scope);
  const echo = await startEcho(scope);
  server.put('endpointslices', slice('orders-a', [{ ip: '127.0.0.1', uid: 'a' }], echo.port));
  const mode = (upstream: string) => ({
    args: ['--listen', 'tcp://127.0.0.1:0', '--upstream', upstream],
    main,
    env: { ...env, KUBECONFIG: server.kubeconfig(scope) },
  });
  return { static: mode(echo.address), kubernetes: mode('service/orders:zmq') };
}

/** How long each of several starts takes until the sidecar listens. */
export async function startsMs(mode: Mode): Promise<number[]> {
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

/** Several sidecars that have been idle for a while, and the memory of each. */
export async function idle(scope: Scope, mode: Mode) {
  const sidecars = await Promise.all(
    Array.from({ length: PROCESSES }, () => startSidecar(scope, mode.args, mode)),
  );
  await setTimeout(IDLE_MS);
  return { sidecars, idleMb: sidecars.map(rssMb) };
}

async function memory(scope: Scope, mode: Mode) {
  const { sidecars, idleMb } = await idle(scope, mode);
  const cpu = () => sidecars.map(({ program }) => cpuMs(program.pid));
  const beforeMs = cpu();
  await setTimeout(IDLE_MS);
  const idleCpu = cpu().map((ms, index) => (ms - (beforeMs[index] ?? 0)) / IDLE_MS);
  for (const { program, address } of sidecars) {
    const ports = [portOf(address)];
    await load({ ports, clients: 64, size: 64, seconds: LOAD_S, rate: 0 }, [program.pid]);
  }
  const loadedMb = sidecars.map(rssMb);
  for (const { program } of sidecars) program.kill('SIGTERM');
  await Promise.all(sidecars.map(({ program }) => program.ended));
  return { idleMb, loadedMb, idleCpu };
}

function rssMb({ program }: RunningSidecar): number {
  return (rssMiB(program.pid) * MIB) / MB;
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
