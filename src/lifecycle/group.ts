/** Something long-running that is part of the process. */
export interface Actor<T> {
  /** For whoever reads `Group.running`. */
  name: string;
  /** Runs until it ends by itself, fails, or is interrupted. An actor that fails to start cleans up behind itself. */
  execute(): Promise<T>;
  /** Makes `execute` end, also when it is still starting. Called at most once, and not after `execute` has ended. */
  interrupt(): void;
}

/** Actors that live and die together, after the idea of github.com/oklog/run: the first to stop stops all. */
export class Group<T> {
  readonly #actors: Actor<T>[] = [];
  readonly #running = new Set<Actor<T>>();

  /** Adds an actor. Only before `run`. */
  add(actor: Actor<T>): void {
    this.#actors.push(actor);
  }

  /** The names of the actors that have not ended, in the order they were added: what a shutdown is waiting for. */
  get running(): string[] {
    return Array.from(this.#running, (actor) => actor.name);
  }

  /**
   * Starts every actor in the order added. When the first has ended, the others are interrupted. Settles when all are out:
   * with what the first one returned, unless any of them failed.
   *
   * @throws the first error of any actor, its own or that of another that could not stop properly
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
    // All are started before any end is looked at: an actor that throws at once must not have the next interrupted unstarted.
    const start = async (actor: Actor<T>) => actor.execute();
    const started = this.#actors.map((actor) => ({ actor, execution: start(actor) }));
    await Promise.all(started.map(({ actor, execution }) => ended(actor, execution)));
    if (errors.length > 0) throw errors[0];
    return results[0] as T;
  }

  /** Returns what was thrown by those that could not even be asked to stop. */
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
