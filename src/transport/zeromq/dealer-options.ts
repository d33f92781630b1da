import { Dealer } from 'zeromq';
import type { Target } from '../transport.ts';
import { context, frameBytesMost } from './context.ts';

/** A connection is one try (`Connection`). -1, which libzmq has for that, would also turn off the report. */
const NEVER_MS = 2 ** 31 - 1;

/** The largest possible `inFlightPerEndpoint`. */
const IN_FLIGHT_MOST = 10_000;

/** A socket for one connection to an endpoint. */
export function openDealer(target: Target): Dealer {
  const { address, messageBytes, heartbeat, curve, connectTimeoutMs, handshakeTimeoutMs } = target;
  return new Dealer({
    context,
    linger: 0,
    // Not `immediate`: with it, libzmq throws away replies that it has received but we have not read yet when the
    // connection drops (session_base.cpp, reconnect). Nothing is queued without it: only a ready connection is written to.
    sendTimeout: 0,
    // Enough for everything that may be in flight if the other side stops reading.
    sendHighWaterMark: IN_FLIGHT_MOST,
    maxMessageSize: frameBytesMost(messageBytes),
    ipv6: address.startsWith('tcp://['),
    // libzmq still reports that it would reconnect, which is how we know that it could not connect.
    reconnectInterval: NEVER_MS,
    connectTimeout: connectTimeoutMs,
    handshakeInterval: handshakeTimeoutMs,
    ...VIGILANCE,
    ...(heartbeat && {
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
