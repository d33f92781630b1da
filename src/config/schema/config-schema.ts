import { z } from 'zod';
import { isLocal, LISTEN_PATTERN, leadsBackTo, parseListen } from '../values/address.ts';
import { admin } from './admin-schema.ts';
import { refuseAdminConflict, refuseConflicts } from './conflicts.ts';
import { connection, correlate, heartbeat, listenMode } from './connection-schema.ts';
import { drain } from './drain-schema.ts';
import { limits } from './limits-schema.ts';
import { log } from './log-schema.ts';
import { metrics } from './metrics-schema.ts';
import { tracing } from './tracing-schema.ts';
import { upstream } from './upstream-schema.ts';
import {
  DAY,
  despiteOthers,
  duration,
  durationOrOff,
  file,
  flag,
  oneOf,
  parsedText,
  rule,
  share,
  whole,
} from './value-schemas.ts';

/*
 * The configuration as people write it. schema.json and REFERENCE.md are generated from it. Defaults are given here in the form
 * that people would write; complete-config.ts fills in those that depend on other keys.
 */

const ejection = z
  .strictObject({
    failures: whole('Failed attempts in a row after which an endpoint is ejected.', 1_000).prefault(5),
    base: duration(
      'How long the first ejection lasts. Each further one in a row lasts twice as long.',
      1,
    ).prefault('1s'),
    max: duration('The longest that an ejection lasts.', 1).prefault('60s'),
    maxFraction: share(
      'Largest share of the endpoints that may be ejected at once. 0 turns ejection off.',
      1,
    ).prefault(0.5),
  })
  .refine(({ base, max }) => !(base > max), rule('must be at least ejection.base', 'max'))
  .prefault({})
  .meta({
    title: 'object',
    description:
      'Sends nothing to endpoints that fail repeatedly. When an ejection ends, one request probes the endpoint; a reply brings it back.',
  });

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
      'What the app gets when there is no reply. `format: json` sends one frame of JSON. `multipart` sends three frames: `LAZYPIRATE`, the status, and that JSON. `static` sends the bytes given as `text` or `base64`. `silent` sends nothing.',
  });

const route = z
  .strictObject({
    name: z
      .string({ error: 'must be a name' })
      .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, {
        error: 'must be of lower-case letters, digits and inner hyphens, 63 characters at most',
      })
      .meta({ title: 'text', description: 'Name of the route in metrics, logs and failure replies.' }),
    listen: parsedText(
      parseListen,
      LISTEN_PATTERN,
      'an address',
      'Address that the app connects to: `tcp://127.0.0.1:5555` or `ipc:///run/lazypirate/orders.sock`.',
    ),
    listenMode: listenMode.optional(),
    allowNonLoopback: flag(
      'Allows a `listen` address that other machines can reach without authentication.',
    ).prefault(false),
    upstream,
    transport: oneOf(
      ['zmtp', 'libzmq'],
      'How messages travel. `zmtp` is the faster one: it speaks ZMTP 2.0, 3.0 and 3.1 without libzmq. `libzmq` is needed for CURVE; it closes the connection of an app that sends a request before it has received READY, which ZeroMQ libraries wait for. Default: `zmtp`, or `libzmq` if the route has `curve` or `listenCurve`.',
    ).optional(),
    correlate,
    timeout: duration('How long to wait for the reply to one attempt.').prefault('2500ms'),
    attempts: whole('How often a request is sent at most, including the first time.', 100).prefault(3),
    deadline: duration(
      'Time limit for the whole request, including all waiting. If your app has a timeout of its own, make it longer than this; otherwise the app leaves before it gets its answer. Default: attempts x timeout plus the longest backoffs, but at most 24h.',
      1,
      DAY,
    ).optional(),
    wait: duration(
      'How long a request may wait for a usable endpoint. With 0 it fails at once. Default: the deadline.',
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
          'Failures after which a request is sent again. `unsent`: it never left the sidecar. `lost`: the connection dropped, or the reply broke the protocol. `timeout`: no reply came in time. `[unsent]` makes delivery at most once.',
      }),
    salvage: flag(
      'A reply that comes after the timeout still answers its own request, unless another attempt has taken its place by then.',
    ).prefault(true),
    hedge: durationOrOff(
      'Starts the next attempt after this time, on another endpoint, while the previous one is still awaited. The first reply wins. A hedge counts as a retry.',
    ).prefault('off'),
    backoff: z
      .strictObject({
        base: duration(
          'The longest wait before the first retry. It doubles with each further retry.',
          0,
        ).prefault('25ms'),
        max: duration('The longest wait before any retry.', 0).prefault('1s'),
      })
      .refine(({ base, max }) => !(base > max), rule('must be at least backoff.base', 'max'))
      .prefault({})
      .meta({ title: 'object', description: 'Exponential backoff with full jitter between attempts.' }),
    budget: z
      .strictObject({
        ratio: share('Retries that each request earns.', 10).prefault(0.2),
        minPerSecond: share(
          'Retries per second that are always allowed, however few requests come.',
          100_000,
        ).prefault(10),
      })
      .prefault({})
      .meta({ title: 'object', description: 'Limits the retries of all requests of the route together.' }),
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
          'CURVE towards the upstream (RFC 26). Servers without CURVE then get no requests. File names are relative to the working directory.',
      }),
    listenCurve: z
      .strictObject({
        secretKeyFile: file("The listener's secret key, in Z85."),
        allowedKeysFile: file(
          'Public keys of the clients that may connect, one per line. Others are refused.',
        ),
      })
      .optional()
      .meta({
        title: 'object',
        description:
          'CURVE on the listener (RFC 26). Peers without the right key are refused. File names are relative to the working directory.',
      }),
  })
  .refine(
    ({ listen, listenMode: mode }) =>
      typeof listen !== 'string' || mode === undefined || /^ipc:\/\/\//.test(listen),
    rule('is for a listener with an ipc path: a port or an abstract name has no mode', 'listenMode'),
  )
  .refine(
    ({ listen, allowNonLoopback, listenCurve }) =>
      typeof listen !== 'string' || isLocal(listen) || allowNonLoopback === true || listenCurve !== undefined,
    rule(
      'can be reached from other machines; listen on 127.0.0.1 or ipc, set listenCurve, or set allowNonLoopback: true',
      'listen',
    ),
  )
  .refine(
    ({ listen, upstream }) => {
      const all: unknown = upstream?.endpoints;
      if (typeof listen !== 'string' || !Array.isArray(all)) return true;
      return !all.some((one) => typeof one === 'string' && leadsBackTo(one, listen));
    },
    rule("must not be the route's own listener", 'upstream', 'endpoints'),
  )
  .refine(
    ({ transport, curve, listenCurve }) =>
      transport !== 'zmtp' || (curve === undefined && listenCurve === undefined),
    rule('has no CURVE: with curve or listenCurve it must be libzmq', 'transport'),
  )
  .refine(
    ({ hedge, retryOn }) => hedge === 'off' || !Array.isArray(retryOn) || retryOn.includes('timeout'),
    rule('may send a request twice, so retryOn must include timeout', 'hedge'),
  )
  .refine(
    ({ hedge, timeout, attempts }) => hedge === 'off' || (!(hedge >= timeout) && attempts !== 1),
    rule('must be less than timeout, and attempts must be more than 1, or it never happens', 'hedge'),
  )
  .meta({ title: 'object', description: 'One listener, one upstream, one policy.' });

const routes = z
  .array(route, { error: 'must be a list of routes' })
  .min(1, { error: 'must have at least one route' })
  .superRefine(refuseConflicts, despiteOthers)
  .meta({ title: 'list of objects', description: 'Which listener is forwarded to which upstream.' });

export const schema = z
  .strictObject({ admin, log, metrics, drain, tracing, routes })
  .superRefine(refuseAdminConflict, despiteOthers)
  .meta({ title: 'lazypirate', description: 'Configuration of lazypirate.' });

export type Parsed = z.output<typeof schema>;

/** JSON Schema (2020-12) of what people write. */
export function jsonSchema(): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(schema, { io: 'input' });
}
