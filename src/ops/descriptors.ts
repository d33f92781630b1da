import { closeSync, openSync } from 'node:fs';
import { codeOf, StartError } from '../errors.ts';
import { pause } from '../lifecycle/pause.ts';
import type { Log } from './log/log.ts';

const CHECK_EVERY_MS = 1_000;
/** If descriptors are exhausted for this long, it will not pass by itself: a restart may help. */
const EXIT_AFTER_MS = 30_000;

interface DescriptorSettings {
  log: Log;
  isLeft?: () => boolean;
  everyMs?: number;
  exitAfterMs?: number;
}

/**
 * Checks whether the process can open descriptors. If it cannot, connected clients are still served, but new connections are closed as
 * soon as they come, including those of probes. With `transport: libzmq` those of apps wait, and it uses a full core to retry. This is
 * logged at once, and ends the process if it lasts.
 *
 * @throws {StartError} if it has lasted too long
 */
export async function watchDescriptors(
  {
    log,
    isLeft = isDescriptorLeft,
    everyMs = CHECK_EVERY_MS,
    exitAfterMs = EXIT_AFTER_MS,
  }: DescriptorSettings,
  signal: AbortSignal,
): Promise<void> {
  let sinceMs: number | undefined;
  while (await pause(everyMs, signal)) {
    if (isLeft()) {
      if (sinceMs !== undefined) log.info('file descriptors are available again');
      sinceMs = undefined;
    } else if (sinceMs === undefined) {
      sinceMs = performance.now();
      log.error('no file descriptors left: new connections fail; raise the open file limit (ulimit -n)');
    } else if (performance.now() - sinceMs >= exitAfterMs) {
      throw new StartError(
        `no file descriptors were left for ${exitAfterMs / 1_000} s; raise the open file limit (ulimit -n)`,
      );
    }
  }
}

function isDescriptorLeft(): boolean {
  try {
    closeSync(openSync('/dev/null', 'r'));
    return true;
  } catch (error) {
    return codeOf(error) !== 'EMFILE' && codeOf(error) !== 'ENFILE';
  }
}
