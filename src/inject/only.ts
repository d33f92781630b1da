import { nearest } from '../config/text/spelling.ts';
import { ConfigError } from '../errors.ts';
import { idOf, KINDS, SHORT_NAMES, type Workload } from './workload.ts';

/** The objects that `--only` names. Without it everything is meant. */
export class Selection {
  readonly #named: readonly Named[];
  /** The ids of all that were asked about. */
  readonly #seen = new Set<string>();

  /** @throws {ConfigError} if one is not KIND/NAME or NAMESPACE/KIND/NAME */
  constructor(only: readonly string[]) {
    this.#named = only.map((one) => new Named(one));
  }

  has(workload: Workload): boolean {
    this.#seen.add(idOf(workload));
    // Each is asked, because each has to know what it is for.
    const naming = this.#named.filter((one) => one.isFor(workload));
    return this.#named.length === 0 || naming.length > 0;
  }

  /**
   * What is named and was never asked about, and what is the name of several objects.
   *
   * @param asked about which objects `has` was asked
   */
  problems(asked: 'object' | 'object with a sidecar of inject'): string[] {
    return this.#named.flatMap((one) => one.problem([...this.#seen], asked) ?? []);
  }
}

/** What one `--only` says. */
class Named {
  /** `undefined`: that of the one object of this kind and name, if there is only one. */
  readonly #namespace: string | undefined;
  readonly #object: string;
  readonly #found = new Set<string>();

  constructor(only: string) {
    const [, namespace, kind = '', name = ''] = /^(?:([^/]*)\/)?([^/]+)\/([^/]+)$/.exec(only) ?? [];
    const known =
      SHORT_NAMES.get(kind.toLowerCase()) ??
      KINDS.find((it) => it.toLowerCase() === kind.toLowerCase().replace(/s$/, ''));
    if (known === undefined) {
      const near = nearest(KINDS, kind);
      const hint =
        near === undefined
          ? `write KIND/NAME or NAMESPACE/KIND/NAME, the kind one of ${KINDS.join(', ')}`
          : `did you mean ${only.replace(/[^/]+(?=\/[^/]+$)/, near)}?`;
      throw new ConfigError([`--only ${only}: ${hint}`]);
    }
    this.#namespace = namespace;
    this.#object = `${known}/${name}`;
  }

  isFor({ kind, name, namespace = '' }: Workload): boolean {
    const isNamed =
      this.#object === `${kind}/${name}` && (this.#namespace === undefined || this.#namespace === namespace);
    if (isNamed) this.#found.add(`${namespace}/${kind}/${name}`);
    return isNamed;
  }

  problem(seen: readonly string[], asked: string): string | undefined {
    const id = [...(this.#namespace ? [this.#namespace] : []), this.#object].join('/');
    if (this.#found.size > 1)
      return `--only ${id}: the input has ${this.#found.size} of them; write ${[...this.#found].join(' or ')}`;
    if (this.#found.size === 1) return undefined;
    const near = seen.find((one) => `/${one}`.endsWith(`/${this.#object}`)) ?? nearest(seen, id);
    const hint =
      near === undefined ? `there are ${seen.slice(0, 20).join(', ') || 'none'}` : `did you mean ${near}?`;
    return `--only ${id}: the input has no such ${asked}; ${hint}`;
  }
}
