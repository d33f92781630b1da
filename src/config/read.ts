import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { codeOf } from '../errors.ts';

/** Thousands of endpoints, and no more than can be looked through in a second. */
const BYTES_MOST = 256 * 1024;
/** A stream that a command line gives us, as `<(...)` in a shell does. */
const GIVEN = /^\/dev\/(stdin|fd\/\d+)$/;

/**
 * The text of a file and its permission bits. Wherever the path leads to, that takes no time and no memory to speak of.
 *
 * @throws {Error} with words for people, where it is no UTF-8 file of at most 256 KiB that can be read
 */
export function readText(file: string): { text: string; mode: number } {
  const isGiven = GIVEN.test(file);
  // Or a pipe to which nobody writes would be waited for, and the whole process with it.
  const descriptor = openSync(file, constants.O_RDONLY | (isGiven ? 0 : constants.O_NONBLOCK));
  try {
    const stat = fstatSync(descriptor);
    if (stat.isDirectory()) throw new Error('it is a directory');
    if (!stat.isFile() && !isGiven) throw new Error('it is no regular file');
    return { text: decode(readBytes(descriptor)), mode: stat.mode & 0o777 };
  } finally {
    closeSync(descriptor);
  }
}

/** A size that the system tells says little: it is 0 for a stream, and for what the kernel makes up as it is read. */
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
