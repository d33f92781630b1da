import { byNewness } from './trouble-words.ts';

/* What to do about an endpoint that cannot be used. The texts are those of the transports and of discovery; a test goes through them. */

/** What is known of the endpoint. */
export interface Patient {
  why: string;
  /** It was connected before. */
  hasConnected: boolean;
  pod?: string | null;
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

/** By what stands in the text. The first that fits counts. */
const ADVICE: readonly [RegExp, Advice][] = [
  [
    /does not hold the key of this server/,
    'Put the public key of the server into that file. If the two are the same, the server may refuse the key in curve.publicKeyFile and not say so.',
  ],
  [/refused our key/, "Add the key in curve.publicKeyFile to the server's list of allowed clients."],
  [
    /security mechanism|wants a key \(CURVE\)|serverKeyFile/,
    'Compare `curve` of the route with the settings of the server: both must use CURVE, with keys that match, or neither.',
  ],
  [
    /before it said anything/,
    'Check the port: it belongs to something else, or to a proxy (a load balancer, a service mesh) that has no server behind it.',
  ],
  [
    /speaks (HTTP|TLS)|begins with|is not ZeroMQ: it/,
    'The port belongs to something else: check the port of the upstream.',
  ],
  [
    /does not fit/,
    'This is the port of another ZeroMQ service: check the port. The server needs a REP or a ROUTER socket.',
  ],
  [
    /ZMTP 1\.0|ZMTP 2\.0 or older/,
    'Update the ZeroMQ library of the server, if it is ZeroMQ at all: check the port.',
  ],
  [/heartbeat|no ZMTP handshake|says nothing|handshake was not completed|accept connections/, HANGS],
  [/connection refused|no such path/, SERVER_GONE],
  [/nobody answers there/, NOBODY],
  [
    /no answer within|no route|cannot be reached|network or the machine/,
    'Nothing comes back from the machine: look at its node, and at NetworkPolicies and firewalls on the way.',
  ],
  [
    /no file descriptor/,
    'Raise the open file limit of the sidecar, or lower `subset` or `limits.inFlightPerEndpoint`.',
  ],
  [
    /no address, or no port left/,
    'This pod has used up its ports towards that address, or has no address of that family.',
  ],
  [/permission denied/, 'The mode of the path, or of a directory above it, keeps the sidecar out.'],
  [/no reply in time/, HANGS],
  [
    /before its connection dropped|was reset|closed the connection|connection ended/,
    'The server ends, crashes or is killed: look at its logs, its restarts and its memory limit (OOMKilled).',
  ],
  [
    /not a reply|broke the protocol/,
    'The server does not send the envelope back. With `correlate: true`, set it to `auto`; otherwise this is a bug of the server.',
  ],
];

/** Undefined if there is none. */
export function troubleAdvice(patient: Patient): string | undefined {
  for (const words of byNewness(patient.why)) {
    const advice = ADVICE.find(([pattern]) => pattern.test(words))?.[1];
    if (advice !== undefined) return typeof advice === 'string' ? advice : advice(patient);
  }
  return undefined;
}

/** Where to look at a pod. */
export function lookAt(pod: string | null | undefined): string {
  return pod ? ` See \`kubectl describe pod ${pod}\` and \`kubectl logs ${pod}\`.` : '';
}
