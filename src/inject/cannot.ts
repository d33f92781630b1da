/** What cannot be done with one object: where in the input, and why. */
export class Refusal extends Error {
  /** In the text in which it was found. */
  readonly offset: number;

  constructor(offset: number, words: string) {
    super(words);
    this.offset = offset;
  }
}
