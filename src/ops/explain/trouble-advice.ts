import type { TroubleKind } from '../../proxy/status.ts';
import type { EndpointPage } from '../status-page.ts';
import { troublesOf } from './trouble-words.ts';

/* What to do about an endpoint that cannot be used. */

/** What is known of the endpoint. */
interface Patient {
  /** It was connected before. */
  hasConnected: boolean;
  pod: string | null;
}

type Advice = string | ((patient: Patient) => string);

const SERVER_GONE = ({ hasConnected }: Patient) =>
  hasConnected
    ? 'Find out why the server ended (logs, restarts, OOMKilled), and start it again.'
    : 'Start the server, or correct the port: nothing listens there.';
const NOBODY = ({ hasConnected }: Patient) =>
  hasConnected
    ? 'See whether the server still runs; if it does, look at its node, and at NetworkPolicies and firewalls on the way.'
    : 'See whether the server is running and listens on this port; if it does, look at NetworkPolicies and firewalls on the way.';
const HANGS = ({ pod }: Patient) =>
  `Look at its logs and its CPU. If it is stopped (a debugger, SIGSTOP, a frozen node), let it continue; if it hangs, ${pod ? `\`kubectl delete pod ${pod}\`` : 'restart it'}.`;

const STILL_THERE = 'See whether the server still runs (logs, restarts, OOMKilled). If it does:';
const HUNG_UP = ({ hasConnected }: Patient) =>
  hasConnected ? `${STILL_THERE} has it got other settings (CURVE)?` : CURVE;
const HUNG_UP_AT_ONCE = ({ hasConnected }: Patient) =>
  hasConnected
    ? `${STILL_THERE} what stands between? A load balancer or a service mesh may have no server behind it.`
    : 'Check the port: it belongs to something else, or to a proxy (a load balancer, a service mesh) that has no server behind it.';
const MACHINE =
  'Nothing comes back from the machine: look at its node, and at NetworkPolicies and firewalls on the way.';
const CURVE =
  'Compare `curve` of the route with the settings of the server: both must use CURVE, with keys that match, or neither.';
const WRONG_PORT = 'The port belongs to something else: check the port of the upstream.';
const ENDS =
  'The server ends, crashes or is killed: look at its logs, its restarts and its memory limit (OOMKilled).';
const ENVELOPE =
  'The server does not send the envelope back. With `correlate: true`, set it to `auto`; otherwise this is a bug of the server.';
const HANDSHAKE =
  'The server does not keep to the protocol: check the port and the version of its ZeroMQ library; a proxy on the way may meddle.';

/** Undefined where nothing can be advised. */
const ADVICE: Record<TroubleKind, Advice | undefined> = {
  new: undefined,
  in_handshake: undefined,
  nobody_listens: SERVER_GONE,
  nobody_answers: NOBODY,
  no_answer: MACHINE,
  not_accepting: HANGS,
  no_local_port: 'This pod has used up its ports towards that address, or has no address of that family.',
  no_permission: 'The mode of the path, or of a directory above it, keeps the sidecar out.',
  no_descriptor:
    'Raise the open file limit of the sidecar, or lower `subset` or `limits.inFlightPerEndpoint`.',
  reset_early: ENDS,
  unreachable: undefined,
  speaks_http: WRONG_PORT,
  not_zeromq: WRONG_PORT,
  old_zmtp: 'Update the ZeroMQ library of the server, if it is ZeroMQ at all: check the port.',
  wrong_mechanism: CURVE,
  wrong_server_key:
    "Put the public key of the server into that file. Are they the same (`printf %s 'KEY' | sha256sum` begins with the fingerprint)? Then the server may refuse the key in curve.publicKeyFile and not say so.",
  key_refused: "Add the key in curve.publicKeyFile to the server's list of allowed clients.",
  wrong_socket_type:
    'This is the port of another ZeroMQ service: check the port. The server needs a REP or a ROUTER socket.',
  refused: undefined,
  broken_handshake: HANDSHAKE,
  no_handshake: HANGS,
  slow_handshake: HANGS,
  hung_up: HUNG_UP,
  hung_up_at_once: HUNG_UP_AT_ONCE,
  closed: ENDS,
  reset: ENDS,
  ended: ENDS,
  dropped: undefined,
  no_heartbeat: HANGS,
  machine_gone: MACHINE,
  broken_protocol: ENVELOPE,
  not_a_reply: ENVELOPE,
  no_reply: HANGS,
  reply_lost: ENDS,
};

/** What the newest try shows says more about what to do than what came before, if there is advice for it. Undefined if there is none. */
export function troubleAdvice(
  endpoint: Pick<EndpointPage, 'state' | 'pod' | 'trouble' | 'newest'>,
): string | undefined {
  const advice = troublesOf(endpoint)
    .map(({ kind }) => ADVICE[kind])
    .findLast((one) => one !== undefined);
  if (typeof advice !== 'function') return advice;
  return advice({ hasConnected: endpoint.state !== 'connecting', pod: endpoint.pod });
}

/** Where to look at a pod. */
export function lookAt(pod: string | null | undefined): string {
  return pod ? ` See \`kubectl describe pod ${pod}\` and \`kubectl logs ${pod}\`.` : '';
}
