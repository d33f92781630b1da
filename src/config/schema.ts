import { z } from 'zod';
import { HOST_PORT_PATTERN, isLocal, isSame, LISTEN_PATTERN, parseHostPort, parseListen } from './address.ts';
import { refuseAdminClash, refuseClashes } from './clashes.ts';
import { connection, heartbeat } from './connection.ts';
import {
  DAY,
  despiteOthers,
  duration,
  durationOrOff,
  file,
  flag,
  MiB,
  oneOf,
  read,
  rule,
  share,
  size,
  whole,
} from './kinds.ts';
import { upstream } from './upstream.ts';

/*
 * The configuration as people write it. What is generated from here: schema.json, REFERENCE.md. A default stands here as one
 * would write it; those that depend on other keys are filled in by load.ts.
 */

const ejection = z
  .strictObject({
    failures: whole('Failed attempts in a row after which an endpoint is left out.', 1_000).prefault(5),
    base: duration(
      'How long it is left out the first time; twice that the next time, and so on.',
      1,
    ).prefault('1s'),
    max: duration('The longest that it is left out.', 1).prefault('60s'),
    maxFraction: share('Most that may be left out at once, of all endpoints; 0 turns it off.', 1).prefault(
      0.5,
    ),
  })
  .refine(({ base, max }) => !(base > max), rule('must be at least ejection.base', 'max'))
  .prefault({})
  .meta({
    title: 'object',
    description:
      'Leaves out endpoints that fail again and again. After that time one request tries it: a reply brings it back.',
  });

const limits = z
  .strictObject({
    inFlight: whole('Requests of the route that have been sent and are not settled.', 100_000).prefault(256),
    inFlightPerEndpoint: whole(
      'Attempts that one endpoint has not answered. Without `correlate` each has a connection of its own. Default 8, with `correlate` 64.',
      10_000,
    ).optional(),
    adaptive: flag(
      'Gives an endpoint whose attempts time out fewer at once, down to one, until its replies come easily again.',
    ).prefault(true),
    inFlightPerClient: whole(
      'Requests of one client that are forwarded at once. Above 1 its replies may change order: for a DEALER that correlates by itself.',
      10_000,
    ).prefault(1),
    queue: whole(
      'Requests that wait to be sent; one more is refused with `OVERLOADED`. The last quarter, of the bytes too, is kept for clients that have none waiting.',
      1_000_000,
    ).prefault(1024),
    queueBytes: size(
      'Bytes of the requests that wait: bodies, whatever stands above the delimiter, and 384 for each frame that a plain request lacks.',
      1,
      1024 * 1024 * MiB,
    ).prefault('64MiB'),
    messageBytes: size(
      'Bytes of the body frames of one request or reply. A larger request is refused with `TOO_LARGE`; at a frame of over twice as much libzmq drops the connection of the app, which gets no reply: set it large enough, and `RCVTIMEO` in the app.',
      1,
      1024 * MiB,
    ).prefault('16MiB'),
  })
  .refine(
    ({ queueBytes, messageBytes }) => !(queueBytes < messageBytes),
    rule('must be at least messageBytes, or the largest request could never wait', 'queueBytes'),
  )
  .prefault({})
  .meta({ title: 'object', description: 'Caps that bound memory and load.' });

const failureReply = z
  .discriminatedUnion(
    'format',
    [
      z.strictObject({ format: z.literal('json') }),
      z.strictObject({ format: z.literal('multipart') }),
      z.strictObject({ format: z.literal('silent') }),
      z
        .strictObject({
          format: z.literal('static'),
          text: z.string({ error: 'must be a text' }).optional(),
          base64: z.base64({ error: 'must be base64' }).optional(),
        })
        .refine(
          ({ text, base64 }) => (text === undefined) !== (base64 === undefined),
          rule('must have exactly one of text, base64 beside format: static'),
        ),
    ],
    { error: 'must have a format: json, multipart, static or silent' },
  )
  .prefault({ format: 'json' })
  .meta({
    title: 'object',
    description:
      'What the app gets where no reply is to be had. `format: json` is one frame of JSON; `multipart` is `LAZYPIRATE`, the status, that JSON; `static` is the bytes given as `text` or `base64`; `silent` is nothing.',
  });

const route = z
  .strictObject({
    name: z
      .string({ error: 'must be a name' })
      .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, {
        error: 'must be of lower-case letters, digits and inner hyphens, 63 characters at most',
      })
      .meta({ title: 'text', description: 'Name of the route in metrics, logs and failure replies.' }),
    listen: read(
      parseListen,
      LISTEN_PATTERN,
      'an address',
      'Where the app connects to: `tcp://127.0.0.1:5555` or `ipc:///run/lazypirate/orders.sock`.',
    ),
    allowNonLoopback: flag(
      'Lets `listen` be an address that other machines can reach, without authentication.',
    ).prefault(false),
    upstream,
    correlate: flag(
      'Sends an id above the delimiter, so that one connection carries many attempts. Needs servers that echo the whole envelope, as REP does.',
    ).prefault(false),
    timeout: duration('How long one attempt is waited for.').prefault('2500ms'),
    attempts: whole('Sends in total, the first one included.', 100).prefault(3),
    deadline: duration(
      'For the whole request, all waiting included. If your app has a timeout of its own, make it longer than this; otherwise the app leaves before it gets its answer. Default: attempts x timeout, and the longest backoffs between them.',
      1,
      DAY,
    ).optional(),
    wait: duration(
      'Most a request waits for a usable endpoint; 0 fails at once. Default: the deadline.',
      0,
      DAY,
    ).optional(),
    retryOn: z
      .array(oneOf(['unsent', 'lost', 'timeout'], 'A failure.'), {
        error: 'must be a list of unsent, lost, timeout',
      })
      .refine((all) => new Set(all).size === all.length, { error: 'names a failure twice' })
      .prefault(['unsent', 'lost', 'timeout'])
      .meta({
        title: 'list of unsent, lost, timeout',
        uniqueItems: true,
        description:
          'Failures after which a request is sent again. `unsent`: never handed to a live connection; `lost`: the connection dropped, or the reply broke the protocol. `[unsent]` is at-most-once delivery.',
      }),
    salvage: flag(
      'Whether a reply that comes after its timeout still answers its own request, unless its place has been given to another by then.',
    ).prefault(true),
    hedge: durationOrOff(
      'The next attempt starts after so long on another endpoint although the one before is still awaited; the first reply wins. It counts as a retry.',
    ).prefault('off'),
    backoff: z
      .strictObject({
        base: duration('The longest wait before the first retry; it doubles with each.', 0).prefault('25ms'),
        max: duration('The longest wait before any retry.', 0).prefault('1s'),
      })
      .refine(({ base, max }) => !(base > max), rule('must be at least backoff.base', 'max'))
      .prefault({})
      .meta({ title: 'object', description: 'Exponential backoff with full jitter between attempts.' }),
    budget: z
      .strictObject({
        ratio: share('Retries that each request earns.', 10).prefault(0.2),
        minPerSecond: share('Retries a second allowed however few requests come.', 100_000).prefault(10),
      })
      .prefault({})
      .meta({ title: 'object', description: 'Bounds the retries of all requests of the route together.' }),
    limits,
    ejection,
    connection,
    heartbeat,
    failureReply,
    curve: z
      .strictObject({
        serverKeyFile: file('Public key of the servers, in Z85.'),
        publicKeyFile: file('Our public key, in Z85.'),
        secretKeyFile: file('Our secret key, in Z85.'),
      })
      .optional()
      .meta({
        title: 'object',
        description:
          'CURVE towards the upstream (RFC 26); plain servers get nothing then. Names of files start at the working directory.',
      }),
    listenCurve: z
      .strictObject({
        secretKeyFile: file("The listener's secret key, in Z85."),
        allowedKeysFile: file('Public keys of the clients that may connect, one a line. Nobody else may.'),
      })
      .optional()
      .meta({
        title: 'object',
        description:
          'CURVE on the listener (RFC 26); plain clients get nothing then. Names of files start at the working directory.',
      }),
  })
  .refine(
    ({ listen, allowNonLoopback, listenCurve }) =>
      typeof listen !== 'string' || isLocal(listen) || allowNonLoopback === true || listenCurve !== undefined,
    rule(
      'can be reached from other machines; listen on 127.0.0.1 or ipc, have listenCurve, or say allowNonLoopback: true',
      'listen',
    ),
  )
  .refine(
    ({ listen, upstream }) => {
      const all: unknown = upstream?.endpoints;
      if (typeof listen !== 'string' || !Array.isArray(all)) return true;
      return !all.some((one) => typeof one === 'string' && isSame(one, listen));
    },
    rule("must not be the route's own listener", 'upstream', 'endpoints'),
  )
  .refine(
    ({ hedge, retryOn }) => hedge === 'off' || !Array.isArray(retryOn) || retryOn.includes('timeout'),
    rule('sends again what may still be executed, so retryOn must have timeout', 'hedge'),
  )
  .refine(
    ({ hedge, timeout, attempts }) => hedge === 'off' || (!(hedge >= timeout) && attempts !== 1),
    rule('must be less than timeout, and attempts more than 1, or it never happens', 'hedge'),
  )
  .meta({ title: 'object', description: 'One listener, one upstream, one policy.' });

const admin = z
  .strictObject({
    listen: read(
      parseHostPort,
      HOST_PORT_PATTERN,
      'an address',
      'Address of the admin port, `HOST:PORT`.',
    ).prefault('0.0.0.0:9555'),
    readiness: oneOf(
      ['listening', 'upstream'],
      'When `/readyz` says yes: once it listens, or only while every route has a usable endpoint.',
    ).prefault('listening'),
  })
  .prefault({})
  .meta({ title: 'object', description: 'Health, metrics and status over HTTP, read-only.' });

const log = z
  .strictObject({
    level: oneOf(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'Lines below this level are not written.',
    ).prefault('info'),
    sample: share(
      'Share of successful requests that get a line. Failures always do, rate-limited.',
      1,
    ).prefault(0),
  })
  .prefault({})
  .meta({ title: 'object', description: 'JSON lines on standard output.' });

const drain = z
  .strictObject({
    timeout: duration('Most that leaving may take after SIGTERM.', 0).prefault('25s'),
    quiet: duration(
      'It leaves when every request has its outcome, and for so long none has come or got one.',
      0,
    ).prefault('500ms'),
  })
  .refine(({ timeout, quiet }) => !(quiet > timeout), rule('must be at most drain.timeout', 'quiet'))
  .prefault({})
  .meta({ title: 'object', description: 'How it leaves.' });

const routes = z
  .array(route, { error: 'must be a list of routes' })
  .min(1, { error: 'must have at least one route' })
  .superRefine(refuseClashes, despiteOthers)
  .meta({ title: 'list of objects', description: 'What is forwarded where.' });

export const schema = z
  .strictObject({ admin, log, drain, routes })
  .superRefine(refuseAdminClash, despiteOthers)
  .meta({ title: 'lazypirate', description: 'Configuration of lazypirate.' });

export type Parsed = z.output<typeof schema>;

/** JSON Schema (2020-12) of what people write. */
export function jsonSchema(): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(schema, { io: 'input' });
}
