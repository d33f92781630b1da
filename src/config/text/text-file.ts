import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { codeOf, messageOf } from '../../errors.ts';

/** Enough for thousands of endpoints, and little enough to be checked in a second. */
const BYTES_MOST = 256 * 1024;
/** A stream given on the command line, such as `<(...)` in a shell. */
const GIVEN = /^\/dev\/(stdin|fd\/\d+)$/;

/** Whether it can be read only once. */
export function isStream(file: string): boolean {
  return GIVEN.test(file);
}

/**
 * The text of a file and its permission bits. Takes little time and memory, whatever the path leads to.
 *
 * @throws {Error} with a message for users, unless it is a readable UTF-8 file of at most 256 KiB
 */
export function readText(file: string): { text: string; mode: number } {
  const { bytes, mode } = readFile(file, BYTES_MOST);
  return { text: decodeText(bytes), mode };
}

/** As `readText`, with another limit, and with the byte order mark if there is one. */
export function readWholeText(file: string, bytesMost: number): string {
  return decodeText(readFile(file, bytesMost).bytes, true);
}

function readFile(file: string, bytesMost: number): { bytes: Buffer; mode: number } {
  try {
    return readOpened(file, bytesMost);
  } catch (error) {
    throw withoutPath(error);
  }
}

/** Node's messages name the system call and the path too; whoever reports the error has named the file. */
function withoutPath(error: unknown): unknown {
  const [, words] = /^E[A-Z]+: (.*?), \w+(?: '.*')?$/s.exec(messageOf(error)) ?? [];
  return words === undefined ? error : new Error(words, { cause: error });
}

function readOpened(file: string, bytesMost: number): { bytes: Buffer; mode: number } {
  const isGiven = isStream(file);
  // Without O_NONBLOCK, a pipe to which nobody writes would block the whole process.
  const descriptor = openSync(file, constants.O_RDONLY | (isGiven ? 0 : constants.O_NONBLOCK));
  try {
    const stat = fstatSync(descriptor);
    if (stat.isDirectory()) throw new Error('it is a directory');
    if (!stat.isFile() && !isGiven) throw new Error('it is not a regular file');
    return { bytes: readBytes(descriptor, bytesMost), mode: stat.mode & 0o777 };
  } finally {
    closeSync(descriptor);
  }
}

/** Does not rely on the size from `stat`: it is 0 for a stream, and for files that the kernel generates, as in /proc. */
function readBytes(descriptor: number, bytesMost: number): Buffer {
  const bytes = Buffer.allocUnsafe(bytesMost + 1);
  for (let length = 0; length < bytes.length; ) {
    const read = readSync(descriptor, bytes, length, bytes.length - length, null);
    if (read === 0) return bytes.subarray(0, length);
    length += read;
  }
  throw tooLong(bytesMost);
}

export function tooLong(bytesMost: number): Error {
  return new Error(`it has more than ${bytesMost} bytes`);
}

/** @throws {Error} if it is not UTF-8 */
export function decodeText(bytes: Buffer, keepsMark = false): string {
  if (bytes.includes(0)) throw new Error('it holds zero bytes, as UTF-16 does: save it as UTF-8');
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: keepsMark }).decode(bytes);
  } catch (error) {
    if (codeOf(error) !== 'ERR_ENCODING_INVALID_ENCODED_DATA') throw error;
    throw new Error('it is not UTF-8', { cause: error });
  }
}
