import { type FSWatcher, watch } from 'node:fs';
import { dirname } from 'node:path';
import { pause } from '../lifecycle/pause.ts';
import type { Config } from './config.ts';
import { loadConfig, textOf } from './load-config.ts';
import { type ConfigSources, fileOf } from './text/flags.ts';
import { isStream, readText } from './text/text-file.ts';

/** A change takes several steps: an update of a mounted ConfigMap makes a directory and a link to it, then renames the link. */
const SETTLE_MS = 50;
/** How often to check the file where the system reports no changes (a network file system, no inotify watch left). */
const CHECK_EVERY_MS = 10_000;

/** Reads the configuration, and again when its file changes and on SIGHUP. */
export class ConfigWatch {
  readonly #sources: ConfigSources;
  readonly #file: FileWatch | undefined;
  /** Called on SIGHUP. A SIGHUP before `run` is remembered. */
  #hangup: () => void = () => {
    this.#wasHungUp = true;
  };
  #wasHungUp = false;

  /**
   * Changes count from now on.
   *
   * @param onHangup registers a listener for SIGHUP
   * @throws {ConfigError} if a stream cannot be read. It is read here, and never again
   */
  constructor(sources: ConfigSources, onHangup: (listener: () => void) => void) {
    const file = fileOf(sources);
    const hasStream = file !== undefined && isStream(file);
    this.#sources = hasStream ? { ...sources, text: textOf(file) } : sources;
    this.#file = file === undefined || hasStream ? undefined : new FileWatch(file);
    onHangup(() => this.#hangup());
  }

  /** @throws {ConfigError} */
  read(): Config {
    return loadConfig(this.#sources);
  }

  /**
   * Runs until the signal aborts.
   *
   * @param reload called for each change, one at a time, with a function that reads the configuration or throws `ConfigError`
   */
  async run(reload: (readConfig: () => Config) => Promise<void>, signal: AbortSignal): Promise<void> {
    const failing = Promise.withResolvers<void>();
    let last = Promise.resolve();
    const changed = () => {
      last = last.then(() => (signal.aborted ? undefined : reload(() => this.read())));
      last.catch(failing.reject);
      return last;
    };
    this.#hangup = changed;
    if (this.#wasHungUp) changed();
    signal.addEventListener('abort', () => failing.resolve(), { once: true });
    await Promise.race([this.#file?.run(changed, signal) ?? failing.promise, failing.promise]);
  }
}

function textIfReadable(file: string): string | undefined {
  try {
    return readText(file).text;
  } catch {
    return undefined;
  }
}

/**
 * Detects changes of a file's text. It watches the directory, because an update of a mounted ConfigMap swaps a link there, and
 * an editor replaces the file. A watch on the file itself would see the first of these changes at best.
 */
class FileWatch {
  readonly #file: string;
  #text: string | undefined;

  /** Changes count from now on. */
  constructor(file: string) {
    this.#file = file;
    this.#text = textIfReadable(file);
  }

  /**
   * Runs until the signal aborts.
   *
   * @param changed called when the text has changed, or the file can no longer be read
   */
  async run(changed: () => Promise<void>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#change(signal);
      if (signal.aborted) return;
      const text = textIfReadable(this.#file);
      if (text === this.#text) continue;
      this.#text = text;
      await changed();
    }
  }

  /** Resolves when something changed in the directory, or when it is time to check the file. */
  async #change(signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const wake = () => woken.abort();
    let watcher: FSWatcher | undefined;
    try {
      watcher = watch(dirname(this.#file), { persistent: false }, wake);
      watcher.on('error', () => undefined);
    } catch {
      // No watch: the file is checked every CHECK_EVERY_MS.
    }
    // It may have changed while no watch was active.
    const text = textIfReadable(this.#file);
    const waiting = AbortSignal.any([signal, woken.signal]);
    if (text === this.#text) {
      await pause(CHECK_EVERY_MS, waiting);
    }
    watcher?.close();
    await pause(SETTLE_MS, signal);
  }
}
