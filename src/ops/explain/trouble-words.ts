import type { Trouble, TroubleKind } from '../../proxy/status.ts';
import { anyOf, stageOf, wordsOf } from '../../transport/connection-end.ts';
import type { EndpointPage } from '../status-page.ts';

/* What is said about why an endpoint cannot be used. */

/** Characters of a trouble that fit into a line with the rest. */
const HEADLINE_MOST = 90;

export interface TroubleWords {
  /** In short. */
  headline: string;
  /** What it may mean, or its details, if the headline leaves that out. */
  meaning: string | undefined;
}

export function troubleWords(endpoint: Pick<EndpointPage, 'why' | 'trouble' | 'newest'>): TroubleWords {
  // A sidecar of an earlier version tells no trouble, only in words.
  if (!endpoint.trouble) return { headline: endpoint.why, meaning: undefined };
  const all = troublesOf(endpoint);
  const whole = joined(all.map(wordsOf));
  if (whole.length <= HEADLINE_MOST) return { headline: whole, meaning: undefined };
  // What an older trouble may mean, the newer one has answered.
  const means = all.at(-1)?.means ?? [];
  return {
    headline: joined(all.map(({ what }) => what)),
    meaning: means.length > 1 ? `that means: ${anyOf(means)}` : means[0],
  };
}

/** The trouble, and what the newest try shows, if that says more. */
export function troublesOf({ trouble, newest }: Pick<EndpointPage, 'trouble' | 'newest'>): Trouble[] {
  const isNoMore =
    trouble !== null && newest !== null && isInHandshake(newest.kind) && hasFailedHandshake(trouble.kind);
  return [trouble, isNoMore ? null : newest].filter((one) => one !== null);
}

function isInHandshake(kind: TroubleKind): boolean {
  return kind === 'in_handshake' || kind === 'no_handshake';
}

/** Then it adds nothing that the handshake still takes its time. */
function hasFailedHandshake(kind: TroubleKind): boolean {
  const stage = stageOf({ kind });
  return stage === 'handshake' || stage === 'hung up' || kind === 'no_handshake' || kind === 'no_heartbeat';
}

function joined(parts: readonly string[]): string {
  return parts.join('; since then: ');
}
