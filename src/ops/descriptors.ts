import { closeSync, openSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { codeOf, StartError } from '../errors.ts';
import type { Log } from './log.ts';

const EVERY_MS = 1_000;
/** Exhausted for so long, it is not going to pass: a process that starts anew may do better. */
const PATIENCE_MS = 30_000;

export interface DescriptorSettings {
  log: Log;
  isLeft?: () => boolean;
  everyMs?: number;
  patienceMs?: number;
}

/**
 * Watches whether the process can open descriptors. Where it cannot, whoever is connected is served, while new connections
 * wait, those of probes too, and libzmq spins over its listener: that is told at once, and ends the process if it lasts.
 *
 * @throws {StartError} where it has lasted
 */
export async function watchDescriptors(
  { log, isLeft = isDescriptorLeft, everyMs = EVERY_MS, patienceMs = PATIENCE_MS }: DescriptorSettings,
  signal: AbortSignal,
): Promise<void> {
  let sinceMs: number | undefined;
  while (await pause(everyMs, signal)) {
    if (isLeft()) {
      if (sinceMs !== undefined) log.info('descriptors are to be had again');
      sinceMs = undefined;
    } else if (sinceMs === undefined) {
      sinceMs = performance.now();
      log.error('no descriptor is left: new connections wait; raise the limit of open files (ulimit -n)');
    } else if (performance.now() - sinceMs >= patienceMs) {
      throw new StartError(
        `no descriptor was left for ${patienceMs / 1_000} s; raise the limit of open files`,
      );
    }
  }
}

/** @returns `false` where the signal has come */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  await setTimeout(ms, undefined, { signal, ref: false }).catch(() => undefined);
  return !signal.aborted;
}

function isDescriptorLeft(): boolean {
  try {
    closeSync(openSync('/dev/null', 'r'));
    return true;
  } catch (error) {
    return codeOf(error) !== 'EMFILE' && codeOf(error) !== 'ENFILE';
  }
}
