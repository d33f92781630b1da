import type { Reason } from './reason.ts';
import { attemptsIn, type RouteView } from './route-view.ts';
import { breakdown, counted, length, nameOf, number, percent, since } from './words.ts';

/** So large a share of failed attempts is worth telling when nothing else is. */
const SHARE_LEAST = 0.01;
const RETRIED_SHARE = 0.1;
const RESTARTED_MS = 120_000;

/** What is wrong with attempts at endpoints that are up. */
export function attemptReasons(view: RouteView): Reason[] {
  if (view.isCutOff) return [];
  return [...timeouts(view), ...losses(view), ...noReplies(view), ...retries(view)];
}

function timeouts(view: RouteView): Reason[] {
  const { route, up } = view;
  const { attempts, lateReplies } = route.recent;
  const late = lateReplies.salvaged + lateReplies.discarded;
  const { all } = attemptsIn(route.recent);
  // One endpoint that hangs is told of by itself.
  const isElsewhere = up.some(({ recent }) => recent.unanswered > 0);
  if (attempts.timeout === 0 || attempts.timeout / all < SHARE_LEAST || !isElsewhere) return [];
  const { timeoutMs } = route.policy.retry;
  const slowest = up.flatMap(({ latencyMs }) => latencyMs ?? []).toSorted((one, other) => other - one)[0];
  const evidence = [
    `${counted(attempts.timeout, 'attempt')} of ${number(all)} had no reply within the timeout of ${length(timeoutMs)} in the last minute.`,
    ...replyTimes(view),
    ...(late > 0
      ? [
          `${counted(late, 'reply', 'replies')} came later: ${number(lateReplies.salvaged)} still answered a request, ${number(lateReplies.discarded)} came when nobody waited any more.`,
        ]
      : []),
  ];
  const isMute = attempts.ok === 0 && late === 0;
  const advice = isMute
    ? 'The servers accept connections and do not answer: look at their logs and their CPU. If one request rightly takes longer, raise `timeout` (and `deadline`).'
    : `If the servers rightly take so long, raise \`timeout\`${slowest !== undefined && slowest > timeoutMs ? ` above ${length(slowest)}` : ''} (and \`deadline\`); otherwise find out what makes them slow: CPU, a database, too many requests at once.`;
  const text = isMute
    ? `No server answers: every attempt of the last minute timed out after ${length(timeoutMs)}, and no reply came later.`
    : late > 0
      ? `The servers are slower than the timeout of ${length(timeoutMs)}: replies come, but too late.`
      : `${percent(attempts.timeout / all)} of the attempts time out after ${length(timeoutMs)}.`;
  return [{ route: route.name, severity: severityOf(view), text, evidence, advice }];
}

function replyTimes({ route, up }: RouteView): string[] {
  const { replyP50Ms, replyP99Ms } = route.recent;
  const averages = up
    .filter(({ latencyMs }) => latencyMs !== null)
    .slice(0, 5)
    .map((one) => `${nameOf(one)} ${length(one.latencyMs ?? 0)}`);
  return [
    ...(replyP50Ms === null || replyP99Ms === null
      ? ['No attempt was answered in time.']
      : [
          `Replies that came in time took about ${length(replyP50Ms)} (median), ${length(replyP99Ms)} (p99).`,
        ]),
    ...(averages.length === 0 ? [] : [`Reply times, late replies included: ${averages.join(', ')}.`]),
  ];
}

function losses(view: RouteView): Reason[] {
  const { route, up, now } = view;
  const { attempts } = route.recent;
  const { all } = attemptsIn(route.recent);
  const lost = attempts.lost + attempts.unsent;
  const isElsewhere = up.some(({ recent }) => recent.unanswered > 0) || attempts.unsent > 0;
  if (lost === 0 || lost / all < SHARE_LEAST || !isElsewhere) return [];
  const restarted = up.filter(({ sinceMs }) => sinceMs < RESTARTED_MS);
  return [
    {
      route: route.name,
      severity: severityOf(view),
      text: `Connections to the servers drop while requests are under way: ${counted(lost, 'attempt')} of ${number(all)} in the last minute.`,
      evidence: restarted.slice(0, 5).map((one) => `${nameOf(one)} is up again ${since(one.sinceMs, now)}.`),
      advice:
        attempts.unsent > attempts.lost
          ? 'The connection was gone before the request was sent: servers restart, or a firewall or NAT forgets idle connections.'
          : 'The servers crash, restart or are killed: look at their restarts, memory limits (OOMKilled) and logs (`kubectl logs --previous`).',
    },
  ];
}

function noReplies(view: RouteView): Reason[] {
  const { route } = view;
  const { protocol } = route.recent.attempts;
  if (protocol === 0) return [];
  return [
    {
      route: route.name,
      severity: severityOf(view),
      text: `The servers send something that is not a reply: ${counted(protocol, 'attempt')} of ${number(attemptsIn(route.recent).all)} in the last minute.`,
      evidence: [],
      advice:
        'A server must send the envelope back as it came. With `correlate: true`, set it to `auto`; otherwise this is a bug of the server.',
    },
  ];
}

/** The apps do not notice yet, but the servers have more work. */
function retries(view: RouteView): Reason[] {
  const { route, settled } = view;
  const count = Object.values(route.recent.retries).reduce((sum, one) => sum + one, 0);
  if (count === 0 || count / Math.max(1, settled) < RETRIED_SHARE) return [];
  return [
    {
      route: route.name,
      severity: 'note',
      text: `Many requests are sent more than once: ${counted(count, 'retry', 'retries')} for ${counted(settled, 'request')} in the last minute.`,
      evidence: [`Because of: ${breakdown(route.recent.retries)}.`],
      advice:
        'The apps do not notice, but the servers have more work. Mend what makes the first attempt fail.',
    },
  ];
}

function severityOf({ health }: RouteView): Reason['severity'] {
  return health === 'broken' ? 'broken' : 'degraded';
}
