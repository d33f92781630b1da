import { messageOf } from '../errors.ts';
import type { CurveClient, CurveServer } from '../proxy/settings.ts';
import { isKey } from '../proxy/z85.ts';
import { readText } from './read.ts';

const READABLE_BY_ALL = 0o004;

export interface ClientFiles {
  serverKeyFile: string;
  publicKeyFile: string;
  secretKeyFile: string;
}

export interface ServerFiles {
  secretKeyFile: string;
  allowedKeysFile: string;
}

/**
 * Reads key files: one CURVE key of 40 characters in Z85 (RFC 32) each, or a certificate as CZMQ writes it. What is wrong with one is noted,
 * under the name of the configuration's key; no key ever is.
 */
export class KeyFiles {
  readonly problems: { name: string; words: string }[] = [];
  readonly warnings: string[] = [];

  client(files: ClientFiles): CurveClient {
    return {
      serverKey: this.#key(files, 'serverKeyFile', 'public'),
      publicKey: this.#key(files, 'publicKeyFile', 'public'),
      secretKey: this.#key(files, 'secretKeyFile', 'secret'),
    };
  }

  server(files: ServerFiles): CurveServer {
    return { secretKey: this.#key(files, 'secretKeyFile', 'secret'), allowedKeys: this.#allowed(files) };
  }

  #key<N extends string>(files: Record<N, string>, name: N, kind: 'public' | 'secret'): string {
    const { text, mode } = this.#read(files[name], name) ?? {};
    if (text === undefined || mode === undefined) return '';
    if (kind === 'secret') this.#checkMode(files[name], mode);
    const certificate = new RegExp(`^[ \\t]*${kind}-key[ \\t]*=[ \\t]*"([^"\\n]*)"`, 'm').exec(text);
    const key = certificate?.[1] ?? text.trim();
    if (!isKey(key)) this.#problem(name, `${files[name]} holds no ${kind} key: 40 characters in Z85`);
    return key;
  }

  /** One public key a line; what follows a `#` and a space, or begins a line with `#` and a space, is a comment. */
  #allowed({ allowedKeysFile: file }: ServerFiles): string[] {
    const lines = (this.#read(file, 'allowedKeysFile')?.text ?? '').split('\n');
    return lines.flatMap((line, index) => {
      const key = line.replace(/(^|\s)#(\s.*|$)/, '').trim();
      if (key === '') return [];
      if (isKey(key)) return [key];
      this.#problem('allowedKeysFile', `${file}:${index + 1} is no public key: 40 characters in Z85`);
      return [];
    });
  }

  #read(file: string, name: string): { text: string; mode: number } | undefined {
    try {
      return readText(file);
    } catch (error) {
      this.#problem(name, `${file} cannot be read: ${messageOf(error)}`);
      return undefined;
    }
  }

  #checkMode(file: string, mode: number): void {
    if ((mode & READABLE_BY_ALL) === 0) return;
    this.warnings.push(`${file}: a secret key that everybody can read (mode ${mode.toString(8)})`);
  }

  #problem(name: string, words: string): void {
    this.problems.push({ name, words });
  }
}
