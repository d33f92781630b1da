import { now, quantile, type Row, rate, series, some } from './panel.ts';

/** Without the replies that came after their app had left: they count neither way. */
const COUNTED = rate('requests_total', 'route', 'cause!="ok"');

/** What the apps get: is it broken, and why. */
export const REQUEST_ROWS: readonly Row[] = [
  {
    title: 'Is it broken?',
    panels: [
      {
        title: 'Success ratio',
        description:
          'Share of the requests that got their reply. Below 99 % LazypirateFailures fires; the panel beside it says why they fail. Replies that came after the app had left count neither way.',
        unit: 'percentunit',
        look: 'number',
        colours: [['red'], ['orange', 0.99], ['green', 0.999]],
        without: 'no requests',
        width: 5,
        queries: { '{{route}}': `${rate('requests_total', 'route', 'outcome="ok"')} / (${COUNTED} > 0)` },
      },
      {
        title: 'Failures by cause',
        description:
          'Failed requests a second, by the code that the app got. With "gone", the app had left before it could be told. The runbook says what to do about each (LazypirateFailures).',
        without: 'no failures',
        unit: 'reqps',
        look: 'stacked',
        width: 5,
        queries: {
          '{{outcome}}': some(rate('requests_total', 'outcome', 'outcome!~"ok|client_gone"')),
          'gone: {{cause}}': some(rate('requests_total', 'cause', 'outcome="client_gone", cause!="ok"')),
        },
      },
      {
        title: 'Usable endpoints',
        description:
          'Endpoints that are connected and not ejected, at the sidecar that has the fewest. At 0 its requests wait and then fail (LazypirateNoEndpoints).',
        unit: 'short',
        look: 'number',
        colours: [['red'], ['green', 1]],
        without: 'no sidecar',
        width: 5,
        queries: { '{{route}}': `min by (route) (${series('endpoints', 'state="up"')})` },
      },
      {
        title: 'p99 against the deadline',
        description:
          'The time within which 99 of 100 requests have their outcome, whatever it is, waiting and retries included. At the dashed line, the deadline, they fail. It is estimated from buckets, so it may be shown a little above, and as 10 s at most.',
        unit: 's',
        width: 5,
        queries: {
          'p99: {{route}}': quantile(0.99, 'request', 'route, le', 'outcome!="client_gone"'),
          'deadline: {{route}}': `min by (route) (${series('route_deadline_seconds')})`,
        },
      },
      {
        title: 'Unaccounted requests',
        description:
          'Received - settled - in flight - queued. It is 0, always: anything else is a bug of the sidecar (LazypirateUnaccounted).',
        unit: 'short',
        look: 'number',
        colours: [['red'], ['green', 0], ['red', 1]],
        without: 'no sidecar',
        width: 4,
        queries: {
          '{{route}}': ['requests_received_total', 'requests_total', 'in_flight_requests', 'queued_requests']
            .map((metric) => now(metric))
            .join(' - '),
        },
      },
    ],
  },
  {
    title: 'Requests',
    panels: [
      {
        title: 'Requests',
        without: 'no requests',
        description: 'Requests settled a second, by what the app got.',
        unit: 'reqps',
        look: 'stacked',
        queries: { '{{outcome}}': some(rate('requests_total', 'outcome')) },
      },
      {
        title: 'Time to a reply',
        description: 'Of requests that got their reply, all waiting and retries included.',
        unit: 's',
        queries: Object.fromEntries(
          [50, 95, 99].map((of) => [`p${of}`, quantile(of / 100, 'request', 'le', 'outcome="ok"')]),
        ),
      },
      {
        title: 'In flight and queue',
        description:
          'Requests that were sent and not settled, and those that wait to be sent. A queue that stays means that the endpoints are too slow or too few.',
        unit: 'short',
        queries: {
          'in flight: {{route}}': now('in_flight_requests'),
          'queued: {{route}}': now('queued_requests'),
        },
      },
      {
        title: 'Queued bytes',
        description: 'Bytes of the requests that wait to be sent. limits.queueBytes bounds them.',
        unit: 'bytes',
        queries: { '{{route}}': now('queued_bytes') },
      },
      {
        title: 'Traffic',
        description: 'Body bytes a second of requests and replies.',
        unit: 'Bps',
        queries: {
          'requests: {{route}}': rate('request_bytes_total', 'route'),
          'replies: {{route}}': rate('reply_bytes_total', 'route'),
        },
      },
      {
        title: 'Apps that left',
        description:
          'Requests a second whose app had left, by how far they were: `timeout` had been sent and had no reply, `ok` had one. Many mean that the timeout of the app is shorter than the deadline, or that apps restart.',
        without: 'nobody left',
        unit: 'reqps',
        look: 'stacked',
        queries: { '{{cause}}': some(rate('requests_total', 'cause', 'outcome="client_gone"')) },
      },
    ],
  },
  {
    title: 'Attempts and retries',
    panels: [
      {
        title: 'Attempts by result',
        description:
          'Sends a second, by what came of them. timeout: no reply in time. lost: the connection dropped. unsent: it had dropped before. cancelled: another attempt was quicker, or the request was over.',
        without: 'no attempts',
        unit: 'ops',
        look: 'stacked',
        queries: { '{{result}}': some(rate('attempts_total', 'result')) },
      },
      {
        title: 'Share of failed attempts',
        description:
          'Attempts without a reply in time, retried or not. The apps may not notice yet; the upstream is in trouble.',
        unit: 'percentunit',
        queries: {
          '{{route}}': `${rate('attempts_total', 'route', 'result!~"ok|cancelled"')} / (${rate('attempts_total', 'route', 'result!="cancelled"')} > 0)`,
        },
      },
      {
        title: 'Time of an attempt',
        description:
          'From a send to its reply: what the upstream takes. Attempts that failed are left out. Close to the dashed line, the timeout, more of them will.',
        unit: 's',
        queries: {
          p50: quantile(0.5, 'attempt', 'le', 'result="ok"'),
          p99: quantile(0.99, 'attempt', 'le', 'result="ok"'),
          'timeout: {{route}}': `min by (route) (${series('route_timeout_seconds')})`,
        },
      },
      {
        title: 'Attempts per request',
        description:
          'How much load the retries add: 1 means none. The retry budget keeps it below 1.2 or so, but for a few retries a second that are always allowed.',
        unit: 'none',
        queries: {
          '{{route}}': `${rate('attempts_total', 'route')} / (${rate('requests_total', 'route')} > 0)`,
        },
      },
      {
        title: 'Retries',
        description:
          'Attempts after the first, a second, by why the one before failed; and retries that were not made: no budget was left, no time, or retryOn does not allow it.',
        without: 'no retries',
        unit: 'ops',
        queries: {
          '{{reason}}': some(rate('retries_total', 'reason')),
          'denied: {{reason}}': some(rate('retries_denied_total', 'reason')),
        },
      },
      {
        title: 'Retry budget left',
        description:
          'Retries that the budget would allow at once, at the sidecar that has the fewest. At 0 failed attempts are not retried (LazypirateRetriesDenied).',
        unit: 'short',
        queries: { '{{route}}': `min by (route) (${series('retry_budget_left')})` },
      },
      {
        title: 'Resets',
        description: 'Connections closed and replaced, a second, by why.',
        without: 'no resets',
        unit: 'ops',
        queries: { '{{reason}}': some(rate('resets_total', 'reason')) },
      },
      {
        title: 'Late replies',
        description:
          'Replies after the timeout of their attempt, a second. Many that are salvaged mean that the timeout is too short.',
        without: 'no late replies',
        unit: 'ops',
        queries: { '{{fate}}': some(rate('late_replies_total', 'fate')) },
      },
    ],
  },
];
