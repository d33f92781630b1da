import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { codeOf } from '../../errors.ts';

/** Enough for thousands of endpoints, and little enough to be checked in a second. */
const BYTES_MOST = 256 * 1024;
/** A stream given on the command line, such as `<(...)` in a shell. */
const GIVEN = /^\/dev\/(stdin|fd\/\d+)$/;

/**
 * The text of a file and its permission bits. Takes little time and memory, whatever the path leads to.
 *
 * @throws {Error} with a message for users, unless it is a readable UTF-8 file of at most 256 KiB
 */
export function readText(file: string): { text: string; mode: number } {
  const isGiven = GIVEN.test(file);
  // Without O_NONBLOCK, a pipe to which nobody writes would block the whole process.
  const descriptor = openSync(file, constants.O_RDONLY | (isGiven ? 0 : constants.O_NONBLOCK));
  try {
    const stat = fstatSync(descriptor);
    if (stat.isDirectory()) throw new Error('it is a directory');
    if (!stat.isFile() && !isGiven) throw new Error('it is not a regular file');
    return { text: decode(readBytes(descriptor)), mode: stat.mode & 0o777 };
  } finally {
    closeSync(descriptor);
  }
}

/** Does not rely on the size from `stat`: it is 0 for a stream, and for files that the kernel generates, as in /proc. */
function readBytes(descriptor: number): Buffer {
  const bytes = Buffer.allocUnsafe(BYTES_MOST + 1);
  for (let length = 0; length < bytes.length; ) {
    const read = readSync(descriptor, bytes, length, bytes.length - length, null);
    if (read === 0) return bytes.subarray(0, length);
    length += read;
  }
  throw new Error(`it has more than ${BYTES_MOST} bytes`);
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (codeOf(error) !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw error;
    throw new Error('it is not UTF-8', { cause: error });
  }
}
