import { Context } from 'zeromq';

/**
 * The one libzmq context of the process. A lane needs three of its sockets (one, and two for its monitor), so the default
 * of 1,023 would allow only 341 lanes. This is the most that libzmq allows.
 */
export const context = new Context({ maxSockets: 65_535 });

/** libzmq applies its size limit to handshake commands too, which take some hundred bytes. */
const LEAST_BOUND_BYTES = 1024 * 1024;

/** The size of a frame at which libzmq drops the connection, to protect memory. Up to there we check the size ourselves, and tell. */
export function frameBytesMost(messageBytes: number): number {
  return Math.max(2 * messageBytes, LEAST_BOUND_BYTES);
}
