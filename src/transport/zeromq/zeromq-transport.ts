import type { Transport } from '../transport.ts';
import { ZeromqConnection } from './zeromq-connection.ts';
import { ZeromqListener } from './zeromq-listener.ts';

/** Messages travel through libzmq. It alone has CURVE. */
export const libzmq: Transport = {
  connect: (target, owner) => new ZeromqConnection(target, owner),
  listen: (settings, options, owner) => ZeromqListener.open(settings, options, owner),
};
