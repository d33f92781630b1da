import type { StatusPage } from '../status-page.ts';
import type { Explanation, Finding } from './reason.ts';
import { attemptsIn, failedIn, type RouteView, settledIn } from './route-view.ts';
import { counted, length, listed, number, outcomeWords, since, window } from './words.ts';

type Verdict = Explanation['verdict'];

/** How it stands, in one line. */
export function verdict(
  status: StatusPage,
  views: readonly RouteView[],
  findings: readonly Finding[],
): Verdict {
  if (status.draining)
    return { state: 'draining', text: `The sidecar is about to leave. ${trafficWords(views)}` };
  const statesOf = (wanted: Verdict['state']) =>
    views.filter((view) => routeState(view, findings) === wanted);
  const broken = statesOf('broken');
  if (broken.length > 0) return { state: 'broken', text: brokenWords(views, broken, status) };
  if (views.length === 0 || statesOf('starting').length > 0)
    return { state: 'starting', text: 'The sidecar is starting: its first connections are being made.' };
  const bad = statesOf('degraded');
  if (bad.length > 0 || has(findings, null, 'degraded'))
    return { state: 'degraded', text: degradedWords(views, bad, findings) };
  if (statesOf('idle').length === views.length)
    return { state: 'idle', text: 'Nothing is wrong here, but no request came in the last minute.' };
  return { state: 'working', text: `All is well. ${trafficWords(views)}` };
}

/** How a route stands, in the word that the verdict has for it. */
export function routeState(
  view: RouteView,
  findings: readonly Pick<Finding, 'route' | 'severity'>[],
): Exclude<Verdict['state'], 'draining'> {
  const { route, health, isStarting } = view;
  if (health === 'broken' || has(findings, route.name, 'broken')) return 'broken';
  if (isStarting) return 'starting';
  if (health === 'degraded' || has(findings, route.name, 'degraded')) return 'degraded';
  return route.recent.received === 0 ? 'idle' : 'working';
}

function has(
  findings: readonly Pick<Finding, 'route' | 'severity'>[],
  route: string | null,
  severity: Finding['severity'],
): boolean {
  return findings.some((one) => one.route === route && one.severity === severity);
}

function brokenWords(views: readonly RouteView[], broken: readonly RouteView[], status: StatusPage): string {
  const names = listed(broken.map(({ route }) => route.name));
  const isDead = broken.every(({ hasReplies, isCutOff }) => isCutOff || !hasReplies);
  const who =
    broken.length === 1
      ? `Route ${names} ${isDead ? 'does not work' : 'works badly'}`
      : `${broken.length} of ${views.length} routes ${isDead ? 'do not work' : 'work badly or not at all'}: ${names}`;
  return `${who}${broken.every(({ isCutOff }) => isCutOff) ? `: ${cutOffWords(broken, status)}` : '.'} ${trafficWords(broken)}`.trim();
}

/** Since when nothing can be sent. */
function cutOffWords(cutOff: readonly RouteView[], { startedAt }: StatusPage): string {
  const [first] = cutOff;
  if (first === undefined || cutOff.length > 1) return 'no request can be sent.';
  const { endpoints, now, route } = first;
  const { attempts, received } = route.totals;
  const hasSent = Object.values(attempts).some((count) => count > 0);
  if (!hasSent && received > 0)
    return `no request could be sent ${since(now.getTime() - Date.parse(startedAt), now, 'the start at ')}.`;
  if (endpoints.length === 0) return 'no request can be sent.';
  return `no request can be sent ${since(Math.min(...endpoints.map(({ sinceMs }) => sinceMs)), now)}.`;
}

function degradedWords(
  views: readonly RouteView[],
  bad: readonly RouteView[],
  findings: readonly Finding[],
): string {
  const isQuiet = views.every(({ settled }) => settled === 0);
  if (bad.length === 0)
    return `${isQuiet ? 'Something' : 'Requests are answered, but something'} is wrong with the sidecar. ${trafficWords(views)}`;
  const names = listed(bad.map(({ route }) => route.name));
  const which = `${bad.length === 1 ? 'route' : 'routes'} ${names}`;
  return `${degree(bad, which, findings)} ${trafficWords(bad)}`;
}

/** How bad it is, and whether somebody has to get up for it. */
function degree(bad: readonly RouteView[], which: string, findings: readonly Finding[]): string {
  if (bad.some(({ health }) => health !== 'well')) return `Some requests fail (${which}).`;
  if (bad.every(({ settled }) => settled === 0)) return `Not all is well (${which}).`;
  const harms = findings
    .filter(({ route, severity }) => severity !== 'note' && bad.some((view) => view.route.name === route))
    .map(({ harm }) => harm);
  const canWait = harms.every((harm) => harm === 'none' || harm === 'while_pods_stay');
  if (canWait && bad.every(({ failed }) => failed === 0))
    return harms.includes('while_pods_stay')
      ? `No request of ${which} fails. This can wait as long as no pod starts or stops.`
      : `No request of ${which} fails, so this can wait until morning.`;
  if (harms.every((harm) => harm !== undefined)) return `No request of ${which} fails yet.`;
  return `Requests are answered, but not all is well (${which}).`;
}

/** What became of the requests. */
function trafficWords(views: readonly RouteView[]): string {
  const recent = views.map(({ route }) => route.recent);
  const settled = recent.reduce((sum, one) => sum + settledIn(one), 0);
  const failed = recent.reduce((sum, one) => sum + failedIn(one), 0);
  const time = window(Math.max(0, ...recent.map((one) => one.seconds)));
  const open = views.reduce((sum, { route }) => sum + route.queued + route.inFlight, 0);
  const openWords = open === 0 ? '' : ` ${counted(open, 'request')} ${open === 1 ? 'is' : 'are'} open.`;
  if (settled === 0) return `No request ended in ${time}.${openWords}`;
  const all = counted(settled, 'request');
  if (failed > 0) {
    const now = views.every(({ health }) => health === 'well') ? ', but it is working again' : '';
    const which = `(${failuresWords(views)})${now}.${openWords}`;
    return failed === settled && settled > 1
      ? `All ${all} of ${time} failed ${which}`
      : `${number(failed)} of ${all} failed in ${time} ${which}`;
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
  const answered = settled === 1 ? `The only request of ${time} was` : `All ${all} of ${time} were`;
  return `${answered} answered${repeated}${times}.${openWords}`;
}

function failuresWords(views: readonly RouteView[]): string {
  const counts: Record<string, number> = {};
  for (const { route } of views)
    for (const [outcome, count] of Object.entries(route.recent.outcomes))
      if (outcome !== 'ok')
        counts[outcome] =
          (counts[outcome] ?? 0) + count - (outcome === 'client_gone' ? route.recent.clientGone.ok : 0);
  return outcomeWords(counts);
}
