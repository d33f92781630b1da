import { cannotBothListen, parseListen } from '../values/address.ts';
import { quantitiesWithBlanks } from './quantities.ts';

/*
 * What a configuration of an earlier version meant, where that has changed. The refusal of an old key, `check --migrate` and UPGRADE.md
 * come from here. `npm run docs` fails if a key leaves the schema, or gets another default, without an entry.
 *
 * Keys are paths such as `routes[].limits.queue`.
 */

/** The key has another name in the same place. Its value is the same. */
interface Renamed {
  kind: 'renamed';
  key: string;
  /** Without its path. */
  to: string;
}

/** The key is gone, or stands elsewhere: somebody has to decide. */
interface Removed {
  kind: 'removed';
  key: string;
  /** What to write in its place, if anything. */
  instead: string;
}

/** A file without the key means something else. */
interface NewDefault {
  kind: 'default';
  key: string;
  was: string;
  is: string;
  why: string;
  /** What to write for the old behaviour. */
  keep: string;
  /** Whether the new default cannot be in force in this file, so that `keep` has to be written. */
  isNeeded?(config: unknown): boolean;
}

/** A file with the key means something else. */
interface NewMeaning {
  kind: 'meaning';
  key: string;
  was: string;
  is: string;
}

/** Some values are not accepted any more. */
interface Refused {
  kind: 'refused';
  key: string;
  value: string;
  instead: string;
  /** The places of such values, and what they meant, where that is certain. */
  rewrite?(config: unknown): { path: readonly PropertyKey[]; now: string }[];
}

export type Change = Renamed | Removed | NewDefault | NewMeaning | Refused;

/** By the release that made them, the newest first. */
export const CHANGES: Readonly<Record<string, readonly Change[]>> = {
  '0.1.0': [
    {
      kind: 'default',
      key: 'admin.listen',
      was: '0.0.0.0:9555',
      is: '127.0.0.1:9555, and [::]:9555 in a pod',
      why: 'outside a pod nothing else has to reach it',
      keep: '0.0.0.0:9555',
    },
    {
      kind: 'default',
      key: 'admin.inspect',
      was: 'no such port: /status was at admin.listen',
      is: '127.0.0.1:9556',
      why: 'status shows more than a cluster should see',
      keep: 'off',
      isNeeded: (config) => listenersOf(config).some((one) => cannotBothListen(INSPECT, one)),
    },
    {
      kind: 'default',
      key: 'log.format',
      was: 'json',
      is: 'auto, which is pretty on a terminal',
      why: 'people read there',
      keep: 'json',
    },
    {
      kind: 'default',
      key: 'routes[].transport',
      was: 'libzmq',
      is: 'zmtp (libzmq if the route has CURVE)',
      why: 'it is faster, and bounds memory by bytes',
      keep: 'libzmq',
    },
    {
      kind: 'default',
      key: 'routes[].correlate',
      was: 'false',
      is: 'auto',
      why: 'a REP then gets many requests on one connection, and up to 64 at once instead of 8',
      keep: 'false',
    },
    {
      kind: 'default',
      key: 'routes[].heartbeat',
      was: '{ interval: 1s, timeout: 3s }, to every peer, as transport: libzmq still does it',
      is: 'auto, which sends PINGs only to peers that announced ZMTP 3.1, and none with transport: libzmq',
      why: 'some servers end at a PING',
      keep: '{ interval: 1s, timeout: 3s }',
    },
    {
      kind: 'default',
      key: 'routes[].connection.handshakeTimeout',
      was: '3s',
      is: '15s',
      why: 'a service mesh may hold back the first bytes for 10 s',
      keep: '3s',
    },
    {
      kind: 'default',
      key: 'routes[].limits.inFlightBytes',
      was: 'no limit',
      is: '256MiB',
      why: 'memory is bounded by bytes',
      keep: '1024GiB',
    },
    {
      kind: 'default',
      key: 'routes[].limits.connections',
      was: 'no limit',
      is: '4096',
      why: 'memory and descriptors are bounded',
      keep: '100000',
    },
    {
      kind: 'meaning',
      key: 'drain.timeout',
      was: 'new requests were taken until the end',
      is: 'near its end new requests are refused with DRAINING, so that those under way can finish',
    },
    {
      kind: 'meaning',
      key: 'routes[].heartbeat.interval',
      was: 'every peer got PINGs',
      is: 'peers that announced ZMTP 3.1 get PINGs; all do with transport: libzmq',
    },
    {
      kind: 'meaning',
      key: 'routes[].retryOn',
      was: 'unsent was an attempt that was never handed to a live connection',
      is: 'unsent is an attempt of which nothing left the sidecar, so a few more are retried with [unsent]',
    },
    {
      kind: 'meaning',
      key: 'routes[].limits.inFlightPerClient',
      was: 'what a client sent ahead waited in the queue, or was refused with OVERLOADED',
      is: 'a client that has sent so many is not read until one has its reply',
    },
    {
      kind: 'meaning',
      key: 'routes[].limits.queueBytes',
      was: 'bytes of the requests that wait',
      is: 'also the most bytes of replies that one app may leave unread; then its connection is dropped',
    },
    {
      kind: 'meaning',
      key: 'routes[].limits.messageBytes',
      was: 'a larger reply was LOST and requested again; a request of twice as many bytes dropped the connection',
      is: 'a larger reply is REPLY_TOO_LARGE and not requested again; any larger request is TOO_LARGE',
    },
    {
      kind: 'refused',
      key: 'durations and sizes',
      value: 'with blanks before or behind, such as " 1s", or a tab inside',
      instead: 'without them: 1s',
      rewrite: quantitiesWithBlanks,
    },
    {
      kind: 'refused',
      key: 'routes[].listen, routes[].upstream.endpoints',
      value: 'an ipc path with .. in it',
      instead: 'the path that it leads to, which links decide',
    },
  ],
};

/** The new word for a key that is gone. */
export function newWordFor(key: string, changes: readonly Change[]): string | undefined {
  for (const change of changes) {
    if (change.key !== key) continue;
    if (change.kind === 'renamed') return `is now ${change.to} (lazypirate check --migrate)`;
    if (change.kind === 'removed') return `is gone: ${change.instead}`;
  }
  return undefined;
}

export function allChanges(): Change[] {
  return Object.values(CHANGES).flat();
}

const INSPECT = 'tcp://127.0.0.1:9556';

/** The addresses of the admin port and of the routes, as far as they are addresses. */
function listenersOf(config: unknown): string[] {
  const { admin, routes } = (config ?? {}) as { admin?: { listen?: unknown } | null; routes?: unknown };
  const all = Array.isArray(routes) ? routes.map((route) => route?.listen) : [];
  return [`tcp://${admin?.listen}`, ...all].flatMap((one) => {
    try {
      return [parseListen(String(one))];
    } catch {
      return [];
    }
  });
}
