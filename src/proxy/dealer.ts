import { Dealer } from 'zeromq';
import { context } from './context.ts';
import type { ConnectionSettings } from './settings.ts';

export interface DealerSettings {
  address: string;
  capacity: number;
  messageBytes: number;
  connection: ConnectionSettings;
}

/** libzmq applies its bound to the commands of the handshake too, which take some hundred bytes. */
const LEAST_BOUND_BYTES = 1024 * 1024;

/** A socket for one connection to an endpoint. */
export function openDealer(settings: DealerSettings): Dealer {
  const { address, capacity, messageBytes, connection } = settings;
  const { heartbeat, curve } = connection;
  return new Dealer({
    context,
    linger: 0,
    // Not `immediate`: with it, libzmq throws away replies that it has received but we have not read yet when the
    // connection drops (session_base.cpp, reconnect). Nothing is queued without it: only a ready lane is written to.
    sendTimeout: 0,
    // Whatever may be under way has room, should the other side stand still.
    sendHighWaterMark: Math.max(capacity, 1_000),
    // The size is checked by the lane, where it can be told from a dropped connection; libzmq's bound only guards memory.
    maxMessageSize: Math.max(messageBytes * 2, LEAST_BOUND_BYTES),
    ipv6: address.startsWith('tcp://['),
    // A SYN that was lost is not worth waiting for, and after it libzmq pauses: with the default, the two together stay well
    // below a second, so that a good client is served within that after a route is back.
    connectTimeout: connection.connectTimeoutMs,
    handshakeInterval: connection.handshakeTimeoutMs,
    reconnectInterval: 50,
    reconnectMaxInterval: 300,
    ...VIGILANCE,
    ...(typeof heartbeat === 'object' && {
      heartbeatInterval: heartbeat.intervalMs,
      heartbeatTimeout: heartbeat.timeoutMs,
    }),
    ...(curve && {
      curveServerKey: curve.serverKey,
      curvePublicKey: curve.publicKey,
      curveSecretKey: curve.secretKey,
    }),
  });
}

/**
 * The kernel asks the other kernel whether it is there (tcp(7), in seconds): after four without an answer the connection drops.
 * No server can mind that, as some mind a PING. There is no limit on retransmission (TCP_USER_TIMEOUT) beside it: Linux applies
 * that to a closed window too, and would cut off a server that reads nothing for so long because it works.
 */
const VIGILANCE = {
  tcpKeepalive: 1,
  tcpKeepaliveIdle: 1,
  tcpKeepaliveInterval: 1,
  tcpKeepaliveCount: 3,
} as const;
