import type { TroubleKind } from '../../proxy/status.ts';
import type { EndpointPage } from '../status-page.ts';
import type { Cause, Finding } from './reason.ts';
import { isUntried, type RouteView } from './route-view.ts';
import { lookAt, troubleAdvice } from './trouble-advice.ts';
import { troubleWords } from './trouble-words.ts';
import { counted, length, listed, nameOf, number, percent, sentence, setting, since } from './words.ts';

/** A connection that is being made for the first time is no trouble yet. */
const NEW_MS = 3_000;
/** An endpoint is slow if it takes so many times as long as the others, and so much longer. */
const SLOW_TIMES = 3;
const SLOW_BY_MS = 20;
/** So many failed attempts say something about an endpoint, if they are so large a share. */
const FAILED_LEAST = 3;
const FAILED_SHARE = 0.5;

/** What is wrong with single endpoints. */
export function endpointReasons(view: RouteView): Finding[] {
  return [...outOfUse(view), ...failing(view), ...slow(view)];
}

/** Endpoints that get no requests, those with the same trouble together. */
function outOfUse(view: RouteView): Finding[] {
  const groups = new Map<string, EndpointPage[]>();
  for (const endpoint of view.endpoints) {
    const { state, why, sinceMs } = endpoint;
    if (state === 'up' || (sinceMs < NEW_MS && isUntried(endpoint))) continue;
    const key = `${state === 'ejected'} ${why}`;
    groups.set(key, [...(groups.get(key) ?? []), endpoint]);
  }
  return [...groups.values()]
    .toSorted((one, other) => other.length - one.length)
    .map((group) => outReason(view, group));
}

function outReason(view: RouteView, group: readonly EndpointPage[]): Finding {
  const { route, up, endpoints } = view;
  const [first] = group;
  if (first === undefined) throw new Error('a group has endpoints');
  const { trouble, pod } = first;
  const isAlone = group.length === 1;
  const isLate = group.every((one) => isLateAnswer(view, one));
  const { headline, meaning } = troubleWords(first);
  const who = isAlone ? nameOf(first) : `${group.length} of ${endpoints.length} endpoints`;
  const what = isAlone ? stateWords(view, first) : 'cannot be used';
  const advice = isLate ? lateAdvice(view, first) : troubleAdvice({ ...first, pod: isAlone ? pod : null });
  return {
    route: route.name,
    severity: up.length === 0 && view.health === 'broken' ? 'broken' : 'degraded',
    text: sentence(`${who} ${what}: ${headline}`),
    evidence: [
      ...(meaning === undefined ? [] : [sentence(meaning)]),
      ...(isAlone
        ? attemptsWords(view, first)
        : group
            .slice(0, 5)
            .map((one) =>
              `${sentence(`${nameOf(one)} ${stateWords(view, one)}`)} ${attemptsWords(view, one).join(' ')}`.trim(),
            )),
      ...(isAlone && endpoints.length > 1 && !(isLate && areAllLate(view)) ? [othersWords(view)] : []),
    ],
    advice: advice === undefined ? null : `${advice}${isAlone ? lookAt(pod) : ''}`,
    mayFollow: consequenceOf(trouble?.kind, isLate),
    harm: up.length > 1 ? 'none' : 'later',
  };
}

/** Where every endpoint has the same trouble, being left out is not the cause of it. */
function consequenceOf(kind: TroubleKind | undefined, isLate: boolean): Cause[] {
  if (kind === 'no_reply') return isLate ? ['slow', 'mute'] : ['mute'];
  return kind === 'reply_lost' ? ['losses'] : [];
}

/** It was ejected because its replies come too late, and they do come. */
function isLateAnswer({ route }: RouteView, { trouble, latencyMs }: EndpointPage): boolean {
  return trouble?.kind === 'no_reply' && (latencyMs ?? 0) > route.policy.retry.timeoutMs;
}

/** Then they take the requests meanwhile, but no better. */
function areAllLate({ route, up }: RouteView): boolean {
  return up.every(({ latencyMs }) => (latencyMs ?? 0) > route.policy.retry.timeoutMs);
}

function lateAdvice({ route }: RouteView, { latencyMs }: EndpointPage): string {
  const { timeoutMs } = route.policy.retry;
  return `Look at its CPU (throttling), its node and its logs. If that is normal, raise ${setting('timeout', length(timeoutMs))} above ${length(latencyMs ?? 0)}.`;
}

function stateWords({ now }: RouteView, { state, sinceMs }: EndpointPage): string {
  const time = since(sinceMs, now);
  return state === 'connecting' ? `has not connected once ${time}` : `is ${state} ${time}`;
}

function othersWords({ up, endpoints }: RouteView): string {
  if (up.length === 0) return `None of the ${endpoints.length} endpoints is usable.`;
  const others = up.length === 1 ? 'One other endpoint takes' : `${up.length} other endpoints take`;
  return `${others} the requests meanwhile.`;
}

function attemptsWords(view: RouteView, endpoint: EndpointPage): string[] {
  const { recent, failuresInARow, nextProbeMs, state, latencyMs } = endpoint;
  if (isLateAnswer(view, endpoint)) return [`It does reply, but late: after ${length(latencyMs ?? 0)}.`];
  const all = recent.answered + recent.unanswered;
  const probe =
    nextProbeMs === undefined
      ? ''
      : nextProbeMs === 0
        ? '; the next request probes it'
        : `; the next probe is in ${length(nextProbeMs)}`;
  // Nothing is sent to an endpoint that is down.
  const when = state === 'down' ? 'Before that, in the last minute,' : 'In the last minute';
  return [
    ...(failuresInARow > 0 && state === 'ejected'
      ? [`It has failed ${counted(failuresInARow, 'time')} in a row${probe}.`]
      : []),
    ...(all > 0 ? [`${when} it answered ${number(recent.answered)} of ${counted(all, 'attempt')}.`] : []),
  ];
}

/** Endpoints that are up and fail most attempts, while others do not. */
function failing({ route, up, health }: RouteView): Finding[] {
  const shareOf = ({ recent }: EndpointPage) =>
    recent.unanswered / Math.max(1, recent.answered + recent.unanswered);
  const bad = up.filter((one) => one.recent.unanswered >= FAILED_LEAST && shareOf(one) >= FAILED_SHARE);
  const good = up.filter((one) => one.recent.answered > 0 && shareOf(one) < FAILED_SHARE);
  if (good.length === 0) return [];
  return bad.map((one) => ({
    route: route.name,
    severity: health === 'broken' ? 'broken' : 'degraded',
    text: sentence(
      `${nameOf(one)} fails ${percent(shareOf(one))} of its attempts: ${number(one.recent.unanswered)} of ${number(one.recent.answered + one.recent.unanswered)} in the last minute`,
    ),
    evidence: [
      `The others: ${listed(good.map((other) => `${nameOf(other)} ${percent(shareOf(other))}`))}.`,
      ...(one.failuresInARow > 0
        ? [`It has failed ${counted(one.failuresInARow, 'time')} in a row so far.`]
        : []),
    ],
    advice: `Look at what is different about this one: its logs, its node, its version.${lookAt(one.pod)}`,
    harm: 'later',
  }));
}

/** Endpoints that answer much later than the others. */
function slow(view: RouteView): Finding[] {
  const { route, up } = view;
  const known = up.flatMap((one) =>
    one.latencyMs === null ? [] : [{ endpoint: one, latencyMs: one.latencyMs }],
  );
  return known.flatMap((one) => {
    const others = known.filter((other) => other !== one).map(({ latencyMs }) => latencyMs);
    const usual = median(others);
    if (usual === undefined || one.latencyMs < SLOW_TIMES * usual || one.latencyMs - usual < SLOW_BY_MS)
      return [];
    const { timeoutMs } = route.policy.retry;
    const isNearTimeout = one.latencyMs >= timeoutMs / 2;
    const times = number(Math.round(one.latencyMs / Math.max(usual, 0.1)));
    const text = `${nameOf(one.endpoint)} takes ${length(one.latencyMs)} to reply, ${times} times as long as the others (${length(usual)})`;
    return [
      {
        route: route.name,
        severity: isNearTimeout ? ('degraded' as const) : ('note' as const),
        text: sentence(text),
        evidence: [
          `The timeout is ${length(timeoutMs)}. Most requests go to the faster ones.`,
          ...attemptsWords(view, one.endpoint),
        ],
        advice: `Look at its CPU (throttling), its node and its logs.${lookAt(one.endpoint.pod)}`,
        cause: 'slow_endpoint' as const,
        harm: 'later' as const,
      },
    ];
  });
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((one, other) => one - other)[Math.floor((values.length - 1) / 2)];
}
