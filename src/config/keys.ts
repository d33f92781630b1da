import { createRequire } from 'node:module';
import { messageOf } from '../errors.ts';
import type { CurveClient, CurveServer } from '../proxy/settings.ts';
import { bytesOf, isKey, z85 } from '../proxy/z85.ts';
import { readText } from './read.ts';

const READABLE_BY_ALL = 0o004;
/** Of one file. */
const WRONG_LINES_MOST = 20;

export interface ClientFiles {
  serverKeyFile: string;
  publicKeyFile: string;
  secretKeyFile: string;
}

export interface ServerFiles {
  secretKeyFile: string;
  allowedKeysFile: string;
}

/** @param name of the configuration's key that names the file; no key of a file is ever told */
export type NoteProblem = (name: string, words: string) => void;

interface Read {
  text: string;
  mode: number;
}

interface AllowedKeys {
  keys: string[];
  problems: string[];
}

/** Reads key files, each once: one CURVE key of 40 characters in Z85 (RFC 32), or a certificate as CZMQ writes it. */
export class KeyFiles {
  readonly warnings = new Set<string>();
  readonly #read = new Map<string, Read | { why: string }>();
  readonly #allowed = new Map<string, AllowedKeys>();

  client(files: ClientFiles, problem: NoteProblem): CurveClient {
    const serverKey = this.#keyOf(files, 'serverKeyFile', 'public', problem);
    const publicKey = this.#keyOf(files, 'publicKeyFile', 'public', problem);
    const secretKey = this.#keyOf(files, 'secretKeyFile', 'secret', problem);
    if (isKey(publicKey) && isKey(secretKey) && publicKeyOf(secretKey) !== publicKey)
      problem('publicKeyFile', `${files.publicKeyFile} is not the public key of ${files.secretKeyFile}`);
    return { serverKey, publicKey, secretKey };
  }

  server(files: ServerFiles, problem: NoteProblem): CurveServer {
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
      this.warnings.add(`${file}: a secret key that everybody can read (mode ${read.mode.toString(8)})`);
    const certificate = new RegExp(`^[ \\t]*${kind}-key[ \\t]*=[ \\t]*"([^"\\n]*)"`, 'm').exec(read.text);
    const key = certificate?.[1] ?? read.text.trim();
    if (!isKey(key)) problem(name, `${file} holds no ${kind} key: 40 characters in Z85`);
    return key;
  }

  /** One public key a line; what follows a `#` and a space, or begins a line with `#` and a space, is a comment. */
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
      else if (key !== '') found.problems.push(`${file}:${index + 1} is no public key: 40 characters in Z85`);
      if (found.problems.length === WRONG_LINES_MOST) break;
    }
    return found;
  }

  #contentOf(file: string): Read | { why: string } {
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

/** What stands before the 32 bytes of an X25519 key in PKCS #8 (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** @param secretKey that is a key */
function publicKeyOf(secretKey: string): string {
  // Only here, as it takes a tenth of the time until the sidecar listens.
  const crypto = createRequire(import.meta.url)('node:crypto') as typeof import('node:crypto');
  const key = Buffer.concat([PKCS8, bytesOf(secretKey)]);
  const secret = crypto.createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  return z85(crypto.createPublicKey(secret).export({ format: 'der', type: 'spki' }).subarray(-32));
}
