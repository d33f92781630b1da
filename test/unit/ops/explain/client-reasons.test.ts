import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RefusedClients } from '../../../../src/ops/refused-clients.ts';
import { endpointStatus, routeStatus } from '../statuses.ts';
import { explained, lacks, NO_ATTEMPTS, NOBODY_GONE, NONE, NOW, reasonLike } from './situation.ts';

const SILENT = { received: 0, outcomes: NONE, attempts: NO_ATTEMPTS };

test('apps that leave before the deadline: both times are told', () => {
  const all = explained({
    recent: {
      outcomes: { ...NONE, ok: 60, client_gone: 40 },
      clientGone: { ...NOBODY_GONE, timeout: 38, ok: 2 },
    },
    records: [900, 1_000, 1_100].map((elapsedMs) => ({ outcome: 'client_gone', elapsedMs })),
  });
  const { text, severity, evidence, advice } = reasonLike(all, /Apps leave/);
  assert.equal(severity, 'degraded');
  assert.equal(
    text,
    'Apps leave before they get an answer: 40 requests of 100 in the last minute. They wait 1 s, but the deadline of the route is 10 s.',
  );
  assert.equal(evidence[0], 'How far these requests were: 38 sent and without a reply, 2 with a reply.');
  assert.match(advice ?? '', /RCVTIMEO.*above 10 s/);
});

test('many routes without requests share one note, and few have one each', () => {
  const of = (count: number) => {
    const names = Array.from({ length: count }, (_, i) => `route-${i}`);
    const routes = names.map((name) =>
      routeStatus(name, { listening: 'tcp://127.0.0.1:5555', endpoints: [endpointStatus({ state: 'up' })] }),
    );
    return explained({ recent: { received: 0, outcomes: NONE }, sidecar: { routes } }).reasons;
  };
  assert.deepEqual(
    of(3).map(({ route }) => route),
    ['route-0', 'route-1', 'route-2'],
  );
  assert.deepEqual(
    of(50).map(({ route, severity, text }) => [route, severity, text]),
    [
      [
        null,
        'note',
        'No request came in the last minute to 50 of 50 routes: route-0, route-1, route-2, route-3, route-4 and 45 more.',
      ],
    ],
  );
});

test('without records the time that apps wait comes from the histogram; a few that leave are a note', () => {
  const recent = { outcomes: { ...NONE, ok: 98, client_gone: 2 }, goneP50Ms: 2_000 };
  const { text, severity } = reasonLike(explained({ recent }), /Apps leave/);
  assert.equal(severity, 'note');
  assert.match(text, /They wait 2 s/);
});

test('messages that are too large are told by direction, with the limit and the last one', () => {
  const all = explained({
    recent: { outcomes: { ...NONE, ok: 90, too_large: 7, reply_too_large: 3 } },
    records: [{ outcome: 'too_large', message: 'the request has 20 bytes; at most 10 are allowed' }],
  });
  const { evidence, text } = reasonLike(all, /^7 requests of more than 16,777,216 bytes/);
  assert.match(text, /limits\.messageBytes/);
  assert.match(evidence[0] ?? '', /orders\.k3x9ab\.42.*the request has 20 bytes/);
  reasonLike(all, /^3 replies of more than/);
});

test('refused connections are told with reason, number, time and place; without any request they weigh more', () => {
  const refused = [
    {
      kind: 'speaks_http' as const,
      why: 'the peer is not ZeroMQ: it speaks HTTP',
      count: 3,
      at: new Date(NOW.getTime() - 30_000),
      address: '10.0.0.9:4000',
    },
    {
      ...({ kind: 'not_zeromq', why: 'an old one', count: 1 } as const),
      ...{ at: new Date(NOW.getTime() - 3_600_000), address: undefined },
    },
  ];
  const { text, severity, evidence, advice } = reasonLike(explained({ refused }), /refused/);
  assert.equal(
    text,
    '3 connections to tcp://127.0.0.1:5555 were refused: the peer is not ZeroMQ: it speaks HTTP.',
  );
  assert.equal(severity, 'note');
  assert.deepEqual(evidence, ['The last one came at 12:09:30 UTC from 10.0.0.9:4000.']);
  assert.match(advice ?? '', /probe or a scrape/);
  assert.equal(reasonLike(explained({ refused, recent: SILENT }), /refused/).severity, 'degraded');
  lacks(explained({ refused }), /old one/);
});

test('each reason for which a client is refused has its advice', () => {
  const rows: [RefusedClients['kind'], RegExp][] = [
    ['too_many_connections', /leaks them/],
    ['wrong_socket_type', /REQ or a DEALER/],
    ['wrong_mechanism', /One side uses CURVE .* `listenCurve`/],
    ['no_key', /One side uses CURVE .* `listenCurve`/],
    ['key_not_allowed', /allowedKeysFile/],
    ['broken_handshake', /what connects there/],
  ];
  for (const [kind, words] of rows) {
    const refused = [{ kind, why: 'it is so', count: 1, at: NOW, address: undefined }];
    assert.match(reasonLike(explained({ refused }), /refused/).advice ?? '', words);
  }
});

test('messages that are no requests, and replies that nobody reads', () => {
  const all = explained({ recent: { malformed: 2, droppedClients: 1 } });
  assert.match(reasonLike(all, /^2 messages .* were no requests/).advice ?? '', /empty frame/);
  assert.match(reasonLike(all, /^1 connection of apps was dropped/).advice ?? '', /receive/);
});

test('where nothing comes, the verdict is idle, and it says where the app should connect', () => {
  const never = explained({ recent: SILENT });
  assert.equal(never.verdict.state, 'idle');
  const { advice } = reasonLike(never, /No request has come since the start/);
  assert.match(advice ?? '', /tcp:\/\/127\.0\.0\.1:5555/);
  const before = explained({ recent: SILENT, totals: { received: 200, outcomes: { ...NONE, ok: 199 } } });
  const { evidence } = reasonLike(before, /No request came in the last 1 min/);
  assert.deepEqual(evidence, ['200 requests came before, of which 99% were answered.']);
  lacks(explained({ recent: SILENT, route: { queued: 1 } }), /No request/);
});
