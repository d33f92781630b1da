import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { codeOf } from '../errors.ts';

/** Room for ten thousand endpoints, and no more than is read in under a second, whatever it holds. */
const BYTES_MOST = 256 * 1024;

/**
 * The text of a file and its permission bits. Whatever the path leads to, that takes no time and no memory to speak of.
 *
 * @throws {Error} with words for people, where it is no UTF-8 file of at most 256 KiB that can be read
 */
export function readText(file: string): { text: string; mode: number } {
  // Without this, a pipe that nobody writes to would be waited for, and the whole process with it.
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw new Error('it is no file');
    if (stat.size > BYTES_MOST) throw new Error(`it has ${stat.size} bytes, and ${BYTES_MOST} are allowed`);
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(descriptor));
    return { text, mode: stat.mode & 0o777 };
  } catch (error) {
    if (codeOf(error) !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw error;
    throw new Error('it is not UTF-8', { cause: error });
  } finally {
    closeSync(descriptor);
  }
}
