/** A long-running part of the process. */
export interface Actor<T> {
  /** Shown in `Group.running`. */
  name: string;
  /** Runs until it ends by itself, fails, or is interrupted. An actor that fails to start cleans up after itself. */
  execute(): Promise<T>;
  /** Makes `execute` end, even if it is still starting. Called at most once, and never after `execute` has ended. */
  interrupt(): void;
}

/** Actors that live and die together: when the first one stops, all stop. (The idea of github.com/oklog/run.) */
export class Group<T> {
  readonly #actors: Actor<T>[] = [];
  readonly #running = new Set<Actor<T>>();

  /** Call this only before `run`. */
  add(actor: Actor<T>): void {
    this.#actors.push(actor);
  }

  /** The names of the actors that have not ended, in the order they were added: a shutdown waits for these. */
  get running(): string[] {
    return Array.from(this.#running, (actor) => actor.name);
  }

  /**
   * Starts all actors in the order they were added. When the first one ends, it interrupts the others. Settles when all have
   * ended, with the result of the first one.
   *
   * @throws the first error of any actor, including one that fails while it stops
   */
  async run(): Promise<T> {
    if (this.#actors.length === 0) throw new Error('a group without actors has nothing to run');
    const results: T[] = [];
    const errors: unknown[] = [];
    const ended = async (actor: Actor<T>, execution: Promise<T>) => {
      try {
        results.push(await execution);
      } catch (error) {
        errors.push(error);
      }
      const isFirst = this.#running.size === this.#actors.length;
      this.#running.delete(actor);
      if (isFirst) errors.push(...this.#interrupt());
    };

    for (const actor of this.#actors) this.#running.add(actor);
    // Start all before looking at any result: if an actor throws at once, the next must not be interrupted before it starts.
    const start = async (actor: Actor<T>) => actor.execute();
    const started = this.#actors.map((actor) => ({ actor, execution: start(actor) }));
    await Promise.all(started.map(({ actor, execution }) => ended(actor, execution)));
    if (errors.length > 0) throw errors[0];
    return results[0] as T;
  }

  /** @returns the errors that `interrupt` calls threw */
  #interrupt(): unknown[] {
    const errors: unknown[] = [];
    for (const actor of this.#running) {
      try {
        actor.interrupt();
      } catch (error) {
        errors.push(error);
      }
    }
    return errors;
  }
}
