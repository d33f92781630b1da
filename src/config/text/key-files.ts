import { createRequire } from 'node:module';
import { messageOf } from '../../errors.ts';
import type { CurveClient } from '../../transport/transport.ts';
import { bytesOf, isKey, z85 } from '../../transport/z85.ts';
import { readText } from './text-file.ts';

const READABLE_BY_ALL = 0o004;
/** The most wrong lines reported for one file. */
const WRONG_LINES_MOST = 20;

interface ClientFiles {
  serverKeyFile: string;
  publicKeyFile: string;
  secretKeyFile: string;
}

interface ServerFiles {
  secretKeyFile: string;
  allowedKeysFile: string;
}

/** Keys of a listener, in Z85. */
export interface ServerKeys {
  secretKey: string;
  /** Public keys of the clients that may connect. */
  allowedKeys: readonly string[];
}

/**
 * Reports a problem with a key file. The message never contains key material.
 *
 * @param name the configuration key that names the file
 */
export type NoteProblem = (name: string, words: string) => void;

interface FileContent {
  text: string;
  mode: number;
}

interface AllowedKeys {
  keys: string[];
  problems: string[];
}

/** Reads each key file once. It holds a CURVE key of 40 characters in Z85 (RFC 32), or a certificate written by CZMQ. */
export class KeyFiles {
  readonly warnings = new Set<string>();
  readonly #read = new Map<string, FileContent | { why: string }>();
  readonly #allowed = new Map<string, AllowedKeys>();

  client(files: ClientFiles, problem: NoteProblem): CurveClient {
    const serverKey = this.#keyOf(files, 'serverKeyFile', 'public', problem);
    const publicKey = this.#keyOf(files, 'publicKeyFile', 'public', problem);
    const secretKey = this.#keyOf(files, 'secretKeyFile', 'secret', problem);
    if (isKey(publicKey) && isKey(secretKey) && publicKeyOf(secretKey) !== publicKey)
      problem('publicKeyFile', `${files.publicKeyFile} is not the public key of ${files.secretKeyFile}`);
    const { serverKeyFile, publicKeyFile } = files;
    return { serverKey, publicKey, secretKey, files: { serverKeyFile, publicKeyFile } };
  }

  server(files: ServerFiles, problem: NoteProblem): ServerKeys {
    const secretKey = this.#keyOf(files, 'secretKeyFile', 'secret', problem);
    const { keys, problems } = this.#allowedOf(files.allowedKeysFile);
    for (const words of problems) problem('allowedKeysFile', words);
    return { secretKey, allowedKeys: keys };
  }

  #keyOf<N extends string>(
    files: Record<N, string>,
    name: N,
    kind: 'public' | 'secret',
    problem: NoteProblem,
  ): string {
    const file = files[name];
    const read = this.#contentOf(file);
    if ('why' in read) {
      problem(name, read.why);
      return '';
    }
    if (kind === 'secret' && (read.mode & READABLE_BY_ALL) !== 0)
      this.warnings.add(`${file}: the secret key is readable by everybody (mode ${read.mode.toString(8)})`);
    const certificate = new RegExp(`^[ \\t]*${kind}-key[ \\t]*=[ \\t]*"([^"\\n]*)"`, 'm').exec(read.text);
    const key = certificate?.[1] ?? read.text.trim();
    if (!isKey(key)) problem(name, `${file} does not hold a ${kind} key (40 characters in Z85)`);
    return key;
  }

  /** One public key per line. `#` starts a comment if it is at the start of the line or after a space, and a space follows. */
  #allowedOf(file: string): AllowedKeys {
    const known = this.#allowed.get(file);
    if (known !== undefined) return known;
    const found: AllowedKeys = { keys: [], problems: [] };
    this.#allowed.set(file, found);
    const read = this.#contentOf(file);
    if ('why' in read) {
      found.problems.push(read.why);
      return found;
    }
    for (const [index, line] of read.text.split('\n').entries()) {
      const key = line.replace(/(^|\s)#(\s.*|$)/, '').trim();
      if (isKey(key)) found.keys.push(key);
      else if (key !== '')
        found.problems.push(`${file}:${index + 1} is not a public key (40 characters in Z85)`);
      if (found.problems.length === WRONG_LINES_MOST) break;
    }
    return found;
  }

  #contentOf(file: string): FileContent | { why: string } {
    let read = this.#read.get(file);
    if (read === undefined) {
      try {
        read = readText(file);
      } catch (error) {
        read = { why: `${file} cannot be read: ${messageOf(error)}` };
      }
      this.#read.set(file, read);
    }
    return read;
  }
}

/** The header in front of the 32 bytes of an X25519 key in PKCS #8 (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** @param secretKey a valid key */
function publicKeyOf(secretKey: string): string {
  // Loaded only when needed: it takes a tenth of the start-up time.
  const crypto = createRequire(import.meta.url)('node:crypto') as typeof import('node:crypto');
  const key = Buffer.concat([PKCS8, bytesOf(secretKey)]);
  const secret = crypto.createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  return z85(crypto.createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(-32));
}
