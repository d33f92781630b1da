/** A mutation that changes nothing that anybody could see, and why. It is found by its line, wherever that stands in the file. */
export interface Harmless {
  /** The name of the file, without its folder. */
  readonly file: string;
  /** The line as it is and as the mutation makes it, without indentation, as the tool prints it. */
  readonly was: string;
  readonly becomes: string;
  readonly why: string;
}

export const HARMLESS: readonly Harmless[] = [];
