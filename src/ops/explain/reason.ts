/** `broken`: requests fail because of it. `degraded`: something is wrong, though requests are answered. `note`: worth knowing. */
export type Severity = 'broken' | 'degraded' | 'note';

/** Something that is wrong, or may be. Each text is whole sentences for a person. */
export interface Reason {
  /** `null`: it concerns the whole sidecar. */
  route: string | null;
  severity: Severity;
  text: string;
  evidence: string[];
  advice: string | null;
  /** The place in `reasons` of the cause that this one follows from. `null`: it is a cause itself, as far as is known. */
  consequenceOf: number | null;
}

/**
 * What others may follow from. `slow`: replies come after the timeout. `mute`: none comes. `losses`: connections drop. `slow_endpoint`: one
 * is slower than the others.
 */
export type Cause = 'slow' | 'mute' | 'losses' | 'slow_endpoint';

/** A reason that does not know the others yet. */
export interface Finding extends Omit<Reason, 'consequenceOf'> {
  cause?: Cause;
  /** If one of these causes is found in the same route, this follows from it. */
  mayFollow?: readonly Cause[];
  /** Though it is wrong, no request fails: `none` will, if nothing else happens; or none `while_pods_stay`; or some may `later`. */
  harm?: 'none' | 'while_pods_stay' | 'later';
}

/** What is in force now, in one line, and why: the most likely cause first, each followed by its consequences. */
export interface Explanation {
  at: string;
  verdict: { state: 'working' | 'degraded' | 'broken' | 'idle' | 'starting' | 'draining'; text: string };
  reasons: Reason[];
}
