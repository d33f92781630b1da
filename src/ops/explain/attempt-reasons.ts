import type { Finding } from './reason.ts';
import { attemptsIn, type RouteView } from './route-view.ts';
import { breakdown, counted, length, nameOf, number, percent, setting, since } from './words.ts';

/** So large a share of failed attempts is worth telling when nothing else is. */
const SHARE_LEAST = 0.01;
const RETRIED_SHARE = 0.1;
const RESTARTED_MS = 120_000;

/** What is wrong with attempts at endpoints that are up. */
export function attemptReasons(view: RouteView): Finding[] {
  if (view.isCutOff) return [];
  return [...timeouts(view), ...losses(view), ...noReplies(view), ...retries(view)];
}

function timeouts(view: RouteView): Finding[] {
  const { route, up, endpoints } = view;
  const { attempts, lateReplies } = route.recent;
  const late = lateReplies.salvaged + lateReplies.discarded;
  const { all } = attemptsIn(route.recent);
  // One endpoint that hangs is told of by itself.
  const isElsewhere = (up.length > 0 ? up : endpoints).some(({ recent }) => recent.unanswered > 0);
  if (attempts.timeout === 0 || attempts.timeout / all < SHARE_LEAST || !isElsewhere) return [];
  const { timeoutMs, deadlineMs } = route.policy.retry;
  const isMute = attempts.ok === 0 && late === 0;
  const slowestMs = Math.max(0, ...endpoints.map(({ latencyMs }) => latencyMs ?? 0));
  const longer = `raise ${setting('timeout', length(timeoutMs))}${slowestMs > timeoutMs ? ` above ${length(slowestMs)}` : ''}, and ${setting('deadline', length(deadlineMs))} with it`;
  return [
    {
      route: route.name,
      severity: severityOf(view),
      text: timeoutWords(view, { isMute, late, slowestMs }),
      evidence: [...lateWords(lateReplies), ...replyTimes(view)],
      advice: isMute
        ? `The servers accept connections and do not answer: look at their logs and their CPU. If a request can take that long, ${longer}.`
        : `If that is normal for these servers, ${longer}. Otherwise look at their CPU, at what they depend on, and at their load (more pods).`,
      ...(isMute ? { cause: 'mute' } : late > 0 ? { cause: 'slow' } : {}),
    },
  ];
}

function timeoutWords(
  { route }: RouteView,
  { isMute, late, slowestMs }: { isMute: boolean; late: number; slowestMs: number },
): string {
  const { timeout } = route.recent.attempts;
  const { all } = attemptsIn(route.recent);
  const { timeoutMs } = route.policy.retry;
  const limit = `\`timeout\` is ${length(timeoutMs)}`;
  const which = `${timeout === all ? 'all' : `${number(timeout)} of`} ${counted(all, 'attempt')} of the last minute timed out`;
  if (isMute) return `No server answers: ${which} after ${length(timeoutMs)}, and no reply came later.`;
  if (late > 0 && slowestMs > timeoutMs)
    return `The servers take about ${length(slowestMs)} to reply, but ${limit}: ${which}.`;
  if (late > 0) return `Replies come too late, for ${limit}: ${which}.`;
  return `${percent(timeout / all)} of the attempts time out after ${length(timeoutMs)}: ${which}.`;
}

function lateWords({ salvaged, discarded }: RouteView['route']['recent']['lateReplies']): string[] {
  const still = `still answered ${salvaged === 1 ? 'its request' : 'their requests'}`;
  const late = salvaged + discarded;
  if (late === 0) return [];
  if (discarded === 0) return [`${counted(late, 'reply', 'replies')} came late and ${still}.`];
  return [
    `${counted(late, 'reply', 'replies')} came late: ${salvaged === 0 ? '' : `${number(salvaged)} ${still}, `}${number(discarded)} came when nobody waited any more.`,
  ];
}

function replyTimes({ route, endpoints }: RouteView): string[] {
  const { replyP50Ms, replyP99Ms } = route.recent;
  const known = endpoints.filter(
    ({ latencyMs, state }) => latencyMs !== null && (state === 'up' || state === 'ejected'),
  );
  // Where all take as long, the headline has said it.
  const areEqual = new Set(known.map(({ latencyMs }) => length(latencyMs ?? 0))).size < 2 && known.length > 1;
  const averages = areEqual
    ? []
    : known.slice(0, 5).map((one) => `${nameOf(one)} ${length(one.latencyMs ?? 0)}`);
  return [
    ...(replyP50Ms === null || replyP99Ms === null
      ? []
      : [
          `Replies that came in time took about ${length(replyP50Ms)} (median), ${length(replyP99Ms)} (p99).`,
        ]),
    ...(averages.length === 0 ? [] : [`Reply times, late ones included: ${averages.join(', ')}.`]),
  ];
}

function losses(view: RouteView): Finding[] {
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
      cause: 'losses',
    },
  ];
}

function noReplies(view: RouteView): Finding[] {
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

/** Even if the apps do not notice, the servers have more work. */
function retries(view: RouteView): Finding[] {
  const { route, settled, failed } = view;
  const { retries: counts } = route.recent;
  const count = Object.values(counts).reduce((sum, one) => sum + one, 0);
  if (count === 0 || count / Math.max(1, settled) < RETRIED_SHARE) return [];
  return [
    {
      route: route.name,
      severity: 'note',
      text: `Many requests are sent more than once: ${counted(count, 'retry', 'retries')} for ${counted(settled, 'request')} in the last minute (because of: ${breakdown(counts)}).`,
      evidence: [],
      advice: `${failed === 0 ? 'The apps do not notice, but the' : 'The'} servers have more work. Find out why first attempts fail: see the other reasons, or \`lazypirate tap\`.`,
      mayFollow: [
        ...(counts.timeout > 0 ? (['slow', 'mute'] as const) : []),
        ...(counts.lost + counts.unsent > 0 ? (['losses'] as const) : []),
      ],
    },
  ];
}

function severityOf({ health }: RouteView): Finding['severity'] {
  return health === 'broken' ? 'broken' : 'degraded';
}
