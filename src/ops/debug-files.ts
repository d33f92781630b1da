import { open, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { codeOf, messageOf } from '../errors.ts';
import type { Log } from './log/log.ts';

interface DebugFilesContext {
  log: Log;
  /** Where files are written; `undefined`: nowhere. */
  directory(): string | undefined;
}

/** What was written, or why not. */
export type Written =
  | { kind: 'written'; file: string; bytes: number; elapsedMs: number }
  | { kind: 'refused'; why: string }
  | { kind: 'failed'; why: string };

/** Writes CPU profiles and heap snapshots of this process, one at a time, into one directory and under names of its own. */
export class DebugFiles {
  readonly #log: Log;
  readonly #directory: () => string | undefined;
  #underWay: string | undefined;

  constructor({ log, directory }: DebugFilesContext) {
    this.#log = log;
    this.#directory = directory;
  }

  /** For so long, while everything goes on. */
  profile(forMs: number): Promise<Written> {
    return this.#write('CPU profile', 'cpuprofile', async (file) => {
      // Loaded only when needed, as the module below.
      const { Session } = await import('node:inspector/promises');
      const session = new Session();
      session.connect();
      try {
        await session.post('Profiler.enable');
        await session.post('Profiler.start');
        await setTimeout(forMs, undefined, { ref: false });
        const { profile } = await session.post('Profiler.stop');
        await writeFile(file, JSON.stringify(profile), { flag: 'wx', mode: 0o600 });
      } finally {
        session.disconnect();
      }
    });
  }

  /**
   * The process stops meanwhile. The file is for its owner alone, and a file or a link that is there is not written to: Node's own
   * `writeHeapSnapshot` does so.
   */
  heap(): Promise<Written> {
    return this.#write('heap snapshot', 'heapsnapshot', async (file) => {
      const { getHeapSnapshot } = await import('node:v8');
      const opened = await open(file, 'wx', 0o600);
      this.#log.warn({ file }, 'writing a heap snapshot: the process stops meanwhile');
      await pipeline(getHeapSnapshot(), opened.createWriteStream());
    });
  }

  async #write(what: string, extension: string, write: (file: string) => Promise<void>): Promise<Written> {
    const directory = this.#directory();
    if (directory === undefined)
      return {
        kind: 'refused',
        why: `there is no directory for a ${what}: set admin.debugDirectory to one that the sidecar may write to`,
      };
    if (this.#underWay !== undefined)
      return { kind: 'refused', why: `a ${this.#underWay} is under way, and there is one at a time` };
    this.#underWay = what;
    const sinceMs = performance.now();
    const file = join(
      resolve(directory),
      `lazypirate-${new Date().toISOString().replaceAll(':', '-')}.${extension}`,
    );
    try {
      await write(file);
      const result = {
        file,
        bytes: (await stat(file)).size,
        elapsedMs: Math.round(performance.now() - sinceMs),
      };
      this.#log.info(result, `${what} written`);
      return { kind: 'written', ...result };
    } catch (error) {
      // Half a file is of no use.
      if (codeOf(error) !== 'EEXIST') await rm(file, { force: true }).catch(() => undefined);
      this.#log.error({ file, why: messageOf(error) }, `${what} failed`);
      return { kind: 'failed', why: `the ${what} cannot be written: ${messageOf(error)}` };
    } finally {
      this.#underWay = undefined;
    }
  }
}
