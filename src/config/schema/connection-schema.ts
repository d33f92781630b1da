import { z } from 'zod';
import { duration, name, rule, unquotedOff } from './value-schemas.ts';

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
      'Whether to send PINGs (ZMTP 3.1) to endpoints. `auto` sends one each second, and drops a connection on which nothing comes for 3 s after that; `{ interval, timeout }` sets these times. Only peers that announced ZMTP 3.1 get PINGs, as libzmq 4.2 and later does. With `transport: libzmq`, `auto` sends none, and `{ interval, timeout }` sends them to every peer, of which some cannot answer: servers built on the Rust crate `zeromq` and on `go-zeromq/zmq4` end at the first PING, and JeroMQ 0.4 ignores it, so its connections are dropped while it works. TCP keepalive is always on and detects within about 4 s that a machine is gone. Without PINGs, only the `timeout` of attempts detects a process that is stopped on a live machine, or a machine that disappears just as something is sent to it.',
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

export const correlate = z
  .union([z.literal('auto'), z.boolean()], { error: 'must be auto, true or false' })
  .prefault('auto')
  .meta({
    title: 'auto, true or false',
    description:
      'Whether to send an id in front of the delimiter, so that one connection can carry many attempts. A REP must echo it (RFC 28). `auto` sends it to servers that call themselves REP. The first request on each connection goes alone; if its reply does not bring the id back, the endpoint gets no further ids. A server that calls itself REP but gives no reply to a request with an id needs `false`. Every other server gets one attempt at a time on each connection, as from a REQ. With `true`, every server must echo the whole envelope. If a server may send two replies to one request, do not use `false`: the second reply could be taken for the answer to the next request. With `transport: libzmq`, `auto` sends no ids.',
  });

/** In quotes, so that no reader of YAML takes it for a decimal number or for an octal one. */
export const listenMode = name(
  /^0?[0-7]{3}$/,
  'an octal mode in quotes, such as "660"',
  'Mode of the socket of an `ipc` listener, in octal and in quotes: `"660"`. A process may connect if it may write to the socket and search every directory above it. Default: 777 less the umask, usually 755, so that only processes of the same user may connect.',
);
