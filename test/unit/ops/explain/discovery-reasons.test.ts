import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NoEndpoints } from '../../../../src/discovery/discovery.ts';
import { whyNoEndpoints } from '../../../../src/discovery/kubernetes/endpoint-slices.ts';
import { podState, whyNoPod } from '../../../../src/discovery/kubernetes/pods.ts';
import type { DiscoveryStatus } from '../../../../src/proxy/status.ts';
import { explained, lacks, NO_ATTEMPTS, NONE, reasonLike, up } from './situation.ts';

const SERVICE = { name: 'orders', namespace: 'shop' };
const LIVE = { isFixed: false, state: 'live', syncedMs: 1_000, why: undefined, failure: undefined } as const;

function failing(
  given: Partial<NonNullable<DiscoveryStatus['failure']>>,
  why: string,
  endpoints = [] as object[],
) {
  const failure = {
    ...({ reason: 'unreachable', source: 'api_server', isRefused: false, sinceMs: 65_000 } as const),
    ...given,
  };
  const state = endpoints.length > 0 ? 'lost' : 'failed';
  const syncedMs = endpoints.length > 0 ? 420_000 : undefined;
  return explained({ endpoints, route: { discovery: { ...LIVE, state, syncedMs, why, failure } } });
}

const slice = (ports: object[], endpoints: object[]) => ({ addressType: 'IPv4', ports, endpoints });
const pod = { addresses: ['10.0.0.1'], conditions: { ready: false } };
const PODS = { name: 'app=orders', namespace: 'shop' };

/** Each way in which a set can be empty, in discovery's own words, and what must be advised. */
const EMPTY: [string, NoEndpoints, RegExp][] = [
  ['the Service does not exist', whyNoEndpoints([], 'zmq', SERVICE), /kubectl get service orders -n shop`/],
  [
    'the Service has no such port',
    whyNoEndpoints([slice([{ name: 'http', port: 80 }], [pod])], 'zmq', SERVICE),
    /"http" \(80\)[\s\S]*Set `upstream\.kubernetes\.port` to `http` \(now `zmq`\)\. .* without a restart/,
  ],
  [
    'the Service has several other ports',
    whyNoEndpoints(
      [
        slice(
          [
            { name: 'http', port: 80 },
            { name: 'x', port: 1 },
          ],
          [pod],
        ),
      ],
      'zmq',
      SERVICE,
    ),
    /to a port that the Service has: `kubectl get service orders -n shop/,
  ],
  [
    'the Service selects nothing',
    whyNoEndpoints([slice([], [])], 7000, SERVICE),
    /kubectl get pods -n shop --show-labels/,
  ],
  [
    'no pod is ready',
    whyNoEndpoints([slice([{ name: 'zmq', port: 7000 }], [pod])], 'zmq', SERVICE),
    /not ready: `kubectl get pods -n shop`/,
  ],
  ['there are no pods', whyNoPod([], 7000, PODS), /kubectl get pods -n shop -l app=orders/],
  [
    'no selected pod is ready',
    whyNoPod([podState({}, 7000)], 7000, PODS),
    /not ready: `kubectl get pods -n shop`/,
  ],
  ['the pods have no such port', whyNoPod([podState({}, 'zmq')], 'zmq', PODS), /a port that the pods have/],
];

for (const [title, empty, words] of EMPTY)
  test(`${title}: that is the cause, with what to do`, () => {
    const all = explained({ endpoints: [], route: { discovery: { ...LIVE, why: empty.words, empty } } });
    assert.equal(all.verdict.state, 'broken');
    const [first] = all.reasons;
    assert.equal(first?.severity, 'broken');
    assert.equal(first?.text.toLowerCase(), `${empty.words}.`.toLowerCase());
    assert.match(`${first?.text}\n${first?.advice}`, words);
  });

test('an API server that never answered leaves no endpoints, and is told with its address and since when', () => {
  const all = failing({ isRefused: true }, 'https://10.96.0.1: connect ECONNREFUSED 10.96.0.1:443');
  const { severity, evidence, advice } = reasonLike(
    all,
    /endpoints are not known: the API server refuses connections \(https:\/\/10\.96\.0\.1: connect ECONNREFUSED\)/,
  );
  assert.equal(severity, 'broken');
  assert.deepEqual(evidence, ['It has failed since 12:08:55 UTC (1 min 5 s).']);
  assert.match(advice ?? '', /readyz.*The network is not the cause/);
  assert.doesNotMatch(advice ?? '', /NetworkPolicy/);
});

test('an API server that is lost leaves the known endpoints in use', () => {
  const all = failing({}, 'https://10.96.0.1: no answer', [up('tcp://10.0.0.1:7000')]);
  assert.equal(all.verdict.state, 'degraded');
  const { severity, evidence, advice } = reasonLike(
    all,
    /API server cannot be reached \(https:\/\/10\.96\.0\.1: no answer\)\. The one known endpoint stays in use/,
  );
  assert.equal(severity, 'degraded');
  assert.match(
    all.verdict.text,
    /^No request of route orders fails\. This can wait as long as no pod starts or stops\. All 100/,
  );
  assert.match(evidence[0] ?? '', /The endpoints were last confirmed 7 min ago\.$/);
  assert.equal(
    evidence[1],
    'Until that is mended, a pod that stops is still tried, and one that starts gets no request: hold back rollouts and scaling.',
  );
  assert.match(advice ?? '', /NetworkPolicy/);
});

test('an API server that is lost while requests fail is not something that can wait', () => {
  const failure = { reason: 'unreachable', source: 'api_server', isRefused: true, sinceMs: 65_000 } as const;
  const discovery = { ...LIVE, state: 'lost', why: 'https://10.96.0.1: no', failure } as const;
  const { verdict } = explained({
    route: { discovery },
    recent: { outcomes: { ...NONE, ok: 99, lost: 1 }, attempts: { ...NO_ATTEMPTS, ok: 99, lost: 1 } },
  });
  assert.doesNotMatch(verdict.text, /can wait/);
  const oneDown = { address: 'tcp://10.0.0.2:7000', state: 'down', why: 'x', sinceMs: 5_000 } as const;
  const last = explained({ endpoints: [up('tcp://10.0.0.1:7000'), oneDown], route: { discovery } });
  assert.match(last.verdict.text, /^No request of route orders fails yet/, 'one is left');
});

test('a missing permission, a name without DNS and a missing token are told apart', () => {
  const forbidden = failing({ reason: 'forbidden' }, '403: endpointslices is forbidden');
  assert.match(reasonLike(forbidden, /refuses the service account/).all, /kubectl auth can-i list/);
  const unknown = failing(
    { reason: 'not_found', source: 'name_server' },
    'there is no DNS name orders.shop.svc',
  );
  assert.match(reasonLike(unknown, /DNS does not know the name/).all, /headless/);
  const silent = failing({ source: 'name_server' }, 'orders.shop.svc: no answer');
  assert.match(reasonLike(silent, /the name server cannot be reached/).all, /kube-dns/);
  const invalid = failing(
    { reason: 'invalid', source: 'kubeconfig' },
    'the kubeconfig cannot be used: there is none',
  );
  assert.match(reasonLike(invalid, /no way to ask the API server/).all, /automountServiceAccountToken/);
  const nonsense = failing({ reason: 'invalid' }, 'it sent an object without a name');
  reasonLike(nonsense, /the answer of the API server makes no sense/);
});

test('a set that nothing confirms any more may be out of date', () => {
  const of = (syncedMs: number) => explained({ route: { discovery: { ...LIVE, syncedMs } } });
  reasonLike(of(1_000_000), /Nothing has confirmed the endpoints for 16 min 40 s/);
  lacks(of(800_000), /confirmed/);
});

test('fixed endpoints are never discovered, so nothing is said about it', () => {
  lacks(explained({ route: { discovery: { ...LIVE, isFixed: true, syncedMs: 10_000_000 } } }), /endpoints/);
});

test('a new upstream that is not connected yet is told with the reason', () => {
  const next = {
    ...{ isUsable: false, endpoints: [], standby: 0 },
    discovery: { ...LIVE, why: 'Service new in namespace shop selects no pods' },
  };
  const { evidence } = reasonLike(explained({ route: { next } }), /new upstream .* is not connected yet/);
  assert.deepEqual(evidence, ['Service new in namespace shop selects no pods.']);
});
