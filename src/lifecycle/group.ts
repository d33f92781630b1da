/**
 * A long-running part of the process. Runs until it ends by itself, fails, or `stop` aborts, which may be while it is still starting.
 * One that fails to start cleans up after itself.
 */
export type Actor<T> = (stop: AbortSignal) => Promise<T>;

/**
 * Runs actors that live and die together: when the first one ends, all others are stopped. Settles when all have ended, with the
 * result of the first one. (The idea of github.com/oklog/run.)
 *
 * @throws the first error of any actor, including one that fails while it stops
 */
export async function runGroup<T>(actors: readonly Actor<T>[]): Promise<T> {
  if (actors.length === 0) throw new Error('a group without actors has nothing to run');
  const stop = new AbortController();
  const results: T[] = [];
  const errors: unknown[] = [];
  // Start all before looking at any result: if an actor throws at once, the next must not be stopped before it starts.
  const start = async (actor: Actor<T>) => actor(stop.signal);
  const ended = async (execution: Promise<T>) => {
    try {
      results.push(await execution);
    } catch (error) {
      errors.push(error);
    }
    stop.abort();
  };
  await Promise.all(actors.map(start).map(ended));
  if (errors.length > 0) throw errors[0];
  return results[0] as T;
}
