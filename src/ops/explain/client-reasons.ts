import type { RefusedClients } from '../refused-clients.ts';
import type { Finding } from './reason.ts';
import type { RouteView } from './route-view.ts';
import {
  breakdown,
  clock,
  codeWords,
  counted,
  length,
  listed,
  number,
  percent,
  sentence,
  setting,
  window,
} from './words.ts';

const GONE_SHARE = 0.05;
const REFUSED_MS = 600_000;
/** So many silent routes have a note each. */
const SILENT_MOST = 3;

/** What goes wrong between the apps and the sidecar. */
export function clientReasons(view: RouteView): Finding[] {
  return [...gone(view), ...tooLarge(view), ...unread(view), ...malformed(view), ...refused(view)];
}

/** Apps that did not wait. */
function gone(view: RouteView): Finding[] {
  const { route, settled, records, health } = view;
  const { outcomes, clientGone, goneP50Ms } = route.recent;
  if (outcomes.client_gone === 0) return [];
  const waits = records.filter(({ outcome }) => outcome === 'client_gone').map(({ elapsedMs }) => elapsedMs);
  const usual = waits.toSorted((one, other) => one - other)[Math.floor(waits.length / 2)] ?? goneP50Ms ?? 0;
  const { deadlineMs, timeoutMs } = route.policy.retry;
  const isEarly = usual < deadlineMs;
  const share = outcomes.client_gone / settled;
  return [
    {
      route: route.name,
      severity: share < GONE_SHARE ? 'note' : health === 'broken' ? 'broken' : 'degraded',
      text: `Apps leave before they get an answer: ${counted(outcomes.client_gone, 'request')} of ${number(settled)} in the last minute${
        isEarly ? `. They wait ${length(usual)}, but the deadline of the route is ${length(deadlineMs)}` : ''
      }.`,
      evidence: [
        `How far these requests were: ${farWords(clientGone)}.`,
        `One attempt may take ${length(timeoutMs)} (\`timeout\`), so an app that waits ${length(usual)} ${usual < 2 * timeoutMs ? 'hardly gets a second one' : 'gets few of them'}.`,
      ],
      advice: `The app's own timeout (RCVTIMEO) must be longer than \`deadline\`: raise it above ${length(deadlineMs)}, or lower ${setting('timeout', length(timeoutMs))} and \`deadline\`. If the apps crash or restart, look there.`,
    },
  ];
}

/** How far a request was when its app left, by its cause. Others had failed. */
const FAR: Readonly<Record<string, string>> = {
  ok: 'with a reply',
  timeout: 'sent and without a reply',
  lost: 'without a connection any more',
  overloaded: 'not sent yet',
  no_endpoints: 'without an endpoint',
};

function farWords(counts: Readonly<Record<string, number>>): string {
  const words = Object.entries(counts).map(([cause, count]) => [FAR[cause] ?? codeWords(cause), count]);
  return breakdown(Object.fromEntries(words));
}

function tooLarge({ route, records }: RouteView): Finding[] {
  const { too_large: requests, reply_too_large: replies } = route.recent.outcomes;
  const limit = number(route.policy.limits.messageBytes);
  const wordsOf = (wanted: string) =>
    records
      .filter(({ outcome, message }) => outcome === wanted && message !== null)
      .slice(0, 1)
      .map(({ message, at, id }) => `The last one (${id}, ${at}): ${message}.`);
  const say = (text: string, outcome: string, advice: string): Finding => ({
    route: route.name,
    severity: 'degraded',
    text,
    evidence: wordsOf(outcome),
    advice,
  });
  const inMinute = `of more than ${limit} bytes (\`limits.messageBytes\`) in the last minute`;
  return [
    ...(requests > 0
      ? [
          say(
            `${counted(requests, 'request')} ${inMinute}: refused, and not sent.`,
            'too_large',
            'Raise `limits.messageBytes` (and the memory limit with it), or let the app send less at once.',
          ),
        ]
      : []),
    ...(replies > 0
      ? [
          say(
            `${counted(replies, 'reply', 'replies')} ${inMinute}: dropped, and not asked for again.`,
            'reply_too_large',
            'Raise `limits.messageBytes` (and the memory limit with it), or let the app ask for less at once.',
          ),
        ]
      : []),
  ];
}

function unread({ route }: RouteView): Finding[] {
  const { droppedClients } = route.recent;
  if (droppedClients === 0) return [];
  return [
    {
      route: route.name,
      severity: 'degraded',
      text: `${counted(droppedClients, 'connection')} of apps ${droppedClients === 1 ? 'was' : 'were'} dropped in the last minute, because the app does not read its replies.`,
      evidence: [],
      advice: 'Look for a receive that is missing in the app, or for an app that hangs.',
    },
  ];
}

function malformed({ route }: RouteView): Finding[] {
  const { malformed: count } = route.recent;
  if (count === 0) return [];
  return [
    {
      route: route.name,
      severity: 'degraded',
      text: `${counted(count, 'message')} from apps in the last minute ${count === 1 ? 'was no request and was' : 'were no requests and were'} dropped, as a REP socket does.`,
      evidence: [],
      advice:
        'Use a REQ socket. A DEALER must send an empty frame, then at least one more. The app gets no answer to such a message.',
    },
  ];
}

function refused({ route, now }: RouteView): Finding[] {
  const fresh = route.refusedClients.filter(({ at }) => now.getTime() - Date.parse(at) < REFUSED_MS);
  return fresh.slice(0, 3).map(({ kind, why, count, at, address }) => ({
    route: route.name,
    severity: route.recent.received === 0 ? 'degraded' : 'note',
    text: sentence(
      `${counted(count, 'connection')} to ${route.listening ?? route.listen} ${count === 1 ? 'was' : 'were'} refused: ${why}`,
    ),
    evidence: [
      `The last one came at ${clock(new Date(at), now)}${address === null ? '' : ` from ${address}`}.`,
    ],
    advice: refusedAdvice(kind),
  }));
}

function refusedAdvice(kind: RefusedClients['kind']): string {
  switch (kind) {
    case 'too_many_connections':
      return 'The app opens too many sockets, or leaks them. Otherwise raise `limits.connections`.';
    case 'speaks_http':
      return "A probe or a scrape has the wrong port. The sidecar's own is that of `admin.listen`.";
    case 'wrong_socket_type':
      return 'The app must connect a REQ or a DEALER socket.';
    case 'wrong_mechanism':
    case 'no_key':
      return 'One side uses CURVE and the other does not: compare the app with `listenCurve` of the route.';
    case 'key_not_allowed':
      return 'Add the key of the app to `listenCurve.allowedKeysFile`, then restart the app: libzmq does not try again.';
    default:
      return 'Find out what connects there: only apps with a REQ or a DEALER socket should.';
  }
}

/** Routes to which nothing at all has come. Many of them share one note, which must not push the rest out of sight. */
export function silenceReasons(views: readonly RouteView[]): Finding[] {
  const silent = views.filter(isSilent);
  if (silent.length <= SILENT_MOST) return silent.map(silence);
  const names = listed(silent.map(({ route }) => route.name));
  const seconds = Math.max(...silent.map(({ route }) => route.recent.seconds));
  return [
    {
      route: null,
      severity: 'note',
      text: `No request came in ${window(seconds)} to ${silent.length} of ${views.length} routes: ${names}.`,
      evidence: [],
      advice:
        'If there should be some: do the apps connect to the listeners of these routes? `lazypirate status` shows them all.',
    },
  ];
}

function isSilent({ route, isStarting }: RouteView): boolean {
  const isOpen = route.recent.received > 0 || route.queued + route.inFlight > 0;
  return !isOpen && !isStarting && route.listening !== null;
}

function silence({ route }: RouteView): Finding {
  const { seconds } = route.recent;
  const hasEver = route.totals.received > 0;
  return {
    route: route.name,
    severity: 'note',
    text: hasEver
      ? `No request came in the last ${length(seconds * 1_000)}.`
      : 'No request has come since the start.',
    evidence: hasEver
      ? [
          `${counted(route.totals.received, 'request')} came before, of which ${percent(route.totals.outcomes.ok / route.totals.received)} were answered.`,
        ]
      : [],
    advice: `If there should be some: does the app connect to ${route.listening}? \`kubectl logs\` of the app tells where it connects to.`,
  };
}
