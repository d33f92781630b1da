import type {
  Discovered,
  DiscoveryOwner,
  DiscoveryTrouble,
  NoEndpoints,
} from '../../src/discovery/discovery.ts';
import { soon } from './until.ts';

/** Records everything that a discovery reports. */
export class Told implements DiscoveryOwner {
  sets: string[][] = [];
  /** The newest set. */
  endpoints: readonly Discovered[] = [];
  /** The reason that came with each set. */
  whys: (string | undefined)[] = [];
  failures: (DiscoveryTrouble & { atMs: number })[] = [];
  confirmations = 0;
  readonly #watchers = new Set<() => void>();

  /** Addresses of the newest set, sorted. */
  get last(): string[] | undefined {
    return this.sets.at(-1);
  }

  found(endpoints: readonly Discovered[], why?: string | NoEndpoints): void {
    this.endpoints = endpoints;
    this.whys.push(typeof why === 'object' ? why.words : why);
    this.sets.push(endpoints.map(({ address }) => address).sort());
    this.#tell();
  }

  confirmed(): void {
    this.confirmations++;
    this.#tell();
  }

  failed(trouble: DiscoveryTrouble): void {
    this.failures.push({ ...trouble, atMs: performance.now() });
    this.#tell();
  }

  until(isSo: (told: this) => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => {
      if (!isSo(this)) return;
      this.#watchers.delete(look);
      resolve();
    };
    this.#watchers.add(look);
    look();
    return soon(() => `${isSo}; told were ${JSON.stringify({ ...this, endpoints: undefined })}`, promise);
  }

  /** Resolves when the newest set is this one. */
  async untilSet(...addresses: string[]): Promise<void> {
    const wanted = JSON.stringify([...addresses].sort());
    await this.until(({ last }) => JSON.stringify(last) === wanted);
  }

  #tell(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}
