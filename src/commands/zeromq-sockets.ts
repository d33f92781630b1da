/* The sockets of libzmq that commands use. They import this file when they need one, because loading libzmq takes memory. */
export { Request, Router } from 'zeromq';
export { context } from '../transport/zeromq/context.ts';
