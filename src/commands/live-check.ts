import type { Discovered, Discovery } from '../discovery/discovery.ts';
import { pause } from '../lifecycle/pause.ts';
import type { RouteSettings } from '../proxy/settings.ts';
import type { Trouble } from '../proxy/status.ts';
import { targetOf } from '../proxy/upstream/target.ts';
import { isVaguer, NO_HANDSHAKE } from '../proxy/upstream/trouble.ts';
import { stageOf, wordsOf } from '../transport/connection-end.ts';
import type { PeerInfo, Target, Transport } from '../transport/transport.ts';

/** Enough to be quick with a thousand endpoints, few enough for the descriptors of any machine. */
const AT_ONCE = 64;
/** A peer that hangs up may have a reason that only another try shows. */
const TRIES = 3;
const AGAIN_MS = 25;

/** The time was over before there was a connection. */
const LATE: Trouble = { kind: 'new', what: 'not connected in time', means: [] };

/** What discovery said first. `silent`: nothing, until the time was over. */
type Finding =
  | { kind: 'found'; endpoints: readonly Discovered[]; why: string | undefined }
  | { kind: 'failed'; why: string }
  | { kind: 'silent' };

/** What became of a connection to an endpoint. It `works` if the handshake succeeded, after this time. */
export type Verdict = { kind: 'works'; peer: PeerInfo; tookMs: number } | { kind: 'fails'; why: string };

export interface CheckedEndpoint {
  endpoint: Discovered;
  verdict: Verdict;
}

export type CheckedRoute =
  | { kind: 'found'; endpoints: CheckedEndpoint[]; why: string | undefined }
  | Exclude<Finding, { kind: 'found' }>;

/** Asks discovery for the endpoints of a route, and connects to each. No request is sent. Ends at the latest when the signal aborts. */
export async function checkRoute(
  route: RouteSettings,
  discovery: Discovery,
  transport: Transport,
  over: AbortSignal,
): Promise<CheckedRoute> {
  const finding = await firstFinding(discovery, over);
  if (finding.kind !== 'found') return finding;
  const checked: CheckedEndpoint[] = [];
  const left = finding.endpoints.entries();
  const work = async () => {
    for (const [index, endpoint] of left)
      checked[index] = {
        endpoint,
        verdict: await tryEndpoint(targetOf(endpoint.address, route), transport, over),
      };
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { kind: 'found', endpoints: checked, why: finding.why };
}

async function firstFinding(discovery: Discovery, over: AbortSignal): Promise<Finding> {
  const enough = new AbortController();
  let first: Finding = { kind: 'silent' };
  const is = (finding: Finding) => {
    if (!enough.signal.aborted) first = finding;
    enough.abort();
  };
  await discovery.run(
    {
      found: (endpoints, why) =>
        is({ kind: 'found', endpoints, why: typeof why === 'object' ? why.words : why }),
      confirmed: () => undefined,
      failed: ({ message }) => is({ kind: 'failed', why: message }),
    },
    AbortSignal.any([enough.signal, over]),
  );
  return first;
}

/** Connects, and again if the peer hangs up without a reason. The most exact cause counts. */
async function tryEndpoint(target: Target, transport: Transport, over: AbortSignal): Promise<Verdict> {
  let worst = LATE;
  for (let tries = 0; tries < TRIES && !over.aborted; tries++) {
    if (tries > 0) await pause(AGAIN_MS, over);
    const result = await connectOnce(target, transport, over);
    if (result.kind === 'works') return result;
    if (!isVaguer(result, worst)) worst = result;
    if (stageOf(result) !== 'hung up') break;
  }
  return { kind: 'fails', why: wordsOf(worst) };
}

function connectOnce(
  target: Target,
  transport: Transport,
  over: AbortSignal,
): Promise<Extract<Verdict, { kind: 'works' }> | Trouble> {
  return new Promise((resolve) => {
    const sinceMs = performance.now();
    let isAccepted = false;
    const end = (result: Extract<Verdict, { kind: 'works' }> | Trouble) => {
      over.removeEventListener('abort', stop);
      connection.close();
      resolve(result);
    };
    const stop = () => end(isAccepted ? NO_HANDSHAKE : LATE);
    const connection = transport.connect(target, {
      accepted: () => {
        isAccepted = true;
      },
      ready: (peer) => end({ kind: 'works', peer, tookMs: performance.now() - sinceMs }),
      closed: end,
      message: () => undefined,
      malformed: () => undefined,
      tooLarge: () => undefined,
    });
    over.addEventListener('abort', stop, { once: true });
    if (over.aborted) stop();
  });
}
