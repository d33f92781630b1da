import { setTimeout } from 'node:timers/promises';
import { descriptors, rssMiB } from '../support/process.ts';
import type { RunningSidecar, Scope } from '../support/program.ts';
import { median } from './figures.ts';
import { idle, MB, MIB, modesOf } from './footprint.ts';
import type { Goal } from './goal.ts';
import { addressesOf, load, portOf, startEcho } from './load.ts';
import { connected, startBuilt } from './sidecar.ts';

const MANY = 1_000;
const SECONDS = 5;
const SAMPLE_MS = 50;

/** Resident memory in MB of 1,000,000 bytes, and descriptors. */
export async function memory(scope: Scope): Promise<Goal[]> {
  const modes = await modesOf(scope);
  const idleMb = async (kind: keyof typeof modes) => median((await idle(scope, modes[kind])).idleMb);
  const { port } = await startEcho(scope);
  const [one, many] = [await started(scope, port, 1), await started(scope, port, MANY)];
  const perEndpoint = each(descriptors(many.program.pid) - descriptors(one.program.pid), MANY - 1);
  const apps = await loaded(one, MANY);
  const endpoints = await loaded(many, 64);
  return [
    { what: 'RSS, idle, static, MB', figure: await idleMb('static'), most: { transport: 62, core: 58 } },
    { what: 'RSS, idle, Kubernetes, MB', figure: await idleMb('kubernetes'), most: { core: 75 } },
    { what: 'RSS under load, 1,000 apps, MB', figure: apps.rssMb, most: { transport: 100 } },
    {
      what: 'RSS under load, 1,000 endpoints, subset: all, MB',
      figure: endpoints.rssMb,
      most: { transport: 110 },
    },
    { what: 'descriptors of an app', figure: each(apps.descriptors, MANY), most: { transport: 1 } },
    { what: 'descriptors of an endpoint', figure: perEndpoint, most: { transport: 1 } },
  ];
}

/** In tenths: a few descriptors belong to no connection. */
function each(count: number, of: number): number {
  return Math.round((10 * count) / of) / 10;
}

/** A sidecar that is connected to this many endpoints, all of which are the same upstream. */
async function started(scope: Scope, port: number, endpoints: number): Promise<RunningSidecar> {
  const sidecar = await startBuilt(scope, {
    upstream: { endpoints: addressesOf(port, endpoints), subset: 'all' },
  });
  await connected(sidecar, endpoints);
  return sidecar;
}

/** The most memory that a sidecar had while these apps sent requests, and the most descriptors that it had besides those before. */
async function loaded({ program: { pid }, address }: RunningSidecar, clients: number) {
  const before = descriptors(pid);
  const most = { rssMb: 0, descriptors: 0 };
  let isOver = false;
  const loading = load({ ports: [portOf(address)], clients, size: 64, seconds: SECONDS, rate: 0 }, [pid]);
  const ended = loading.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    most.rssMb = Math.max(most.rssMb, (rssMiB(pid) * MIB) / MB);
    most.descriptors = Math.max(most.descriptors, descriptors(pid) - before);
    await setTimeout(SAMPLE_MS);
  }
  await ended;
  return most;
}
