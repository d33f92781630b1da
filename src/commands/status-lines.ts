import type { Explanation } from '../ops/explain/reason.ts';
import { failedIn, routeView, settledIn } from '../ops/explain/route-view.ts';
import { troubleWords } from '../ops/explain/trouble-words.ts';
import { routeState } from '../ops/explain/verdict.ts';
import { length, number, percent, since, window } from '../ops/explain/words.ts';
import type { EndpointPage, RoutePage, StatusPage } from '../ops/status-page.ts';
import { headline, STATE_COLORS, verdictLines } from './explanation-lines.ts';
import type { Line } from './screen.ts';
import { type Cell, tableLines } from './table.ts';

/** What a sidecar has answered, and when. */
export interface Poll {
  atMs: number;
  status: StatusPage;
  explanation: Explanation;
}

interface Polls {
  now: Poll;
  /** The poll before, to tell rates from. */
  before?: Poll;
}

const [RED, GREEN, YELLOW] = [31, 32, 33];
/** For texts where a pipe has no width. */
const TEXT_COLUMNS = 100;
const REASONS_MOST = 3;

/** The verdict with its main reasons, the routes, then their endpoints. */
export function statusLines(polls: Polls, columns: number): Line[] {
  const { status, explanation } = polls.now;
  const { verdict, reasons } = explanation;
  const width = columns === Number.POSITIVE_INFINITY ? TEXT_COLUMNS : columns;
  const causes = reasons.filter((one) => one.severity !== 'note' && one.consequenceOf === null);
  const { seconds = 60 } = status.routes[0]?.recent ?? {};
  return [
    `lazypirate ${status.version}, up ${length(status.uptimeMs)}. Figures are of ${window(seconds)}.`,
    ...verdictLines(verdict, width),
    ...causes.slice(0, REASONS_MOST).flatMap((reason) => headline(reason, '- ', width)),
    ...(causes.length === 0 ? [] : ['What to do: lazypirate explain']),
    '',
    ...routesTable(polls, columns),
    '',
    ...endpointsTable(polls.now, columns),
  ];
}

function routesTable(polls: Polls, columns: number): Line[] {
  const head = ['ROUTE', 'STATE', 'LISTEN', '>REQ/S', '>FAILED', '>P50', '>P99', '>IN FLIGHT', '>WAITING'];
  return tableLines(
    head,
    polls.now.status.routes.map((route) => ({ cells: routeCells(route, polls) })),
    columns,
  );
}

function routeCells(route: RoutePage, { now, before }: Polls): Cell[] {
  const { recent, listening, inFlight, queued } = route;
  const namesake = before?.status.routes.find(({ name }) => name === route.name);
  // A reload that gives the name to another route begins to count anew.
  const old = namesake && namesake.totals.received <= route.totals.received ? namesake : undefined;
  const flow =
    old === undefined || before === undefined
      ? {
          seconds: recent.seconds,
          received: recent.received,
          settled: settledIn(recent),
          failed: failedIn(recent),
        }
      : flowBetween(old, route, (now.atMs - before.atMs) / 1_000);
  return [
    route.name,
    stateCell(route, now),
    listening ?? 'not listening',
    rate(flow.received / Math.max(flow.seconds, 0.001)),
    flow.settled === 0 ? '-' : percent(flow.failed / flow.settled),
    recent.p50Ms === null ? '-' : length(recent.p50Ms),
    recent.p99Ms === null ? '-' : length(recent.p99Ms),
    number(inFlight),
    number(queued),
  ];
}

interface Flow {
  seconds: number;
  received: number;
  settled: number;
  failed: number;
}

function flowBetween({ totals: before }: RoutePage, { totals: now }: RoutePage, seconds: number): Flow {
  return {
    seconds,
    received: now.received - before.received,
    settled: settledIn(now) - settledIn(before),
    failed: failedIn(now) - failedIn(before),
  };
}

function stateCell(route: RoutePage, { status, explanation }: Poll): Cell {
  const view = routeView(route, [], status.uptimeMs, new Date(status.at));
  const text = routeState(view, explanation.reasons);
  return { text, color: STATE_COLORS[text] };
}

/** Columns that would say nothing are left out. */
function endpointsTable({ status }: Poll, columns: number): Line[] {
  const rows = status.routes.flatMap((route) => route.endpoints.map((endpoint) => ({ route, endpoint })));
  if (rows.length === 0)
    return status.routes.map(
      ({ name, discovery }) => `${name}: no endpoints: ${discovery.why ?? discovery.state}`,
    );
  const hasPods = rows.some(({ endpoint }) => endpoint.pod);
  const hasRoutes = status.routes.length > 1;
  const head = [
    ...(hasRoutes ? ['ROUTE'] : []),
    'ENDPOINT',
    ...(hasPods ? ['POD'] : []),
    'STATE',
    'SINCE',
    '>LATENCY',
    '>IN FLIGHT',
    '>ANSWERED',
    'WHY',
  ];
  const table = rows.map(({ route, endpoint }) => ({
    cells: [
      ...(hasRoutes ? [route.name] : []),
      endpoint.address,
      ...(hasPods ? [endpoint.pod ?? '-'] : []),
      ...endpointCells(endpoint, new Date(status.at)),
    ],
  }));
  return tableLines(head, table, columns);
}

function endpointCells(endpoint: EndpointPage, now: Date): Cell[] {
  const { state, sinceMs, latencyMs, inFlight, inFlightLimit, recent } = endpoint;
  const all = recent.answered + recent.unanswered;
  return [
    { text: state, color: state === 'up' ? GREEN : state === 'ejected' || state === 'down' ? RED : YELLOW },
    since(sinceMs, now).replace('since ', ''),
    latencyMs === null ? '-' : `${state === 'down' ? 'was ' : ''}${length(latencyMs)}`,
    `${number(inFlight)}/${number(inFlightLimit)}`,
    all === 0 ? '-' : `${number(recent.answered)}/${number(all)}`,
    troubleWords(endpoint).headline,
  ];
}

function rate(perSecond: number): string {
  return perSecond >= 9.95 ? number(Math.round(perSecond)) : perSecond.toFixed(1);
}
