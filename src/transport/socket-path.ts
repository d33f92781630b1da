import { connect } from 'node:net';
import { umask } from 'node:process';
import { codeOf } from '../errors.ts';

/* The sockets of ipc listeners, which stand in the file system and outlive their processes. */

/** The mode of a socket with a typical umask. */
export const DEFAULT_MODE = 0o755;

/**
 * Binds a path so that its socket has this mode from the start. If the mode were changed afterwards, anybody could connect in
 * between. The umask belongs to the whole process, but nothing else runs until `bind` returns.
 *
 * @param mode `undefined`: the umask decides
 */
export function bindAs(mode: number | undefined, bind: () => void): void {
  if (mode === undefined) return bind();
  const before = umask(0o777 & ~mode);
  try {
    bind();
  } finally {
    umask(before);
  }
}

/** Whether a process listens there. An abstract name begins with a zero byte. */
export function isAlive(path: string): Promise<boolean> {
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
