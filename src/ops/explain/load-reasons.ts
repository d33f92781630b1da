import type { Finding } from './reason.ts';
import type { RouteView } from './route-view.ts';
import { counted, length, nameOf, number, percent, setting } from './words.ts';

/** The alert on slow requests has this default. */
const SLOW_MS = 1_000;

/** Too much work, or too little room for it. */
export function loadReasons(view: RouteView): Finding[] {
  if (view.isCutOff) return [];
  return [...refused(view), ...waiting(view), ...budget(view), ...deadline(view), ...slow(view)];
}

function refused(view: RouteView): Finding[] {
  const { route, settled, health } = view;
  const { overloaded } = route.recent.outcomes;
  if (overloaded === 0) return [];
  const why = overloadWords(view);
  return [
    {
      route: route.name,
      severity: health === 'broken' ? 'broken' : 'degraded',
      text: `${number(overloaded)} of ${counted(settled, 'request')} of the last minute ${overloaded === 1 ? 'was' : 'were'} refused as OVERLOADED${why === undefined ? '' : `: ${why}`}.`,
      evidence: roomWords(view),
      advice: roomAdvice(view),
      mayFollow: ['slow', 'mute'],
    },
  ];
}

/** Why most of those that are kept were refused, in the words of the failure reply. */
function overloadWords({ records }: RouteView): string | undefined {
  const counts: Record<string, number> = {};
  for (const { outcome, message } of records)
    if (outcome === 'overloaded' && message !== null) counts[message] = (counts[message] ?? 0) + 1;
  return Object.entries(counts).toSorted(([, one], [, other]) => other - one)[0]?.[0];
}

/** Requests wait, though endpoints are connected. */
function waiting(view: RouteView): Finding[] {
  const { route, up } = view;
  if (route.queued === 0 || up.length === 0 || route.recent.outcomes.overloaded > 0) return [];
  if (bottleneck(view) === undefined) return [];
  return [
    {
      route: route.name,
      severity: 'note',
      text: `${counted(route.queued, 'request')} ${route.queued === 1 ? 'waits' : 'wait'} for room at the servers.`,
      evidence: roomWords(view),
      advice: roomAdvice(view),
      mayFollow: ['slow', 'mute'],
    },
  ];
}

/** Which limit keeps requests waiting. */
function bottleneck({ route, up }: RouteView): 'route' | 'endpoints' | undefined {
  if (route.inFlight >= route.policy.limits.inFlight) return 'route';
  return up.length > 0 && up.every(({ inFlight, inFlightLimit }) => inFlight >= inFlightLimit)
    ? 'endpoints'
    : undefined;
}

function roomWords({ route, up }: RouteView): string[] {
  const { limits } = route.policy;
  const full = up.filter(({ inFlight, inFlightLimit }) => inFlight >= inFlightLimit);
  const lowered = up.filter(({ inFlightLimit }) => inFlightLimit < limits.inFlightPerEndpoint.plain);
  return [
    `Now ${number(route.queued)} of at most ${counted(limits.queue, 'request')} wait, and ${number(route.inFlight)} of at most ${number(limits.inFlight)} are in flight.`,
    ...(full.length > 0
      ? [
          `At their limit: ${full
            .slice(0, 5)
            .map((one) => `${nameOf(one)} with ${number(one.inFlight)} of ${number(one.inFlightLimit)}`)
            .join(', ')}.`,
        ]
      : []),
    ...(lowered.length > 0
      ? [
          `The sidecar has lowered the limit of ${counted(lowered.length, 'endpoint')}, because attempts time out there.`,
        ]
      : []),
  ];
}

function roomAdvice(view: RouteView): string {
  const isLowered = view.up.some(
    ({ inFlightLimit }) => inFlightLimit < view.route.policy.limits.inFlightPerEndpoint.plain,
  );
  if (isLowered)
    return 'The servers are too slow for this load: add upstream pods, or find out what makes them slow.';
  const { inFlight, inFlightPerEndpoint } = view.route.policy.limits;
  if (bottleneck(view) === 'route')
    return `Raise ${setting('limits.inFlight', number(inFlight))}, and the memory limit with it, or add upstream pods.`;
  const most = `${number(inFlightPerEndpoint.plain)}, or ${number(inFlightPerEndpoint.correlated)} with correlation`;
  return `Add upstream pods. If the servers can take more at once, raise ${setting('limits.inFlightPerEndpoint', most)}.`;
}

function budget({ route, health }: RouteView): Finding[] {
  const denied = route.recent.retriesDenied.budget;
  if (denied === 0) return [];
  const { ratio, minPerSecond } = route.policy.budget;
  return [
    {
      route: route.name,
      severity: health === 'broken' ? 'broken' : 'degraded',
      text: `The retry budget is used up: ${counted(denied, 'failed attempt')} of the last minute ${denied === 1 ? 'was' : 'were'} not retried.`,
      evidence: [
        `It allows ${percent(ratio)} of the requests to be retried (\`budget.ratio\`), and ${number(minPerSecond)} a second at least (\`budget.minPerSecond\`).`,
      ],
      advice:
        'This protects servers that are in trouble. Leave it, and find out why attempts fail. Raise `budget` only if the servers have room to spare.',
      mayFollow: ['slow', 'mute', 'losses'],
    },
  ];
}

function deadline({ route }: RouteView): Finding[] {
  const denied = route.recent.retriesDenied.deadline;
  const { attempts, timeoutMs, deadlineMs } = route.policy.retry;
  if (denied === 0 || deadlineMs >= attempts * timeoutMs) return [];
  return [
    {
      route: route.name,
      severity: 'note',
      text: `The deadline of ${length(deadlineMs)} leaves no time for ${number(attempts)} attempts of ${length(timeoutMs)}: ${counted(denied, 'failed attempt')} of the last minute ${denied === 1 ? 'was' : 'were'} not retried.`,
      evidence: [],
      advice: 'Raise `deadline`, or lower `timeout`.',
      mayFollow: ['slow', 'mute'],
    },
  ];
}

function slow({ route, health }: RouteView): Finding[] {
  const { p50Ms, p99Ms, replyP99Ms } = route.recent;
  // Where no reply comes in time, the timeouts are told of.
  if (p50Ms === null || p99Ms === null || replyP99Ms === null || p99Ms < SLOW_MS) return [];
  const isServer = replyP99Ms >= p99Ms / 2;
  return [
    {
      route: route.name,
      severity: health === 'well' ? 'note' : 'degraded',
      text: isServer
        ? `Requests are slow because the servers are: one in a hundred takes ${length(p99Ms)} or more.`
        : `Requests are slow, and the servers are not: they wait or are repeated. One in a hundred takes ${length(p99Ms)} or more.`,
      evidence: [
        `Requests: ${length(p50Ms)} (median), ${length(p99Ms)} (p99). Replies of servers: ${length(replyP99Ms)} (p99).`,
      ],
      advice: isServer
        ? 'Look at the CPU, the logs and what the servers depend on; or add upstream pods.'
        : 'Look at the other reasons: failed attempts make requests wait for the next one. If many are queued, add upstream pods.',
      mayFollow: ['slow', 'mute', isServer ? 'slow_endpoint' : 'losses'],
    },
  ];
}
