import { z } from 'zod';
import { flag, MiB, rule, size, whole } from './value-schemas.ts';

export const limits = z
  .strictObject({
    inFlight: whole('Most requests of the route that are sent and not yet settled.', 100_000).prefault(256),
    inFlightBytes: size(
      'Most bytes of the requests that are sent and not yet settled.',
      1,
      1024 * 1024 * MiB,
    ).prefault('256MiB'),
    inFlightPerEndpoint: whole(
      'Most attempts in flight at one endpoint. Without an id (see `correlate`) each has a connection of its own. Default: 8, or 64 with ids.',
      10_000,
    ).optional(),
    adaptive: flag(
      'Lowers the limit of an endpoint while its attempts time out, down to 1, and raises it again when replies are quick.',
    ).prefault(true),
    inFlightPerClient: whole(
      'Most requests of one client in flight. Above 1 its replies may arrive in another order, so use it only for a DEALER that matches replies to requests itself.',
      10_000,
    ).prefault(1),
    queue: whole(
      'Most requests that wait to be sent. Further ones are refused with `OVERLOADED`. The last quarter (of `queueBytes` too) is reserved for clients that have nothing waiting.',
      1_000_000,
    ).prefault(1024),
    queueBytes: size(
      'Most bytes of the requests that wait. They count as they are in memory, frames in front of the delimiter included. Also the most bytes of replies that one app may leave unread; then its connection is dropped (`transport: libzmq` keeps about 1,000 replies instead).',
      1,
      1024 * 1024 * MiB,
    ).prefault('64MiB'),
    messageBytes: size(
      'Most bytes in the body of one request or reply. A larger request, or one of more than 65,536 frames, is refused with `TOO_LARGE`. A larger reply becomes `REPLY_TOO_LARGE`, and the request is not sent again. With `transport: libzmq`, a frame of more than twice as many bytes, and more than 1 MiB, drops the connection: an app then gets no reply, and an attempt counts as lost.',
      1,
      1024 * MiB,
    ).prefault('16MiB'),
    connections: whole(
      'Most connections of apps. A further one is closed at once. `transport: libzmq` has no such limit.',
      100_000,
    ).prefault(4096),
  })
  .refine(
    ({ queueBytes, messageBytes }) => !(queueBytes < messageBytes),
    rule('must be at least messageBytes, or the largest request could never wait', 'queueBytes'),
  )
  .prefault({})
  .meta({ title: 'object', description: 'Limits on memory and load.' });
