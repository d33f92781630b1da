import { chmodSync, linkSync, lstatSync, renameSync, type Stats, statSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { pid, umask } from 'node:process';
import { codeOf } from '../../errors.ts';

/** The mode of a socket with a typical umask. */
const DEFAULT_MODE = 0o755;

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
   * Binds the path, with its mode from the start: if it were changed afterwards, anybody could connect in between. The umask belongs to
   * the whole process, but nothing else runs until `bind` returns.
   *
   * @throws {Error} EADDRINUSE if somebody listens there
   */
  async bind(bind: () => void): Promise<void> {
    await removeStale(this.#path);
    const before = this.#mode === undefined ? undefined : umask(0o777 & ~this.#mode);
    try {
      bind();
    } finally {
      if (before !== undefined) umask(before);
    }
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

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    // It is too busy for another connection, or does not allow us.
    probe.once('error', (error) => resolve(['EAGAIN', 'EACCES', 'EPERM'].includes(codeOf(error) ?? '')));
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
  });
}
