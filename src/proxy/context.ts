import { Context } from 'zeromq';

/**
 * The one libzmq context of the process. A lane takes three of its sockets (one, and two for its monitor), so the default
 * of 1,023 would end at 341 lanes; this is the most that libzmq takes.
 */
export const context = new Context({ maxSockets: 65_535 });
