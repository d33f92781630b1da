import type { StatusPage } from '../status-page.ts';
import type { Explanation, Reason } from './reason.ts';
import { attemptsIn, failedIn, type RouteView, settledIn } from './route-view.ts';
import { breakdown, counted, length, listed, number, since, window } from './words.ts';

type Verdict = Explanation['verdict'];

/** How it stands, in one line. */
export function verdict(
  status: StatusPage,
  views: readonly RouteView[],
  reasons: readonly Reason[],
): Verdict {
  if (status.draining)
    return { state: 'draining', text: `The sidecar is about to leave. ${trafficWords(views)}` };
  const broken = views.filter(
    ({ health, route }) => health === 'broken' || has(reasons, route.name, 'broken'),
  );
  if (broken.length > 0) return { state: 'broken', text: brokenWords(views, broken) };
  const starting = views.filter(({ isStarting }) => isStarting);
  if (views.length === 0 || starting.length > 0)
    return { state: 'starting', text: 'The sidecar is starting: its first connections are being made.' };
  const bad = views.filter(
    ({ health, route }) => health === 'degraded' || has(reasons, route.name, 'degraded'),
  );
  if (bad.length > 0 || has(reasons, null, 'degraded'))
    return { state: 'degraded', text: degradedWords(views, bad) };
  if (views.every(({ route }) => route.recent.received === 0))
    return { state: 'idle', text: 'Nothing is wrong here, but no request came in the last minute.' };
  return { state: 'working', text: `All is well. ${trafficWords(views)}` };
}

function has(reasons: readonly Reason[], route: string | null, severity: Reason['severity']): boolean {
  return reasons.some((one) => one.route === route && one.severity === severity);
}

function brokenWords(views: readonly RouteView[], broken: readonly RouteView[]): string {
  const names = listed(broken.map(({ route }) => route.name));
  const who =
    broken.length === 1
      ? `Route ${names} does not work`
      : `${broken.length} of ${views.length} routes do not work: ${names}`;
  return `${who}${broken.every(({ isCutOff }) => isCutOff) ? `: ${cutOffWords(broken)}` : '.'} ${trafficWords(broken)}`.trim();
}

/** Since when nothing can be sent. */
function cutOffWords(cutOff: readonly RouteView[]): string {
  const [first] = cutOff;
  const agoMs = first?.endpoints.map(({ sinceMs }) => sinceMs) ?? [];
  const isNew = agoMs.length === 0 || cutOff.length > 1;
  return first === undefined || isNew
    ? 'no request can be sent.'
    : `no request can be sent ${since(Math.min(...agoMs), first.now)}.`;
}

function degradedWords(views: readonly RouteView[], bad: readonly RouteView[]): string {
  const isQuiet = views.every(({ settled }) => settled === 0);
  if (bad.length === 0)
    return `${isQuiet ? 'Something' : 'Requests are answered, but something'} is wrong with the sidecar. ${trafficWords(views)}`;
  const names = listed(bad.map(({ route }) => route.name));
  const isFailing = bad.some(({ health }) => health !== 'well');
  const isWell = bad.some(({ settled }) => settled > 0)
    ? 'Requests are answered, but not all is well'
    : 'Not all is well';
  const how = isFailing ? 'Some requests fail' : isWell;
  return `${how} (${bad.length === 1 ? 'route' : 'routes'} ${names}). ${trafficWords(bad)}`;
}

/** What became of the requests. */
function trafficWords(views: readonly RouteView[]): string {
  const recent = views.map(({ route }) => route.recent);
  const settled = recent.reduce((sum, one) => sum + settledIn(one), 0);
  const failed = recent.reduce((sum, one) => sum + failedIn(one), 0);
  const time = window(Math.max(0, ...recent.map((one) => one.seconds)));
  const open = views.reduce((sum, { route }) => sum + route.queued + route.inFlight, 0);
  const openWords = open === 0 ? '' : ` ${counted(open, 'request')} ${open === 1 ? 'is' : 'are'} open.`;
  if (settled === 0) return `No request was settled in ${time}.${openWords}`;
  const all = counted(settled, 'request');
  if (failed > 0) {
    const now = views.every(({ health }) => health === 'well') ? ', but it is working again' : '';
    return `${number(failed)} of ${all} failed in ${time} (${failuresWords(views)})${now}.${openWords}`;
  }
  // What was answered before says nothing of now.
  if (views.every(({ isCutOff }) => isCutOff)) return openWords.trim();
  const attempts = recent.map(attemptsIn).reduce((sum, one) => sum + one.failed, 0);
  const repeated = attempts === 0 ? '' : `, though ${counted(attempts, 'attempt')} failed`;
  const [only] = recent;
  const times =
    recent.length === 1 && only !== undefined && only.p50Ms !== null && only.p99Ms !== null
      ? `: ${length(only.p50Ms)} median, ${length(only.p99Ms)} p99`
      : '';
  return `All ${all} of ${time} were answered${repeated}${times}.${openWords}`;
}

function failuresWords(views: readonly RouteView[]): string {
  const counts: Record<string, number> = {};
  for (const { route } of views)
    for (const [outcome, count] of Object.entries(route.recent.outcomes))
      if (outcome !== 'ok')
        counts[outcome] =
          (counts[outcome] ?? 0) + count - (outcome === 'client_gone' ? route.recent.clientGone.ok : 0);
  return breakdown(counts);
}
