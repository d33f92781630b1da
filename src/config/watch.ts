import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Config } from './config.ts';
import { type ConfigSources, fileOf, loadConfig } from './load.ts';
import { readText } from './read.ts';

/** Changes come in several steps: a mounted ConfigMap makes a directory, a link to it, and renames that. */
const SETTLE_MS = 50;
/** Where the system tells nothing (a network file system, no inotify watch left), it is looked at so often. */
const LOOK_EVERY_MS = 10_000;

/** A configuration as it changes: with its file, and whenever a SIGHUP asks for it. */
export class ConfigWatch {
  readonly #sources: ConfigSources;
  readonly #file: FileWatch | undefined;
  /** What a SIGHUP does: one that comes before `run` is remembered. */
  #hangup: () => void = () => {
    this.#wasHungUp = true;
  };
  #wasHungUp = false;

  /**
   * Changes count from now on: make it before the configuration is loaded for the first time.
   *
   * @param onHangup has its listener called at each SIGHUP
   */
  constructor(sources: ConfigSources, onHangup: (listener: () => void) => void) {
    this.#sources = sources;
    onHangup(() => this.#hangup());
    const file = fileOf(sources);
    this.#file = file === undefined ? undefined : new FileWatch(file);
  }

  /**
   * Runs until the signal aborts.
   *
   * @param reload is called for each change, one after the other, with what reads the configuration, which throws `ConfigError`
   */
  async run(reload: (load: () => Config) => Promise<void>, signal: AbortSignal): Promise<void> {
    const failing = Promise.withResolvers<void>();
    let last = Promise.resolve();
    const changed = () => {
      last = last.then(() => (signal.aborted ? undefined : reload(() => loadConfig(this.#sources))));
      last.catch(failing.reject);
      return last;
    };
    this.#hangup = changed;
    if (this.#wasHungUp) changed();
    signal.addEventListener('abort', () => failing.resolve(), { once: true });
    await Promise.race([this.#file?.run(changed, signal) ?? failing.promise, failing.promise]);
  }
}

function textOf(file: string): string | undefined {
  try {
    return readText(file).text;
  } catch {
    return undefined;
  }
}

/**
 * Tells when the text of a file has changed. It is the directory that is watched: a mounted ConfigMap swaps a link in it, and
 * an editor puts another file in the old one's place, of which a watch on the file itself would see the first at best.
 */
class FileWatch {
  readonly #file: string;
  #text: string | undefined;

  /** Changes count from now on. */
  constructor(file: string) {
    this.#file = file;
    this.#text = textOf(file);
  }

  /**
   * Runs until the signal aborts.
   *
   * @param changed the text is another one now, or the file cannot be read any more
   */
  async run(changed: () => Promise<void>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#change(signal);
      if (signal.aborted) return;
      const text = textOf(this.#file);
      if (text === this.#text) continue;
      this.#text = text;
      await changed();
    }
  }

  /** Resolves when something has happened in the directory, or it is time to look. */
  async #change(signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const wake = () => woken.abort();
    let watcher: FSWatcher | undefined;
    try {
      watcher = watch(dirname(this.#file), { persistent: false }, wake);
      watcher.on('error', () => undefined);
    } catch {
      // Looked at from time to time instead.
    }
    // What has changed while nobody watched.
    const text = textOf(this.#file);
    const waiting = AbortSignal.any([signal, woken.signal]);
    if (text === this.#text) {
      await setTimeout(LOOK_EVERY_MS, undefined, { signal: waiting, ref: false }).catch(() => undefined);
    }
    watcher?.close();
    await setTimeout(SETTLE_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
}
