import type { Finding } from './reason.ts';
import type { RouteView } from './route-view.ts';
import { length, sentence, since } from './words.ts';

type Discovery = RouteView['route']['discovery'];
type DiscoveryFailure = NonNullable<Discovery['failure']>['reason'];

/** A set that nothing has confirmed for so long may be out of date. The API server is asked again every few minutes. */
const STALE_MS = 900_000;

/** What is wrong with how the endpoints are found. */
export function discoveryReasons(view: RouteView): Finding[] {
  const { route, endpoints, isStarting } = view;
  const { fixed, state, why, syncedMs } = route.discovery;
  const reasons: Finding[] = [];
  if (!fixed && state !== 'starting') {
    if (endpoints.length === 0 && route.standby === 0) reasons.push(noEndpoints(view, route.discovery));
    else if (state === 'lost') reasons.push(lost(view, route.discovery));
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
  const { why, failure } = discovery;
  if (failure !== null) {
    const text = `The endpoints are not known: ${whatFails(failure.reason, why ?? '')}.`;
    const evidence = failureEvidence(view, discovery);
    return reason(view, 'broken', text, evidence, failureAdvice(failure.reason, why ?? ''));
  }
  return reason(
    view,
    'broken',
    why === null ? 'There is no endpoint.' : sentence(why),
    [
      `Requests wait for an endpoint for up to ${length(view.route.policy.retry.waitMs)} (\`wait\`), then get NO_ENDPOINTS.`,
    ],
    emptyAdvice(why ?? ''),
  );
}

function lost(view: RouteView, discovery: Discovery): Finding {
  const { why, failure, syncedMs } = discovery;
  const kind = failure?.reason ?? 'unreachable';
  const count = view.endpoints.length;
  const known = count === 1 ? 'The one known endpoint stays' : `The ${count} known endpoints stay`;
  const text = `Changes of the endpoints are not seen: ${whatFails(kind, why ?? '')}. ${known} in use.`;
  const synced = syncedMs === null ? '' : ` The endpoints were last confirmed ${length(syncedMs)} ago.`;
  const evidence = [
    `${failureEvidence(view, discovery).join(' ')}${synced}`.trim(),
    'If a pod moves now, requests still go to its old address; new pods get none.',
  ];
  return { ...reason(view, 'degraded', text, evidence, failureAdvice(kind, why ?? '')), harm: 'later' };
}

function stale(view: RouteView, syncedMs: number): Finding {
  const text = `Nothing has confirmed the endpoints for ${length(syncedMs)}, so they may be out of date.`;
  return { ...reason(view, 'degraded', text, [], failureAdvice('unreachable', 'https://')), harm: 'later' };
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

/** The API server puts its address or a status in front of what it says. */
function isApiServer(why: string): boolean {
  return /^https?:|^\d{3}: |kubeconfig/.test(why);
}

/** Something answers at the address, though not the API server: then the network lets this pod reach it. */
function isRefused(why: string): boolean {
  return /ECONNREFUSED|connection refused/.test(why);
}

function whatFails(kind: DiscoveryFailure, why: string): string {
  // Node repeats the address, which the API server's own stands in front of.
  const details = why === '' ? '' : ` (${why.replace(/(connect E[A-Z]+) \S+$/, '$1')})`;
  const who = isApiServer(why) ? 'the API server' : 'the name server';
  switch (kind) {
    case 'unreachable':
      return `${who} ${isRefused(why) ? 'refuses connections' : 'cannot be reached'}${details}`;
    case 'forbidden':
      return `the API server refuses the service account of this pod${details}`;
    case 'not_found':
      return isApiServer(why)
        ? `the API server does not know what is asked for${details}`
        : `DNS does not know the name${details}`;
    case 'invalid':
      return why.includes('kubeconfig')
        ? `there is no way to ask the API server${details}`
        : `the answer of ${who} makes no sense${details}`;
  }
}

function failureEvidence({ now }: RouteView, { failure }: Discovery): string[] {
  return failure === null ? [] : [`It has failed ${since(failure.sinceMs, now)}.`];
}

function failureAdvice(kind: DiscoveryFailure, why: string): string {
  switch (kind) {
    case 'unreachable':
      return `${
        isApiServer(why)
          ? 'Look whether the API server is up: `kubectl get --raw /readyz`.'
          : 'Look whether the cluster DNS is up: `kubectl get pods -n kube-system -l k8s-app=kube-dns`.'
      } ${
        isRefused(why)
          ? 'The network is not the cause: the machine answers, and nothing listens on that port.'
          : 'If it is, look for a NetworkPolicy that does not let this pod reach it.'
      }`;
    case 'forbidden':
      return 'Grant list and watch of endpointslices (or pods) in that namespace: `kubectl auth can-i list endpointslices.discovery.k8s.io --as system:serviceaccount:NAMESPACE:ACCOUNT`.';
    case 'not_found':
      return 'Check the name and the namespace in the configuration. A headless Service has a DNS name only while it has ready pods.';
    case 'invalid':
      return why.includes('kubeconfig')
        ? 'Run in a pod with a mounted service account token (automountServiceAccountToken), or set KUBECONFIG.'
        : 'Is there a proxy in between, or is it another server?';
  }
}

/** By what discovery says of an empty set. */
function emptyAdvice(why: string): string | null {
  const [, service = 'NAME', namespace = 'NAMESPACE'] =
    /Service (\S+) in namespace (\S+?);?(?: |$)/.exec(why) ?? [];
  const [, pods = 'KEY=VALUE', place = 'NAMESPACE'] =
    /pods with (\S+) in namespace (\S+?)[;,]?(?: |$)/.exec(why) ?? [];
  if (/no EndpointSlice/.test(why))
    return `Does the Service exist, and has it a selector? \`kubectl get service ${service} -n ${namespace}\``;
  const [, wrong, known = ''] = /no port named "(.+?)"(?:.*?ports: (.*))?$/.exec(why) ?? [];
  const names = [...known.matchAll(/"(.+?)"/g)].map(([, name]) => name);
  if (wrong !== undefined && names.length === 1)
    return `Set \`upstream.kubernetes.port\` to \`${names[0]}\` (now \`${wrong}\`). A changed configuration file is applied without a restart.`;
  if (/no port named/.test(why) && /Service/.test(why))
    return `Set \`upstream.kubernetes.port\` to a port that the Service has: \`kubectl get service ${service} -n ${namespace} -o yaml\`. A changed configuration file is applied without a restart.`;
  if (/no port named/.test(why))
    return 'Set `upstream.kubernetes.port` to a port that the pods have, or name it in their containers. A changed configuration file is applied without a restart.';
  if (/selects no pods/.test(why))
    return `Compare the selector of the Service with the labels of the pods: \`kubectl get pods -n ${namespace} --show-labels\``;
  if (/no pod of|none is ready/.test(why))
    return `Find out why the pods are not ready: \`kubectl get pods -n ${/Service/.test(why) ? namespace : place}\`, then \`kubectl describe pod\``;
  if (/there are no pods/.test(why))
    return `Compare the selector and the namespace with the pods: \`kubectl get pods -n ${place} -l ${pods}\``;
  return null;
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
