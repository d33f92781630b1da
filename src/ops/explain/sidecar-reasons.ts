import type { StatusPage } from '../status-page.ts';
import type { Finding, Severity } from './reason.ts';
import { clock, counted, length, number, percent, sentence } from './words.ts';

/** The alerts on these have the same defaults. */
const DESCRIPTORS_SHARE = 0.8;
const LATE_MS = 100;
const BUSY_SHARE = 0.9;
const THROTTLED_SHARE = 0.1;
const PROBLEMS_MOST = 10;

/** What concerns the whole sidecar. */
export function sidecarReasons(status: StatusPage, now: Date): Finding[] {
  return [
    ...bugs(status),
    ...descriptors(status),
    ...cpu(status),
    ...reload(status, now),
    ...draining(status),
  ];
}

function reload({ refusedReload }: StatusPage, now: Date): Finding[] {
  if (refusedReload === null) return [];
  const { at, problems } = refusedReload;
  return [
    {
      route: null,
      severity: 'degraded',
      text: `The configuration change at ${clock(new Date(at), now)} was refused: the old one stays in force, but a pod that starts now will fail.`,
      evidence: problems.slice(0, PROBLEMS_MOST).map(sentence),
      advice:
        'Fix the ConfigMap, or go back with `helm rollback`. Check a file with `lazypirate check --config FILE`.',
    },
  ];
}

function draining({ draining: isDraining, routes }: StatusPage): Finding[] {
  if (!isDraining) return [];
  const open = routes.reduce((sum, { queued, inFlight }) => sum + queued + inFlight, 0);
  return [
    {
      route: null,
      severity: 'note',
      text: `The sidecar is about to leave: it was told to stop, and ${open === 0 ? 'waits until the app is quiet' : `finishes ${counted(open, 'open request')}`}.`,
      evidence: routes
        .filter(({ recent }) => recent.outcomes.draining > 0)
        .map(
          ({ name, recent }) =>
            `Route ${name} refused ${counted(recent.outcomes.draining, 'request')} with DRAINING.`,
        ),
      advice:
        'This is normal at the end of a pod. If requests fail with DRAINING, compare `drain.timeout` with terminationGracePeriodSeconds.',
    },
  ];
}

function descriptors({ process: { descriptors: files } }: StatusPage): Finding[] {
  if (files === null || files.open / files.most < DESCRIPTORS_SHARE) return [];
  return [
    {
      route: null,
      severity: 'degraded',
      text: `The sidecar runs out of file descriptors: ${number(files.open)} of ${number(files.most)} are open. Without one, no app and no server can connect.`,
      evidence: [],
      advice:
        'Do apps open many connections? Lower `limits.connections`. Otherwise lower `subset` or `limits.inFlightPerEndpoint`, or raise the limit of the container runtime.',
    },
  ];
}

function cpu({ process: { eventLoop, throttled } }: StatusPage): Finding[] {
  const isThrottled = throttled !== null && throttled > THROTTLED_SHARE;
  const isBusy = eventLoop.busy >= BUSY_SHARE;
  if (!isThrottled && !isBusy && eventLoop.lateMs < LATE_MS) return [];
  const evidence = [
    `Its event loop was busy for ${percent(eventLoop.busy)} of the last minute, and up to ${length(eventLoop.lateMs)} late.`,
    ...(throttled === null
      ? []
      : [`Its CPU limit has stopped it in ${percent(throttled)} of the periods (of 100 ms, as a rule).`]),
  ];
  const found = (severity: Severity, text: string, advice: string): Finding[] => [
    { route: null, severity, text, evidence, advice },
  ];
  if (isThrottled)
    return found(
      'degraded',
      'The CPU limit of the container slows the sidecar down, so everything through it is late.',
      'Raise or remove the CPU limit of the container lazypirate.',
    );
  if (isBusy)
    return found(
      'degraded',
      'The sidecar needs more CPU than it has, so everything through it is late.',
      'Raise the CPU request. If it uses a full core, spread the load over more pods.',
    );
  // Once a minute this happens on any busy node.
  return found(
    'note',
    `The sidecar stood still for ${length(eventLoop.lateMs)} in the last minute, and so did its requests.`,
    'If this goes on, raise the CPU request of the container lazypirate, or look at what else its node runs.',
  );
}

function bugs({ routes }: StatusPage): Finding[] {
  return routes.flatMap(({ name, totals, recent }): Finding[] => [
    ...(totals.unaccounted === 0
      ? []
      : [
          {
            route: name,
            severity: 'degraded' as const,
            text: `The sidecar does not know what became of ${counted(totals.unaccounted, 'request')}. This is a bug of lazypirate.`,
            evidence: [],
            advice: 'Please report it, with /status, /metrics and the log. Deleting the pod clears it.',
          },
        ]),
    ...(recent.outcomes.internal === 0
      ? []
      : [
          {
            route: name,
            severity: 'degraded' as const,
            text: `${counted(recent.outcomes.internal, 'request')} failed in the last minute because of a bug of lazypirate.`,
            evidence: [],
            advice: 'Please report it with the log lines `internal error`.',
          },
        ]),
  ]);
}
