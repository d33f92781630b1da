import { RetryBudget } from './budget.ts';
import type { Emit } from './events.ts';
import { Forwarder } from './forwarder.ts';
import type { Load } from './load.ts';
import type { RouteSettings } from './settings.ts';
import type { Upstream } from './upstream.ts';

/** The policy of a route from one reload to the next. A request ends under the one that it began with. */
export class Generation {
  readonly settings: RouteSettings;
  /** May be another generation's too. */
  readonly upstream: Upstream;
  readonly forwarder: Forwarder;
  readonly #budget: RetryBudget;

  constructor(settings: RouteSettings, upstream: Upstream, budget: RetryBudget, load: Load, emit: Emit) {
    this.settings = settings;
    this.upstream = upstream;
    this.#budget = budget;
    this.forwarder = new Forwarder(settings, upstream, budget, load, emit);
  }

  /** The budget of the generation after it: a reload fills up only one that it changes. */
  budgetFor({ budget }: RouteSettings): RetryBudget {
    const { ratio, minPerSecond } = this.settings.budget;
    const isSame = ratio === budget.ratio && minPerSecond === budget.minPerSecond;
    return isSame ? this.#budget : new RetryBudget(budget, performance.now());
  }
}
