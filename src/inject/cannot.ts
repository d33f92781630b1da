/** Where the cause is: in the text in which it was found, or in a flag, whatever the objects are. */
export type Cause = { kind: 'text'; offset: number } | { kind: 'flag' };

/** What cannot be done, and why. */
export class Refusal extends Error {
  readonly at: Cause;

  constructor(at: number | Cause, words: string) {
    super(words);
    this.at = typeof at === 'number' ? { kind: 'text', offset: at } : at;
  }

  /** The same in a text in which this one begins at `start`. */
  within(start: number): Refusal {
    const { at } = this;
    return at.kind === 'flag' ? this : new Refusal(start + at.offset, this.message);
  }
}
