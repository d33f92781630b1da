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
}

/** What is in force now, in one line, and why: the most likely cause first. */
export interface Explanation {
  at: string;
  verdict: { state: 'working' | 'degraded' | 'broken' | 'idle' | 'starting' | 'draining'; text: string };
  reasons: Reason[];
}
