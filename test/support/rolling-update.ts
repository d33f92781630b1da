import { setTimeout } from 'node:timers/promises';
import { type ApiServer, slice } from './api-server.ts';
import type { Program, Scope } from './program.ts';
import { until } from './until.ts';
import { UpstreamProcess } from './upstream-process.ts';

/** An upstream process on an address of its own, in a slice of its own. */
export interface Pod {
  name: string;
  ip: string;
  port: number;
  program: Program;
  /** When each of its requests came, by `performance.now` of this process. */
  arrivals(): number[];
}

/** Pods that come and go as in a Deployment, told to the API server. */
export class Deployment {
  readonly #server: ApiServer;
  readonly #scope: Scope;
  #count = 0;

  constructor(scope: Scope, server: ApiServer) {
    this.#scope = scope;
    this.#server = server;
  }

  /** Starts a process on 127.0.0.2, then 127.0.0.3 and so on. */
  async start(at?: { ip: string; port: number }): Promise<Pod> {
    const ip = at?.ip ?? `127.0.0.${2 + (this.#count % 200)}`;
    const name = `orders-${this.#count++}`;
    const upstream = await UpstreamProcess.start(this.#scope, `tcp://${ip}:${at?.port ?? '*'}`);
    const { program } = upstream;
    const port = Number(new URL(upstream.address).port);
    const arrivals = () => upstream.executions.map(({ atMs }) => atMs);
    return { name, ip, port, program, arrivals };
  }

  ready({ name, ip, port }: Pod): void {
    this.#server.put('endpointslices', slice(name, [{ ip, uid: name }], port));
  }

  terminating({ name, ip, port }: Pod): void {
    const conditions = { ready: false, serving: true, terminating: true };
    this.#server.put('endpointslices', slice(name, [{ ip, uid: name, ...conditions }], port));
  }

  gone({ name }: Pod): void {
    this.#server.delete('endpointslices', name);
  }
}

export interface Replacement {
  /** From the event that it is ready to its first request. */
  firstWorkMs: number;
  /** From the event that the old one terminates to the last request it got; negative where that was before. */
  lastWorkMs: number;
  /** How many requests the new one got meanwhile, and the old one after the first of these. */
  work: number;
  lateWork: number;
}

/** Of a new pod, before the old one gets SIGTERM. */
const LEAST_WORK = 20;

/** Replaces each pod: the new one is ready, the old one terminates, gets SIGTERM after a while, and is gone. */
export async function rollingUpdate(
  deployment: Deployment,
  pods: readonly Pod[],
  graceMs: number,
): Promise<Replacement[]> {
  const replacements: Replacement[] = [];
  for (const old of pods) {
    const fresh = await deployment.start();
    const readyMs = performance.now();
    deployment.ready(fresh);
    deployment.terminating(old);
    await setTimeout(graceMs);
    await until('the new one has work', () => fresh.arrivals().length >= LEAST_WORK);
    old.program.kill('SIGTERM');
    await old.program.ended;
    deployment.gone(old);
    const [firstMs = Number.NaN, ...others] = fresh.arrivals();
    replacements.push({
      work: 1 + others.length,
      lateWork: old.arrivals().filter((atMs) => atMs > firstMs).length,
      firstWorkMs: firstMs - readyMs,
      lastWorkMs: (old.arrivals().at(-1) ?? Number.NaN) - readyMs,
    });
  }
  return replacements;
}
