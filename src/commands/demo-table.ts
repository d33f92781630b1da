import type { ChildProcess } from 'node:child_process';
import type { Terminal } from './command.ts';

export interface DemoUpstream {
  address: string;
  child: ChildProcess;
  /** `undefined` while it is alive. */
  killedMs: number | undefined;
  kills: number;
}

export interface DemoSetting {
  listen: string;
  admin: string;
  upstreams: readonly DemoUpstream[];
  apps: number;
}

/** The part of the sidecar's `/status` that is shown. */
export interface StatusPage {
  routes: {
    queued: number;
    inFlight: number;
    endpoints: {
      address: string;
      state: string;
      inFlight: number;
      lanes: number;
      latencyMs: number | null;
    }[];
  }[];
}

interface Kill {
  atMs: number;
  upstream: number;
  pid: number | undefined;
  /** Requests that were in flight at the sidecar when the upstream was killed. */
  waiting: number;
  slowestMs: number;
}

/** How often it is drawn anew: on a terminal in place, elsewhere as a line. */
const REDRAW_MS = 250;
const LINE_MS = 2_000;
const KILLS_SHOWN = 4;

/** Counts what the demo's apps see and shows it. */
export class DemoTable {
  readonly #out: Terminal['stdout'];
  readonly #durationMs: number;
  readonly #setting: DemoSetting;
  readonly #startedMs = performance.now();
  readonly #latencies: number[] = [];
  readonly #kills: Kill[] = [];
  #asked = 0;
  #answered = 0;
  #failed = 0;
  #crossed = 0;
  #drawnLines = 0;

  constructor(out: Terminal['stdout'], durationMs: number, setting: DemoSetting) {
    this.#out = out;
    this.#durationMs = durationMs;
    this.#setting = setting;
    const { apps, listen, upstreams, admin } = setting;
    out.write(
      `lazypirate demo: ${apps} plain REQ sockets ─▶ sidecar ${listen} ─▶ ${upstreams.length} upstreams\n`,
    );
    out.write(
      `An upstream is killed with SIGKILL every now and then. http://${admin}/metrics tells more.\n\n`,
    );
  }

  get intervalMs(): number {
    return this.#out.isTTY ? REDRAW_MS : LINE_MS;
  }

  asked(): void {
    this.#asked++;
  }

  answered(sentMs: number, nowMs: number, what: 'own' | 'failed' | 'crossed'): void {
    if (what === 'own') this.#answered++;
    else if (what === 'failed') this.#failed++;
    else this.#crossed++;
    this.#latencies.push(nowMs - sentMs);
    for (let index = this.#kills.length - 1; index >= 0; index--) {
      const kill = this.#kills[index];
      if (kill === undefined || kill.atMs < sentMs) break;
      kill.slowestMs = Math.max(kill.slowestMs, nowMs - sentMs);
    }
  }

  killed(upstream: DemoUpstream): void {
    const atMs = performance.now();
    const waiting = this.#asked - this.#answered - this.#failed - this.#crossed;
    const number = this.#setting.upstreams.indexOf(upstream) + 1;
    upstream.killedMs = atMs;
    upstream.kills++;
    this.#kills.push({ atMs, upstream: number, pid: upstream.child.pid, waiting, slowestMs: 0 });
  }

  restarted(upstream: DemoUpstream, child: ChildProcess): void {
    upstream.child = child;
    upstream.killedMs = undefined;
  }

  draw(page: StatusPage): void {
    if (!this.#out.isTTY) {
      this.#out.write(`${this.#totals()}\n`);
      return;
    }
    const lines = [...this.#upstreamLines(page), '', this.#totals(), '', ...this.#killLines()];
    // Back to the first line of the last drawing, and over it.
    const back = this.#drawnLines > 0 ? `\x1b[${this.#drawnLines}A` : '';
    this.#out.write(back + lines.map((line) => `\x1b[2K${line}\n`).join(''));
    this.#drawnLines = lines.length;
  }

  /** Writes the summary; returns whether every request got its own reply. */
  close(): boolean {
    const lost = this.#asked - this.#answered - this.#crossed;
    const isGood = lost === 0 && this.#crossed === 0;
    const slowest = this.#kills.map(({ slowestMs }) => slowestMs).sort((a, b) => a - b);
    const [median, most] = [quantile(slowest, 0.5), slowest.at(-1) ?? 0];
    this.#out.write(
      `\n${count(this.#asked)} requests, ${count(this.#answered)} replies, ${lost} lost, ${this.#crossed} crossed, ` +
        `${this.#kills.length} kills\n` +
        `The slowest request in flight at a kill took ${ms(median)} (median of the kills), ${ms(most)} at worst; ` +
        'with a REQ socket of its own, the app would have hung for ever at the first.\n',
    );
    return isGood;
  }

  #upstreamLines(page: StatusPage): string[] {
    const endpoints = page.routes.flatMap((route) => route.endpoints);
    const rows = this.#setting.upstreams.map(({ address, child, killedMs, kills }, index) => {
      const seen = endpoints.find((endpoint) => endpoint.address === address);
      const process = killedMs === undefined ? `pid ${child.pid}` : paint(31, 'killed'.padEnd(10));
      const state = seen?.state ?? 'unknown';
      return [
        `  ${index + 1}  ${address.padEnd(24)}`,
        process.padEnd(12),
        paint(state === 'up' ? 32 : 33, state.padEnd(12)),
        String(seen?.inFlight ?? 0).padStart(9),
        ms(seen?.latencyMs ?? 0).padStart(11),
        String(kills).padStart(7),
      ].join(' ');
    });
    return [
      '     upstream                 process      sidecar sees  in flight     latency   kills',
      ...rows,
    ];
  }

  #totals(): string {
    const seconds = Math.min(this.#durationMs, performance.now() - this.#startedMs) / 1_000;
    const sorted = [...this.#latencies].sort((a, b) => a - b);
    return (
      `${seconds.toFixed(0).padStart(3)} s of ${this.#durationMs / 1_000} s   ` +
      `${count(this.#asked)} requests   ${count(this.#answered)} replies   ${this.#failed} failed   ` +
      `${this.#crossed} crossed   ${this.#kills.length} kills   p50 ${ms(quantile(sorted, 0.5))}   ` +
      `p99 ${ms(quantile(sorted, 0.99))}   slowest ${ms(sorted.at(-1) ?? 0)}`
    );
  }

  #killLines(): string[] {
    const shown = this.#kills.slice(-KILLS_SHOWN).map(({ atMs, upstream, pid, waiting, slowestMs }) => {
      const seconds = ((atMs - this.#startedMs) / 1_000).toFixed(1).padStart(5);
      const end = slowestMs > 0 ? `, the slowest was answered after ${ms(slowestMs)}` : '';
      return `${seconds} s  kill -9 ${pid} (upstream ${upstream}): ${waiting} requests in flight${end}`;
    });
    return [...shown, ...Array<string>(KILLS_SHOWN - shown.length).fill('')];
  }
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}

function paint(color: number, text: string): string {
  return `\x1b[${color}m${text}\x1b[0m`;
}
