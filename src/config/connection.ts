import { z } from 'zod';
import { duration, name, rule, unquotedOff } from './kinds.ts';

/* How connections are made, and how the loss of one to an endpoint is detected. */

const heartbeatTimes = z
  .strictObject({
    interval: duration('How often a PING is sent.', 10).prefault('1s'),
    timeout: duration('The connection is dropped if the peer sends nothing for this time.', 10).prefault(
      '3s',
    ),
  })
  .refine(
    ({ interval, timeout }) => !(timeout < interval),
    rule('must be at least heartbeat.interval', 'timeout'),
  )
  .meta({ title: 'object', description: 'PINGs of ZMTP 3.1.' });

export const heartbeat = z
  .union([z.literal('auto'), z.literal('off'), unquotedOff, heartbeatTimes], {
    error: 'must be auto, off, or an object with interval and timeout',
  })
  .prefault('auto')
  .meta({
    title: 'auto, off or object',
    description:
      'Whether to send PINGs (ZMTP 3.1) to endpoints. `{ interval, timeout }` sends them to every peer. Use it only if every server answers, as servers built on libzmq do. Some cannot: servers built on the Rust crate `zeromq` and on `go-zeromq/zmq4` end at the first PING. JeroMQ 0.4 ignores it, so its connections are dropped while it works. `auto` sends PINGs only to peers that are known to answer. libzmq does not tell which these are, so for now `auto` sends none, as `off` does. TCP keepalive is always on and detects within about 4 s that a machine is gone. Without PINGs, only the `timeout` of attempts detects a process that is stopped on a live machine, or a machine that disappears just as something is sent to it.',
  });

export const connection = z
  .strictObject({
    connectTimeout: duration('How long to wait for a TCP connection before trying again.', 10).prefault(
      '500ms',
    ),
    handshakeTimeout: duration(
      'How long to wait for the ZMTP handshake once a peer has accepted the connection. A service mesh that detects protocols can hold back the first bytes for up to 10 s.',
      10,
    ).prefault('15s'),
  })
  .prefault({})
  .meta({ title: 'object', description: 'Time limits for connecting to an endpoint.' });

/** In quotes, so that no reader of YAML takes it for a decimal number or for an octal one. */
export const listenMode = name(
  /^0?[0-7]{3}$/,
  'an octal mode in quotes, such as "660"',
  'Mode of the socket of an `ipc` listener, in octal and in quotes: `"660"`. A process may connect if it may write to the socket and search every directory above it. Default: 777 less the umask, usually 755, so that only processes of the same user may connect.',
);
