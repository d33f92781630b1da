import { connect, type Socket } from 'node:net';
import type { ConnectionEnd } from '../connection-end.ts';
import { GREETING_3, mechanismOf, OPENING, parseGreeting } from './greeting.ts';
import { netAddressOf } from './net-address.ts';

/** How a peer begins: with a security mechanism of ZMTP 3, or as no peer of ZMTP 3 does. */
export type PeerGreeting = { kind: 'mechanism'; mechanism: string } | { kind: 'strange'; end: ConnectionEnd };

/**
 * Connects, begins to greet, and hangs up: only to see how the peer greets. libzmq does not tell. A peer of ZMTP 3 sends the rest of its
 * greeting as soon as it knows our version.
 *
 * @param told called once, with `undefined` if the peer says nothing; not after the returned function was called, which ends it
 */
export function probeGreeting(
  { address, withinMs }: { address: string; withinMs: number },
  told: (greeting: PeerGreeting | undefined) => void,
): () => void {
  const socket: Socket = connect(netAddressOf(address));
  let bytes = Buffer.alloc(0);
  const end = () => {
    clearTimeout(timer);
    socket
      .removeAllListeners()
      .on('error', () => undefined)
      .destroy();
  };
  const tell = () => {
    end();
    told(greetingIn(bytes));
  };
  const timer = setTimeout(tell, withinMs);
  socket.on('connect', () => socket.write(OPENING));
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]);
    if (bytes.length >= GREETING_3 || parseGreeting(bytes).kind === 'refused') tell();
  });
  socket.on('error', tell).on('close', tell);
  return end;
}

function greetingIn(bytes: Buffer): PeerGreeting | undefined {
  const greeting = parseGreeting(bytes);
  if (greeting.kind === 'incomplete') return undefined;
  if (bytes.length >= GREETING_3 && bytes[0] === 0xff && (bytes[10] ?? 0) >= 3)
    return { kind: 'mechanism', mechanism: mechanismOf(bytes) };
  return greeting.kind === 'refused' ? { kind: 'strange', end: greeting.end } : undefined;
}
