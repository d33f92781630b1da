/* What is said about why an endpoint cannot be used, made from the words of the transports. */

/** Stands before what the newest try shows, if that is vaguer than the cause. */
const NOW = '; now: ';
/** Characters of a trouble that fit into a line with the rest. */
const HEADLINE_MOST = 90;
/** That the handshake still takes its time adds nothing to one that has failed. */
const IN_HANDSHAKE = /waiting for the ZMTP handshake|no ZMTP handshake yet/;
const FAILED_HANDSHAKE = /handshake|says nothing|heartbeat|curve/i;

export interface TroubleWords {
  /** In short. */
  headline: string;
  /** What it may mean, if the headline leaves that out. */
  meaning: string | undefined;
}

/** @param hasConnected whether it was connected before: then it is a server of ZeroMQ, whatever a vague trouble may mean */
export function troubleWords(why: string, hasConnected: boolean): TroubleWords {
  const parts = partsOf(why).map((text) => /^(.*?)(?:: (.*))?$/s.exec(text) ?? []);
  const whole = joined(
    parts.map(([, what = '', means]) =>
      means === undefined ? what : `${what}: ${likely(means, hasConnected)}`,
    ),
  );
  if (whole.length <= HEADLINE_MOST) return { headline: whole, meaning: undefined };
  // What an older trouble may mean, the newer one has answered.
  const meaning = parts.at(-1)?.[2];
  return {
    headline: joined(parts.map(([, what = '']) => what)),
    meaning: meaning === undefined ? undefined : likely(meaning, hasConnected),
  };
}

/** The trouble, and what the newest try shows, if that says more. */
function partsOf(why: string): string[] {
  const [first = '', newest] = why.split(NOW);
  const isMore = newest !== undefined && !(IN_HANDSHAKE.test(newest) && FAILED_HANDSHAKE.test(first));
  return isMore ? [first, newest] : [first];
}

function joined(parts: readonly string[]): string {
  return parts.join('; since then: ');
}

/** Of `this, that, or it is not ZeroMQ` only what can be. */
function likely(meanings: string, hasConnected: boolean): string {
  const all = meanings.split(/, or |, | or (?=it is not ZeroMQ)/);
  if (!hasConnected || !all.includes(NOT_ZEROMQ)) return meanings;
  const left = all.filter((one) => one !== NOT_ZEROMQ);
  return [left.slice(0, -1).join(', '), left.at(-1)].filter(Boolean).join(', or ');
}

const NOT_ZEROMQ = 'it is not ZeroMQ';

/** What the newest try shows says more about what to do than what came before, if there is advice for it. */
export function byNewness(why: string): string[] {
  return partsOf(why).toReversed();
}
