import { readFileSync } from 'node:fs';

const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

/** Of this package, as its package.json says. */
export const version = String((manifest as { version: unknown }).version);

/** Of the libzmq in the zeromq package. It is loaded only if it is needed, so it cannot be asked. */
export const libzmqVersion = '4.3.5';
