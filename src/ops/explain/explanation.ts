import type { RequestRecord } from '../record.ts';
import type { StatusPage } from '../status-page.ts';
import { attemptReasons } from './attempt-reasons.ts';
import { clientReasons, silenceReasons } from './client-reasons.ts';
import { discoveryReasons } from './discovery-reasons.ts';
import { endpointReasons } from './endpoint-reasons.ts';
import { loadReasons } from './load-reasons.ts';
import type { Explanation, Finding, Reason, Severity } from './reason.ts';
import { type RouteView, routeView } from './route-view.ts';
import { sidecarReasons } from './sidecar-reasons.ts';
import { verdict } from './verdict.ts';
import { clock, codeWords, counted, length } from './words.ts';

const SEVERITIES: readonly Severity[] = ['broken', 'degraded', 'note'];

/**
 * Says what is wrong now, and why. Pure.
 *
 * @param records of failed and slow requests, the newest first
 */
export function explain(status: StatusPage, records: readonly RequestRecord[]): Explanation {
  const now = new Date(status.at);
  // A route that a reload has replaced may still be there, behind the one of its name. They share their figures.
  const routes = status.routes.filter(
    ({ name }, place) => status.routes.findIndex((one) => one.name === name) === place,
  );
  const views = routes.map((route) => routeView(route, records, status.uptimeMs, now));
  // From the cause to what follows from it: this order is kept within a severity.
  const findings = [
    ...views.flatMap(causes),
    ...sidecarReasons(status, now),
    ...views.flatMap((view) => [...clientReasons(view), ...lastFailure(view)]),
    ...silenceReasons(views),
  ].toSorted((one, other) => SEVERITIES.indexOf(one.severity) - SEVERITIES.indexOf(other.severity));
  return { at: status.at, verdict: verdict(status, views, findings), reasons: inOrder(findings) };
}

/** Each cause, and behind it what follows from it. */
function inOrder(findings: readonly Finding[]): Reason[] {
  const causeOf = ({ route, mayFollow = [] }: Finding) =>
    findings.find((one) => one.route === route && one.cause !== undefined && mayFollow.includes(one.cause));
  const reasons: Reason[] = [];
  for (const cause of findings.filter((one) => causeOf(one) === undefined)) {
    const place = reasons.length;
    const consequences = findings.filter((one) => causeOf(one) === cause);
    reasons.push(reasonOf(cause, null), ...consequences.map((one) => reasonOf(one, place)));
  }
  return reasons;
}

/** Advice against a consequence would lead away from the cause. */
function reasonOf(
  { route, severity, text, evidence, advice }: Finding,
  consequenceOf: number | null,
): Reason {
  return { route, severity, text, evidence, advice: consequenceOf === null ? advice : null, consequenceOf };
}

/** Where to read what happened to one of them. */
function lastFailure({ route, records, now, failed }: RouteView): Finding[] {
  const failures = records.filter(({ outcome }) => outcome !== 'ok');
  const [last] = failures;
  if (failed === 0 || last === undefined) return [];
  const { id, at, elapsedMs, outcome, cause, attempts } = last;
  const what = outcome === 'client_gone' ? `its app had left (${codeWords(cause)})` : codeWords(outcome);
  const sends = attempts.length === 0 ? 'never sent' : counted(attempts.length, 'attempt');
  const text = `The last request that failed is ${id}, of ${clock(new Date(at), now)}: ${what} after ${length(elapsedMs)}, ${sends}.`;
  // One that was never sent shows nothing of the servers.
  const tried = [...failures, ...records].find((one) => one.attempts.length > 0) ?? last;
  const which = tried === last ? 'what happened to it' : 'the attempts of one that was sent';
  const advice = `\`lazypirate explain ${tried.id}\` shows ${which}, \`lazypirate tap\` shows requests as they come and go.`;
  return [{ route: route.name, severity: 'note', text, evidence: [], advice }];
}

function causes(view: RouteView): Finding[] {
  return [...discoveryReasons(view), ...endpointReasons(view), ...attemptReasons(view), ...loadReasons(view)];
}
