/* Commands of the NULL mechanism: READY, ERROR, PING, PONG (RFC 23, sections 3.3 and 3.4; RFC 37, section 3.5). */

import { COMMAND, frameHeader } from '../message.ts';

/** A parsed command. Unknown commands are ignored, as the RFC requires. */
export type Command =
  | { kind: 'ready'; socketType: string | undefined }
  | { kind: 'error'; reason: string }
  /** @property ttlMs how long to wait for anything from the peer before dropping the connection; 0: we decide */
  | { kind: 'ping'; context: Buffer; ttlMs: number }
  | { kind: 'pong' }
  | { kind: 'unknown'; name: string }
  | { kind: 'broken' };

/** The longest context of a PING that is sent back (RFC 37, section 3.5). */
const CONTEXT_MOST = 16;

/** Our READY command, with the type of our socket and no identity. */
export function readyCommand(socketType: string): Buffer {
  const properties = [property('Socket-Type', socketType), property('Identity', '')];
  return commandFrame('READY', Buffer.concat(properties));
}

export function errorCommand(reason: string): Buffer {
  const text = Buffer.from(reason.slice(0, 255), 'latin1');
  return commandFrame('ERROR', Buffer.concat([Buffer.from([text.length]), text]));
}

/** @param ttlMs how long the peer should wait for anything from us before it drops the connection; 0: the peer decides */
export function pingCommand(ttlMs: number): Buffer {
  const ttl = Buffer.alloc(2);
  ttl.writeUInt16BE(Math.min(0xffff, Math.floor(ttlMs / 100)));
  return commandFrame('PING', ttl);
}

export function pongCommand(context: Buffer): Buffer {
  return commandFrame('PONG', context);
}

/** @param command without the frame's header */
export function parseCommand(command: Buffer): Command {
  const nameLength = command[0];
  if (nameLength === undefined || command.length < 1 + nameLength) return { kind: 'broken' };
  const name = command.toString('latin1', 1, 1 + nameLength);
  const data = command.subarray(1 + nameLength);
  switch (name) {
    case 'READY':
      return parseReady(data);
    case 'ERROR':
      return { kind: 'error', reason: printable(data.subarray(1, 1 + (data[0] ?? 0))) };
    case 'PING':
      if (data.length < 2) return { kind: 'broken' };
      return {
        kind: 'ping',
        context: Buffer.from(data.subarray(2, 2 + CONTEXT_MOST)),
        ttlMs: data.readUInt16BE(0) * 100,
      };
    case 'PONG':
      return { kind: 'pong' };
    default:
      return { kind: 'unknown', name: printable(command.subarray(1, 1 + nameLength)) };
  }
}

/** Names are case-insensitive. If a name comes twice the last one counts, as in libzmq. */
function parseReady(data: Buffer): Command {
  let socketType: string | undefined;
  for (let at = 0; at < data.length; ) {
    const nameLength = data[at] ?? 0;
    const valueAt = at + 1 + nameLength + 4;
    if (nameLength === 0 || valueAt > data.length) return { kind: 'broken' };
    const name = data.toString('latin1', at + 1, at + 1 + nameLength).toLowerCase();
    const valueLength = data.readUInt32BE(valueAt - 4);
    at = valueAt + valueLength;
    if (at > data.length) return { kind: 'broken' };
    if (name === 'socket-type') socketType = printable(data.subarray(valueAt, at));
  }
  return { kind: 'ready', socketType };
}

function property(name: string, value: string): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(value.length);
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), length, Buffer.from(value)]);
}

function commandFrame(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from([name.length]), Buffer.from(name), data]);
  return Buffer.concat([frameHeader(body.length, COMMAND), body]);
}

/** Bytes from a peer, as readable text. */
function printable(bytes: Buffer): string {
  return bytes.toString('latin1', 0, 255).replace(/[^ -~]/g, '.');
}
