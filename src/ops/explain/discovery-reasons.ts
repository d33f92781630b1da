import type { Finding } from './reason.ts';
import type { RouteView } from './route-view.ts';
import { length, sentence, since } from './words.ts';

type Discovery = RouteView['route']['discovery'];
type Failure = NonNullable<Discovery['failure']>;
type NoEndpoints = NonNullable<Discovery['empty']>;

/** A set that nothing has confirmed for so long may be out of date. The API server is asked again every few minutes. */
const STALE_MS = 900_000;

/** What is wrong with how the endpoints are found. */
export function discoveryReasons(view: RouteView): Finding[] {
  const { route, endpoints, isStarting } = view;
  const { fixed, state, why, failure, syncedMs } = route.discovery;
  const reasons: Finding[] = [];
  if (!fixed && state !== 'starting') {
    if (endpoints.length === 0 && route.standby === 0) reasons.push(noEndpoints(view, route.discovery));
    else if (failure !== null) reasons.push(lost(view, route.discovery, failure));
    else if ((syncedMs ?? 0) > STALE_MS) reasons.push(stale(view, syncedMs ?? 0));
    else if (why !== null) reasons.push(reason(view, 'note', sentence(why), [], null));
  } else if (!fixed && !isStarting) {
    const text =
      'The endpoints are not known yet: the API server or the name server has not answered so far.';
    reasons.push(reason(view, 'broken', text, [], 'Wait some seconds, then ask again.'));
  }
  if (route.next !== undefined) reasons.push(delayed(view, route.next));
  return reasons;
}

function noEndpoints(view: RouteView, discovery: Discovery): Finding {
  const { why, empty, failure } = discovery;
  if (failure !== null) {
    const text = `The endpoints are not known: ${whatFails(failure, why)}.`;
    return reason(view, 'broken', text, [failingSince(view, failure)], failureAdvice(failure));
  }
  return reason(
    view,
    'broken',
    why === null ? 'There is no endpoint.' : sentence(why),
    [
      `Requests wait for an endpoint for up to ${length(view.route.policy.retry.waitMs)} (\`wait\`), then get NO_ENDPOINTS.`,
    ],
    empty === null ? null : emptyAdvice(empty),
  );
}

function lost(view: RouteView, { why, syncedMs }: Discovery, failure: Failure): Finding {
  const count = view.endpoints.length;
  const known = count === 1 ? 'The one known endpoint stays' : `The ${count} known endpoints stay`;
  const text = `Changes of the endpoints are not seen: ${whatFails(failure, why)}. ${known} in use.`;
  const synced = syncedMs === null ? '' : ` The endpoints were last confirmed ${length(syncedMs)} ago.`;
  const evidence = [
    `${failingSince(view, failure)}${synced}`,
    'Until that is mended, a pod that stops is still tried, and one that starts gets no request: hold back rollouts and scaling.',
  ];
  return { ...reason(view, 'degraded', text, evidence, failureAdvice(failure)), harm: 'while_pods_stay' };
}

function stale(view: RouteView, syncedMs: number): Finding {
  const text = `Nothing has confirmed the endpoints for ${length(syncedMs)}, so they may be out of date.`;
  return {
    ...reason(view, 'degraded', text, [], unreachableAdvice({ source: 'api_server', isRefused: false })),
    harm: 'later',
  };
}

/** The upstream of a reload that is not connected yet. */
function delayed(view: RouteView, next: NonNullable<RouteView['route']['next']>): Finding {
  const { discovery, endpoints } = next;
  const evidence = [
    ...(discovery.why === null ? [] : [sentence(discovery.why)]),
    ...endpoints.slice(0, 5).map(({ address, state, why }) => `${address} is ${state}: ${why}.`),
  ];
  const text =
    'The new upstream of the last configuration change is not connected yet; the old one is still used.';
  return reason(view, 'degraded', text, evidence, 'Compare the new upstream with where the servers are.');
}

function whatFails({ reason: kind, source, isRefused }: Failure, why: string | null): string {
  // Node repeats the address, which the API server's own stands in front of.
  const details = why === null ? '' : ` (${why.replace(/(connect E[A-Z]+) \S+$/, '$1')})`;
  const who = source === 'name_server' ? 'the name server' : 'the API server';
  switch (kind) {
    case 'unreachable':
      return `${who} ${isRefused ? 'refuses connections' : 'cannot be reached'}${details}`;
    case 'forbidden':
      return `the API server refuses the service account of this pod${details}`;
    case 'not_found':
      return source === 'name_server'
        ? `DNS does not know the name${details}`
        : `the API server does not know what is asked for${details}`;
    case 'invalid':
      return source === 'kubeconfig'
        ? `there is no way to ask the API server${details}`
        : `the answer of ${who} makes no sense${details}`;
  }
}

function failingSince({ now }: RouteView, { sinceMs }: Failure): string {
  return `It has failed ${since(sinceMs, now)}.`;
}

function failureAdvice(failure: Failure): string {
  switch (failure.reason) {
    case 'unreachable':
      return unreachableAdvice(failure);
    case 'forbidden':
      return 'Grant list and watch of endpointslices (or pods) in that namespace: `kubectl auth can-i list endpointslices.discovery.k8s.io --as system:serviceaccount:NAMESPACE:ACCOUNT`.';
    case 'not_found':
      return 'Check the name and the namespace in the configuration. A headless Service has a DNS name only while it has ready pods.';
    case 'invalid':
      return failure.source === 'kubeconfig'
        ? 'Run in a pod with a mounted service account token (automountServiceAccountToken), or set KUBECONFIG.'
        : 'Is there a proxy in between, or is it another server?';
  }
}

function unreachableAdvice({ source, isRefused }: Pick<Failure, 'source' | 'isRefused'>): string {
  const first =
    source === 'name_server'
      ? 'Look whether the cluster DNS is up: `kubectl get pods -n kube-system -l k8s-app=kube-dns`.'
      : 'Look whether the API server is up: `kubectl get --raw /readyz`.';
  return isRefused
    ? `${first} The network is not the cause: the machine answers, and nothing listens on that port.`
    : `${first} If it is, look for a NetworkPolicy that does not let this pod reach it.`;
}

const RELOADED = 'A changed configuration file is applied without a restart.';

function emptyAdvice({ kind, of: { kind: of, name, namespace }, port, portNames }: NoEndpoints): string {
  const [only, ...others] = portNames;
  switch (kind) {
    case 'no_slices':
      return `Does the Service exist, and has it a selector? \`kubectl get service ${name} -n ${namespace}\``;
    case 'no_port':
      if (only !== undefined && others.length === 0)
        return `Set \`upstream.kubernetes.port\` to \`${only}\` (now \`${port}\`). ${RELOADED}`;
      return of === 'service'
        ? `Set \`upstream.kubernetes.port\` to a port that the Service has: \`kubectl get service ${name} -n ${namespace} -o yaml\`. ${RELOADED}`
        : `Set \`upstream.kubernetes.port\` to a port that the pods have, or name it in their containers. ${RELOADED}`;
    case 'no_pods':
      return of === 'service'
        ? `Compare the selector of the Service with the labels of the pods: \`kubectl get pods -n ${namespace} --show-labels\``
        : `Compare the selector and the namespace with the pods: \`kubectl get pods -n ${namespace} -l ${name}\``;
    case 'none_ready':
      return `Find out why the pods are not ready: \`kubectl get pods -n ${namespace}\`, then \`kubectl describe pod\``;
  }
}

function reason(
  { route }: RouteView,
  severity: Finding['severity'],
  text: string,
  evidence: string[],
  advice: string | null,
): Finding {
  return { route: route.name, severity, text, evidence, advice };
}
