import { isMisspelling } from '../config/text/spelling.ts';
import { ConfigError } from '../errors.ts';
import { idOf, KINDS, SHORT_NAMES, type Workload } from './workload.ts';

/** What `--only` names. Without it everything is meant. */
export class Selection {
  readonly #ids: readonly string[];
  readonly #found = new Set<string>();

  /** @throws {ConfigError} if one is not KIND/NAME */
  constructor(only: readonly string[]) {
    this.#ids = only.map((one) => {
      const [, kind = '', name = ''] = /^([^/]+)\/([^/]+)$/.exec(one) ?? [];
      const known =
        SHORT_NAMES[kind.toLowerCase()] ??
        KINDS.find((it) => it.toLowerCase() === kind.toLowerCase().replace(/s$/, ''));
      if (known !== undefined) return `${known}/${name}`;
      const near = KINDS.find((it) => isMisspelling(it.toLowerCase(), kind.toLowerCase()));
      const hint =
        near === undefined
          ? `write KIND/NAME, the kind one of ${KINDS.join(', ')}`
          : `did you mean ${near}/${name}?`;
      throw new ConfigError([`--only ${one}: ${hint}`]);
    });
  }

  has(workload: Workload): boolean {
    const id = idOf(workload);
    this.#found.add(id);
    return this.#ids.length === 0 || this.#ids.includes(id);
  }

  /** What is named and was never asked about. */
  missing(): string[] {
    return this.#ids
      .filter((id) => !this.#found.has(id))
      .map((id) => {
        const found = [...this.#found];
        const near = found.find((one) => isMisspelling(one, id));
        const hint =
          near === undefined
            ? `there are ${found.slice(0, 20).join(', ') || 'none with pods'}`
            : `did you mean ${near}?`;
        return `--only ${id}: the input has no such object; ${hint}`;
      });
  }
}
