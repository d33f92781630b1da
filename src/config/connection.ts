import { z } from 'zod';
import { duration, rule } from './kinds.ts';

/* How a connection to an endpoint is made, and how its loss is noticed. */

const heartbeatTimes = z
  .strictObject({
    interval: duration('How often a PING is sent.', 10).prefault('1s'),
    timeout: duration('Without any bytes from the peer for so long, the connection is dropped.', 10).prefault(
      '3s',
    ),
  })
  .refine(
    ({ interval, timeout }) => !(timeout < interval),
    rule('must be at least heartbeat.interval', 'timeout'),
  )
  .meta({ title: 'object', description: 'PINGs of ZMTP 3.1.' });

export const heartbeat = z
  .union([z.literal('auto'), z.literal('off'), heartbeatTimes], {
    error: 'must be auto, off, or an object with interval and timeout',
  })
  .prefault('auto')
  .meta({
    title: 'auto, off or object',
    description:
      'Whether connections to endpoints carry PINGs (ZMTP 3.1). `{ interval, timeout }` sends them to every peer: use it only where every server answers, as those on libzmq do. Some cannot: servers on the Rust crate `zeromq` and on `go-zeromq/zmq4` end at the first PING; JeroMQ 0.4 ignores it, and its connections are dropped while it works. `auto` sends PINGs only to peers that are known to answer. libzmq does not tell which these are, so for now `auto` sends none, as `off` does. TCP keepalive, which is always on, notices within about 4 s that a machine is gone. Without PINGs, a process that is stopped while its machine lives is noticed only by the `timeout` of attempts, and so is a machine that vanishes just as something is sent to it.',
  });

export const connection = z
  .strictObject({
    connectTimeout: duration(
      'How long a TCP connection may take to come about; then it is tried again.',
      10,
    ).prefault('500ms'),
    handshakeTimeout: duration(
      'How long a peer that has accepted the connection may take to complete the ZMTP handshake. A service mesh that detects protocols holds the first bytes back for up to 10 s.',
      10,
    ).prefault('15s'),
  })
  .prefault({})
  .meta({ title: 'object', description: 'How long it may take to connect to an endpoint.' });
