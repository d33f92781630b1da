import { type ConnectionEnd, ended } from '../connection-end.ts';

/*
 * The greeting that both sides send first (RFC 23, section 3.1; RFC 37 for 3.1; RFC 15 for 2.0). The first eleven bytes contain the
 * peer's version. A side that sends no more until it knows the version can talk to older peers too.
 */

/** Socket types by their number in ZMTP 2.0 (RFC 15). */
const TYPES_2_0 = ['PAIR', 'PUB', 'SUB', 'REQ', 'REP', 'DEALER', 'ROUTER', 'PULL', 'PUSH', 'XPUB', 'XSUB'];

const SIGNATURE = Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f]);
const MECHANISM_AT = 12;
const MECHANISM_BYTES = 20;
export const GREETING_3 = 64;
/** Signature, revision and socket type. */
const GREETING_2 = 12;

/** Signature and our highest version. Nothing more is sent until the peer's version is known. */
export const OPENING = Buffer.concat([SIGNATURE, Buffer.from([3])]);

/** The rest of a greeting of version 3.1, after the opening. */
export const GREETING_REST = Buffer.concat([
  Buffer.from([1]),
  Buffer.from('NULL'.padEnd(MECHANISM_BYTES, '\0')),
  Buffer.alloc(32),
]);

/** What follows the opening for a peer of version 2.0: our socket type, and an empty frame as our identity. */
export function rest2(socketType: string): Buffer {
  return Buffer.from([TYPES_2_0.indexOf(socketType), 0, 0]);
}

export type Greeting =
  /** The version is known; the rest has not arrived yet. */
  | { kind: 'incomplete'; version: 2 | 3 | undefined }
  /** @property length the number of bytes of the greeting */
  | { kind: 'greeted'; version: 3; minor: number; length: number }
  | { kind: 'greeted'; version: 2; socketType: string; length: number }
  | { kind: 'refused'; end: ConnectionEnd };

/** @param bytes everything that the peer has sent so far */
export function parseGreeting(bytes: Buffer): Greeting {
  const [first, second] = bytes;
  if (first === undefined) return { kind: 'incomplete', version: undefined };
  // Version 1.0 starts with the length of an identity and flags (RFC 13); for an anonymous peer, 1 and 0.
  if (first !== 0xff) {
    if (first === 1 && second === undefined) return { kind: 'incomplete', version: undefined };
    return { kind: 'refused', end: first === 1 && second === 0 ? OLD : strange(bytes) };
  }
  const tenth = bytes[9];
  if (tenth !== undefined && (tenth & 1) === 0) return { kind: 'refused', end: OLD };
  const revision = bytes[10];
  if (revision === undefined) return { kind: 'incomplete', version: undefined };
  if (revision === 0) return { kind: 'refused', end: OLD };
  return revision < 3 ? parse2(bytes) : parse3(bytes);
}

const OLD = ended('old_zmtp', 'the peer speaks ZMTP 1.0 (libzmq 2), which is too old');

function parse2(bytes: Buffer): Greeting {
  if (bytes.length < GREETING_2) return { kind: 'incomplete', version: 2 };
  const socketType = TYPES_2_0[bytes[11] ?? -1];
  if (socketType === undefined) return { kind: 'refused', end: strange(bytes) };
  return { kind: 'greeted', version: 2, socketType, length: GREETING_2 };
}

function parse3(bytes: Buffer): Greeting {
  if (bytes.length < GREETING_3) return { kind: 'incomplete', version: 3 };
  const mechanism = mechanismOf(bytes);
  if (mechanism !== 'NULL') {
    const ours =
      mechanism === 'CURVE' ? 'no curve is configured here' : 'only CURVE and NULL are possible here';
    const details = `the peer uses ${mechanism}, and ${ours}`;
    return { kind: 'refused', end: ended('wrong_mechanism', 'wrong security mechanism', details) };
  }
  return { kind: 'greeted', version: 3, minor: bytes[11] ?? 0, length: GREETING_3 };
}

/** The security mechanism that a peer of version 3 greets with, with the bytes of text only. */
export function mechanismOf(greeting: Buffer): string {
  return greeting
    .toString('latin1', MECHANISM_AT, MECHANISM_AT + MECHANISM_BYTES)
    .replace(/\0+$/, '')
    .replace(/[^ -~]/g, '.');
}

/** Says what a peer is that does not greet. */
function strange(bytes: Buffer): ConnectionEnd {
  const beginning = bytes.toString('latin1', 0, 24);
  if (/^(HTTP\/|[A-Z]{3,7} )/.test(beginning)) return ended('speaks_http', STRANGER, 'it speaks HTTP');
  // A record of TLS: an alert or a part of its handshake.
  if ((bytes[0] === 0x15 || bytes[0] === 0x16) && bytes[1] === 3)
    return ended('not_zeromq', STRANGER, 'it speaks TLS');
  const shown = JSON.stringify(beginning.replace(/[^ -~]/g, '.'));
  return ended('not_zeromq', STRANGER, `it begins with ${shown}`);
}

const STRANGER = 'the peer is not ZeroMQ';
