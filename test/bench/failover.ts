import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { App } from '../support/ask.ts';
import type { Asker } from '../support/kills.ts';
import { LazyPirateClient } from '../support/lazy-pirate.ts';
import { ManInTheMiddle } from '../support/man-in-the-middle.ts';
import { makePayload } from '../support/payload.ts';
import { Program, type Scope } from '../support/program.ts';
import type { Benchmark } from './bench.ts';
import { quantile } from './figures.ts';
import { keep } from './results.ts';
import { startBuilt } from './sidecar.ts';

export interface Failover {
  faults: Record<string, { lazypirate: Affected; lazyPirate: Affected }>;
}

interface Affected {
  requests: number;
  failed: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
}

const UPSTREAM = fileURLToPath(new URL('failover-upstream.ts', import.meta.url));
const APPS = 16;
const BETWEEN_MS = 700;

/** An upstream in a separate process, behind a relay if it is to be cut off. */
class Upstream {
  readonly address: string;
  program: Program;
  readonly #scope: Scope;
  readonly #relay: ManInTheMiddle | undefined;
  readonly #behind: string;

  private constructor(scope: Scope, program: Program, behind: string, relay: ManInTheMiddle | undefined) {
    this.#scope = scope;
    this.program = program;
    this.#behind = behind;
    this.#relay = relay;
    this.address = relay?.address ?? behind;
  }

  static async start(scope: Scope, isRelayed = false): Promise<Upstream> {
    const program = Program.start(scope, process.execPath, [UPSTREAM]);
    const behind = await program.line((line) => /^serving (\S+)/.exec(line)?.[1]);
    const relay = isRelayed ? await ManInTheMiddle.start(behind) : undefined;
    scope.after(() => relay?.close());
    return new Upstream(scope, program, behind, relay);
  }

  async restart(): Promise<void> {
    this.program.kill('SIGKILL');
    await this.program.ended;
    this.program = Program.start(this.#scope, process.execPath, [UPSTREAM, this.#behind]);
    await this.program.line((line) => (line.startsWith('serving ') ? line : undefined));
  }

  cutOff(): void {
    this.#relay?.halt();
  }

  /** Drops everything that the relay held back. */
  joinAgain(): void {
    this.#relay?.reset();
    this.#relay?.resume();
  }
}

/** A fault ends when every request that it hit has ended, because a starting upstream would take CPU time from the failover. */
interface Fault {
  times: number;
  isRelayed?: boolean;
  begin(upstream: Upstream): void;
  end(upstream: Upstream): Promise<void> | void;
}

const FAULTS = {
  killed: {
    times: 30,
    begin: ({ program }) => program.kill('SIGKILL'),
    end: (upstream) => upstream.restart(),
  },
  stopped: {
    times: 10,
    begin: ({ program }) => program.kill('SIGSTOP'),
    end: (upstream) => upstream.restart(),
  },
  'cut off': {
    times: 10,
    isRelayed: true,
    begin: (upstream) => upstream.cutOff(),
    end: (upstream) => upstream.joinAgain(),
  },
} satisfies Record<string, Fault>;

/** One of 3 upstreams is killed, stopped, or cut off: how long until the requests that it had get their replies? */
export const failover: Benchmark = async (scope) => {
  const found: Failover = { faults: {} };
  console.log(
    `3 upstreams work 5 ms on each request of ${APPS} apps. Times of the requests that the upstream had, in ms:\n`,
  );
  for (const [name, fault] of Object.entries<Fault>(FAULTS)) {
    const upstreams = await Promise.all([0, 1, 2].map(() => Upstream.start(scope, fault.isRelayed)));
    const endpoints = upstreams.map(({ address }) => address);
    const { address } = await startBuilt(scope, { upstream: { endpoints } });
    const affected = {
      lazypirate: await suffer(upstreams, fault, () => plainReq(address)),
      lazyPirate: await suffer(upstreams, fault, () => new LazyPirateClient(endpoints)),
    };
    found.faults[name] = affected;
    print(`${name} ${fault.times} times, lazypirate`, affected.lazypirate);
    print(`${name} ${fault.times} times, the guide's Lazy Pirate`, affected.lazyPirate);
    console.log(`  p99: 1/${(affected.lazyPirate.p99Ms / affected.lazypirate.p99Ms).toFixed(0)}`);
  }
  keep('failover', found);
};

/** The same for lazypirate alone, and for killed upstreams. */
export async function killed(scope: Scope): Promise<Affected> {
  const { killed: fault } = FAULTS;
  const upstreams = await Promise.all([0, 1, 2].map(() => Upstream.start(scope)));
  const { address } = await startBuilt(scope, {
    upstream: { endpoints: upstreams.map((one) => one.address) },
  });
  return suffer(upstreams, fault, () => plainReq(address));
}

async function suffer(upstreams: Upstream[], fault: Fault, newAsker: () => Asker): Promise<Affected> {
  const inFlight = new Map<string, Promise<{ ms: number; isReply: boolean }>>();
  let isOver = false;
  const runApp = async (client: number) => {
    const asker = newAsker();
    for (let sequence = 0; !isOver; sequence++) {
      const body = makePayload(client, sequence);
      const asking = time(asker, body);
      inFlight.set(body, asking);
      await asking;
      inFlight.delete(body);
    }
    asker.close();
  };
  const apps = Array.from({ length: APPS }, (_, client) => runApp(client));
  const ended: { ms: number; isReply: boolean }[] = [];
  for (let number = 0; number < fault.times; number++) {
    await setTimeout(BETWEEN_MS);
    const upstream = upstreams[number % upstreams.length];
    if (upstream === undefined) break;
    const { stdout } = upstream.program;
    fault.begin(upstream);
    const asked = [...inFlight];
    const ends = await Promise.all(asked.map(([, asking]) => asking));
    await fault.end(upstream);
    const had = new Set(stdout.splice(0));
    ended.push(...ends.filter((_, index) => had.has(`got ${asked[index]?.[0]}`)));
  }
  isOver = true;
  await Promise.all(apps);
  const took = ended.map(({ ms }) => ms);
  return {
    requests: ended.length,
    failed: ended.filter(({ isReply }) => !isReply).length,
    p50Ms: quantile(took, 0.5),
    p99Ms: quantile(took, 0.99),
    maxMs: quantile(took, 1),
  };
}

async function time(asker: Asker, body: string): Promise<{ ms: number; isReply: boolean }> {
  const sinceMs = performance.now();
  const answer = await asker.ask(body);
  const ms = performance.now() - sinceMs;
  if (answer !== undefined && answer !== body && !answer.startsWith('{"lazypirate":'))
    throw new Error(`the reply to ${body} was ${answer}`);
  return { ms, isReply: answer === body };
}

function plainReq(address: string): Asker {
  const app = new App(address);
  return { ask: async (body) => (await app.ask(body)).text, close: () => app.close() };
}

function print(name: string, { requests, failed, p50Ms, p99Ms, maxMs }: Affected): void {
  const [p50, p99, max] = [p50Ms, p99Ms, maxMs].map((ms) => ms.toFixed(1));
  console.log(`${name}: ${requests} requests, ${failed} failed, p50 ${p50}  p99 ${p99}  max ${max}`);
}
