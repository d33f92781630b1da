import { Dealer } from 'zeromq';
import { context } from './context.ts';
import type { ConnectionSettings } from './settings.ts';

export interface DealerSettings {
  address: string;
  capacity: number;
  messageBytes: number;
  connection: ConnectionSettings;
}

/** libzmq applies its size limit to handshake commands too, which take some hundred bytes. */
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
    // Enough for everything that may be in flight if the other side stops reading.
    sendHighWaterMark: Math.max(capacity, 1_000),
    // The lane checks the size itself, to tell it from a dropped connection; libzmq's limit only protects memory.
    maxMessageSize: Math.max(messageBytes * 2, LEAST_BOUND_BYTES),
    ipv6: address.startsWith('tcp://['),
    // A lost SYN is not worth waiting for, and after it libzmq pauses. With the default, the two together stay well below a
    // second, so that a good client is served within a second after a network path is back.
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
 * TCP keepalive (tcp(7), in seconds): the kernel probes the other kernel, and drops the connection after four seconds without an
 * answer. No server minds that, while some mind a PING. There is no limit on retransmission (TCP_USER_TIMEOUT) in addition: Linux
 * applies it to a closed window too, and would cut off a server that reads nothing because it is working.
 */
const VIGILANCE = {
  tcpKeepalive: 1,
  tcpKeepaliveIdle: 1,
  tcpKeepaliveInterval: 1,
  tcpKeepaliveCount: 3,
} as const;
