import assert from 'node:assert/strict';
import { explain } from '../../../../src/ops/explain/explanation.ts';
import type { Explanation, Reason } from '../../../../src/ops/explain/reason.ts';
import type { RouteFigures, RouteRecent } from '../../../../src/ops/recent.ts';
import type { RequestRecord } from '../../../../src/ops/record.ts';
import type { RefusedClients } from '../../../../src/ops/refused-clients.ts';
import type { RouteTotals } from '../../../../src/ops/route-counts.ts';
import { type SidecarStatus, statusPage } from '../../../../src/ops/status-page.ts';
import type { EndpointStatus, RouteStatus } from '../../../../src/proxy/status.ts';
import {
  endpointStatus,
  routeFigures,
  routeRecent,
  routeStatus,
  routeTotals,
  sidecarStatus,
} from '../statuses.ts';

export const { at: NOW } = sidecarStatus();

/** What differs from a route that answers a hundred requests a minute at one endpoint. */
export interface Situation {
  route?: Partial<RouteStatus>;
  endpoints?: Partial<EndpointStatus>[];
  recent?: Partial<RouteRecent>;
  /** The last 10 s; the same as the minute if it is left out. */
  latest?: Partial<RouteRecent>;
  totals?: Partial<RouteTotals>;
  /** Attempts of the last minute, by address. */
  attempts?: Record<string, { answered: number; unanswered: number }>;
  refused?: RefusedClients[];
  records?: Partial<RequestRecord>[];
  sidecar?: Partial<SidecarStatus>;
}

export const { outcomes: NONE, attempts: NO_ATTEMPTS, clientGone: NOBODY_GONE } = routeTotals();
const GOOD: Partial<RouteRecent> = {
  received: 100,
  outcomes: { ...NONE, ok: 100 },
  attempts: { ...NO_ATTEMPTS, ok: 100 },
  ...{ p50Ms: 1.5, p99Ms: 4, replyP50Ms: 1, replyP99Ms: 3 },
};

export function up(address: string, given: Partial<EndpointStatus> = {}): Partial<EndpointStatus> {
  return { address, state: 'up', why: 'connected', sinceMs: 600_000, latencyMs: 1, ...given };
}

/** What is explained of it. */
export function explained(situation: Situation): Explanation {
  const { route, endpoints = [up('tcp://10.0.0.1:7000')], attempts = {}, records = [], sidecar } = situation;
  const status = routeStatus('orders', {
    listening: 'tcp://127.0.0.1:5555',
    endpoints: endpoints.map((one) => endpointStatus(one)),
    ...route,
  });
  const page = statusPage(
    sidecarStatus({
      routes: [status],
      figuresOf: () => figuresOf(situation, attempts),
      refusedClientsOf: () => situation.refused ?? [],
      ...sidecar,
    }),
  );
  return explain(page, records.map(record));
}

function figuresOf(
  { recent, latest, totals, route }: Situation,
  attempts: NonNullable<Situation['attempts']>,
): RouteFigures {
  const minute = routeRecent({ ...GOOD, ...recent });
  const held = (route?.queued ?? 0) + (route?.inFlight ?? 0);
  return routeFigures({
    totals: routeTotals({ received: sumOf(minute.outcomes) + held, outcomes: minute.outcomes, ...totals }),
    recent: minute,
    latest: latest === undefined ? minute : routeRecent({ seconds: 10, ...latest }),
    endpoint: (address) => attempts[address] ?? { answered: 0, unanswered: 0 },
  });
}

function sumOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

export function record(given: Partial<RequestRecord> = {}): RequestRecord {
  return {
    ...{ id: 'orders.k3x9ab.42', route: 'orders', at: '2026-11-27T12:09:50.123Z' },
    ...{ from: '127.0.0.1:53122', process: null, outcome: 'timeout', cause: 'timeout', message: null },
    ...{ executed: 'maybe', requestBytes: 12, replyBytes: 0, waitedMs: 0.4, elapsedMs: 7_500, attempts: [] },
    ...given,
  };
}

/** The reason whose text is like this, all of it as text. */
export function reasonLike({ reasons }: Explanation, text: RegExp): Reason & { all: string } {
  const found = reasons.find((one) => text.test(one.text));
  assert.ok(found, `none is like ${text}:\n${reasons.map((one) => one.text).join('\n')}`);
  return { ...found, all: [found.text, ...found.evidence, found.advice].join('\n') };
}

export function lacks({ reasons }: Explanation, text: RegExp): void {
  assert.deepEqual(
    reasons.filter((one) => text.test(one.text)).map((one) => one.text),
    [],
  );
}
