/* The bytes that a peer sends first, before any message (RFC 23). */

/** Signature, version 3.0, mechanism, no server. */
export function greeting(mechanism = 'NULL'): Buffer {
  return Buffer.concat([
    Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0]),
    Buffer.from(mechanism.padEnd(20, '\0')),
    Buffer.alloc(32),
  ]);
}

/** The command that follows, which tells the type of its socket, with mechanism NULL. */
export function ready(type: string): Buffer {
  const name = Buffer.from('\x05READY');
  const key = Buffer.from('\x0bSocket-Type');
  const body = Buffer.concat([name, key, Buffer.from([0, 0, 0, type.length]), Buffer.from(type)]);
  return Buffer.concat([Buffer.from([4, body.length]), body]);
}
