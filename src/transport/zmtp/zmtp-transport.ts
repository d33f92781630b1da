import type { Transport } from '../transport.ts';
import { ZmtpListener } from './listener.ts';
import { ZmtpConnection } from './zmtp-connection.ts';

/** ZMTP 2.0 to 3.1 over TCP and ipc, without encryption. */
export const zmtp: Transport = {
  connect(target, owner) {
    if (target.curve !== undefined) throw new Error('this transport has no CURVE');
    return new ZmtpConnection(target, owner);
  },
  async listen(settings, options, owner) {
    if (settings.secretKey !== undefined) throw new Error('this transport has no CURVE');
    return ZmtpListener.open(settings.address, options, owner);
  },
};
