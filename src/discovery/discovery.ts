/**
 * Tells a route which addresses its upstream has. It keeps telling until it is stopped; the last set told stays good
 * whatever happens to the source of it.
 */
export interface Discovery {
  /**
   * Runs until the signal aborts; rejects only for what no retry can mend.
   *
   * @param found is called with the whole set each time it changes, for the first time as soon as it is known
   */
  run(found: (addresses: readonly string[]) => void, signal: AbortSignal): Promise<void>;
}
