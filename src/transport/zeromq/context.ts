import { Context } from 'zeromq';

/**
 * The one libzmq context of the process. A lane needs three of its sockets (one, and two for its monitor), so the default
 * of 1,023 would allow only 341 lanes. This is the most that libzmq allows.
 */
export const context = new Context({ maxSockets: 65_535 });
