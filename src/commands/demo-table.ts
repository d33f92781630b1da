import type { ChildProcess } from 'node:child_process';
import type { DemoFigures, Kill } from './demo-figures.ts';
import type { Line, Painted } from './screen.ts';

export interface DemoUpstream {
  address: string;
  child: ChildProcess;
  isKilled: boolean;
  kills: number;
}

/** The part of the sidecar's `/status` that is shown. */
export interface StatusPage {
  routes: {
    endpoints: { address: string; state: string; inFlight: number; latencyMs: number | null }[];
  }[];
}

const KILLS_SHOWN = 4;
const [RED, GREEN, YELLOW] = [31, 32, 33];

/** One row for each upstream, with its process and with what the sidecar knows of it. */
export function upstreamLines(upstreams: readonly DemoUpstream[], page: StatusPage): Line[] {
  const endpoints = page.routes.flatMap((route) => route.endpoints);
  const rows = upstreams.map(({ address, child, isKilled, kills }, index) => {
    const seen = endpoints.find((endpoint) => endpoint.address === address);
    const state = seen?.state ?? 'unknown';
    return row(
      [`${index + 1}  ${address}`],
      isKilled ? ['killed', RED] : [`pid ${child.pid}`],
      [state, state === 'up' ? GREEN : YELLOW],
      [String(seen?.inFlight ?? 0), ms(seen?.latencyMs ?? 0), String(kills)],
    );
  });
  return [row(['   upstream'], ['process'], ['sidecar says'], ['in flight', 'latency', 'kills']), ...rows];
}

type Cell = readonly [text: string, color?: number];

function row([upstream]: Cell, process: Cell, state: Cell, figures: readonly [string, string, string]): Line {
  const [inFlight, latency, kills] = figures;
  return [
    upstream.padEnd(26),
    cell(process, 12),
    cell(state, 14),
    `${inFlight.padStart(9)}${latency.padStart(10)}${kills.padStart(7)}`,
  ];
}

/** Padded first and coloured then: escapes have no width. */
function cell([text, color]: Cell, width: number): string | Painted {
  const padded = text.padEnd(width);
  return color === undefined ? padded : { text: padded, color };
}

/** How far it is, on one line. */
export function progress(figures: DemoFigures, durationMs: number): string {
  const seconds = Math.min(durationMs, performance.now() - figures.startedMs) / 1_000;
  return `${seconds.toFixed(0)} s of ${durationMs / 1_000} s`;
}

export function counts({ asked, answered, failed, crossed, kills }: DemoFigures): string {
  const replies = `${number(asked)} requests  ${number(answered)} replies`;
  return `${replies}  ${failed} failed  ${crossed} crossed  ${plural(kills.length, 'kill')}`;
}

export function latencies(figures: DemoFigures): string {
  const [p50, p99] = [figures.quantileMs(0.5), figures.quantileMs(0.99)];
  return `latency: p50 ${ms(p50)}  p99 ${ms(p99)}  slowest ${ms(figures.slowestMs)}`;
}

/** The last kills; always as many lines. */
export function killLines({ kills, startedMs }: DemoFigures): string[] {
  const shown = kills.slice(-KILLS_SHOWN).map((kill) => killLine(kill, startedMs));
  return [...shown, ...Array<string>(KILLS_SHOWN - shown.length).fill('')];
}

function killLine({ atMs, upstream, pid, inFlight, slowestMs }: Kill, startedMs: number): string {
  const seconds = ((atMs - startedMs) / 1_000).toFixed(1).padStart(5);
  const end = slowestMs > 0 ? `, slowest reply ${ms(slowestMs)}` : '';
  return `${seconds} s  kill -9 ${pid} (upstream ${upstream}): ${plural(inFlight, 'request')} in flight${end}`;
}

export function summary(figures: DemoFigures): string[] {
  const { asked, answered, lost, crossed, kills } = figures;
  const totals = `${number(asked)} requests, ${number(answered)} replies, ${lost} lost, ${crossed} crossed`;
  const slowest = kills.map(({ slowestMs }) => slowestMs).sort((a, b) => a - b);
  const median = slowest[Math.floor(slowest.length / 2)];
  return [
    `${totals}, ${plural(kills.length, 'kill')}`,
    ...(median === undefined
      ? []
      : [
          `Slowest request in flight at a kill: ${ms(median)} (median), ${ms(slowest.at(-1) ?? 0)} (worst).`,
          'Without the sidecar, a plain REQ socket would have hung at the first kill.',
        ]),
  ];
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}

function plural(count: number, noun: string): string {
  return `${number(count)} ${noun}${count === 1 ? '' : 's'}`;
}
