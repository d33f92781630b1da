import { chmodSync, linkSync, lstatSync, renameSync, type Stats, statSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { pid } from 'node:process';
import { bindAs, DEFAULT_MODE, isAlive } from '../socket-path.ts';

/** The path of an ipc listener in the file system. Files outlive processes, and anybody with access to the directory can replace them. */
export class IpcPath {
  readonly #path: string;
  #bound: Stats | undefined;
  #mode: number | undefined;

  /** @param mode `undefined`: the umask decides */
  constructor(path: string, mode: number | undefined) {
    this.#path = path;
    this.#mode = mode;
  }

  /**
   * Binds the path, with its mode from the start.
   *
   * @throws {Error} EADDRINUSE if somebody listens there
   */
  async bind(bind: () => void): Promise<void> {
    await removeStale(this.#path);
    bindAs(this.#mode, bind);
    this.#bound = lstatSync(this.#path, { throwIfNoEntry: false });
  }

  /** Changes who may connect. */
  set mode(mode: number | undefined) {
    if (mode === this.#mode) return;
    this.#mode = mode;
    if (this.#isOurs) chmodSync(this.#path, mode ?? DEFAULT_MODE);
  }

  /** Closes the listener by calling `close`, which removes whatever has the path by now. It stays if it is not ours. */
  release(close: () => void): void {
    if (this.#isOurs) return close();
    const aside = `${this.#path}.${pid}`;
    try {
      linkSync(this.#path, aside);
    } catch {
      return close();
    }
    close();
    renameSync(aside, this.#path);
  }

  get #isOurs(): boolean {
    const now = lstatSync(this.#path, { throwIfNoEntry: false });
    return now !== undefined && now.ino === this.#bound?.ino && now.dev === this.#bound.dev;
  }
}

/** @throws {Error} EADDRINUSE if somebody listens at this path, or if it is something else than a socket */
async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) {
    // Binding would report EACCES.
    statSync(dirname(path));
    return;
  }
  if (!found.isSocket()) throw new Error('there is a file of this name, which is not a socket');
  if (await isAlive(path)) throw Object.assign(new Error('address in use'), { code: 'EADDRINUSE' });
  unlinkSync(path);
}
