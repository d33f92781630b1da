import { setTimeout } from 'node:timers/promises';
import { makePayload } from './payload.ts';
import { type Program, type Scope, startServe } from './program.ts';

/** A client that sends requests. `ask` returns `undefined` if there was no reply. */
export interface Asker {
  ask(body: string): Promise<string | undefined>;
  close(): void;
}

export interface KillReport {
  requests: number;
  /** Requests without a reply, or with a failure reply. */
  failed: number;
  crossed: number;
  /** For each kill that hit a request: the time of the slowest request in flight at that moment, in ms. */
  slowestMs: number[];
  /** The times of all others, in ms. */
  undisturbedMs: number[];
}

export interface Plan {
  /** A killed upstream is restarted, with a new `program`. */
  upstreams: { address: string; program: Program }[];
  apps: number;
  kills: number;
  everyMs: number;
  /** How long an upstream works on each request. */
  workMs: number;
}

/** Upstreams in separate processes. */
export function startUpstreams(scope: Scope, count: number, workMs: number) {
  return Promise.all(Array.from({ length: count }, () => startServe(scope, ['--delay', `${workMs}ms`])));
}

/** Kills one upstream after the other with SIGKILL and restarts it at once, while apps send requests without a pause. */
export async function killUpstreams(scope: Scope, plan: Plan, newAsker: () => Asker): Promise<KillReport> {
  const report: KillReport = { requests: 0, failed: 0, crossed: 0, slowestMs: [], undisturbedMs: [] };
  const kills: { atMs: number; slowestMs: number }[] = [];
  const killed = new AbortController();

  const runApp = async (client: number) => {
    const asker = newAsker();
    for (let sequence = 0; !killed.signal.aborted; sequence++) {
      const body = makePayload(client, sequence);
      const sentMs = performance.now();
      report.requests++;
      const answer = await asker.ask(body);
      const endMs = performance.now();
      if (answer === undefined || answer.startsWith('{"lazypirate":')) report.failed++;
      else if (answer !== body) report.crossed++;
      const during = kills.filter(({ atMs }) => atMs >= sentMs);
      for (const kill of during) kill.slowestMs = Math.max(kill.slowestMs, endMs - sentMs);
      if (during.length === 0) report.undisturbedMs.push(endMs - sentMs);
    }
    asker.close();
  };

  const apps = Array.from({ length: plan.apps }, (_, client) => runApp(client));
  for (let number = 0; number < plan.kills; number++) {
    await setTimeout(plan.everyMs);
    const upstream = plan.upstreams[number % plan.upstreams.length];
    if (upstream === undefined) break;
    kills.push({ atMs: performance.now(), slowestMs: 0 });
    upstream.program.kill('SIGKILL');
    await upstream.program.ended;
    upstream.program = (await startServe(scope, ['--delay', `${plan.workMs}ms`], upstream.address)).program;
  }
  killed.abort();
  await Promise.all(apps);
  report.slowestMs = kills.map(({ slowestMs }) => slowestMs);
  return report;
}
