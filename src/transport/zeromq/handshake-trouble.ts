import { createRequire } from 'node:module';
import type { Event } from 'zeromq';
import { formatDuration } from '../../duration.ts';
import { type ConnectionEnd, ended, JUST_ENDED, NOT_ZEROMQ } from '../connection-end.ts';
import type { CurveClient } from '../transport.ts';
import type { PeerGreeting } from '../zmtp/greeting-probe.ts';

/*
 * Why a connection cannot be used. All that libzmq reports is an event and, for a failed handshake, an error.
 * Seen with real peers:
 *
 *   wrong mechanism         handshake:error:protocol, ERR_ZMTP_MECHANISM_MISMATCH
 *   wrong key of the server handshake:error:other EPIPE: it hangs up, as one does that is not ZeroMQ; its greeting tells which, see `sharper`
 *   our key is not allowed  handshake:error:auth
 *   silence, half greetings handshake:error:other and any code, after the handshake interval
 *   ZMTP 1.0 and 2.0, junk  nothing at all: libzmq takes it for an old peer, which has no handshake to tell of
 *   a socket of other type  disconnect, without an error before it
 *   FIN, RST, no PONG       disconnect, and nothing tells them apart
 */

/** Used instead of an event: the time is over, and libzmq has reported nothing. */
export const SILENCE = 'silence';

type PublicKeys = Omit<CurveClient, 'secretKey'>;

interface Handshake {
  curve: PublicKeys | undefined;
  timeoutMs: number;
  tookMs: number;
}

/** Why a handshake failed. */
export function troubleOf(event: Event | typeof SILENCE, handshake: Handshake): ConnectionEnd {
  const { curve, timeoutMs } = handshake;
  if (event === SILENCE)
    return ended(
      'old_zmtp',
      `connected, but no ZMTP 3 handshake in time (${formatDuration(timeoutMs)})`,
      'the peer speaks ZMTP 2.0 or older',
      NOT_ZEROMQ,
    );
  switch (event.type) {
    case 'handshake:error:auth': {
      // The configuration has made sure that it belongs to the secret one, so it is a public one.
      const key = curve === undefined ? '' : `, which is ${curve.publicKey}`;
      const fix = `it has to allow the public key in ${named('publicKeyFile', curve?.files)}${key}`;
      return ended('key_refused', 'the server refused our key', fix);
    }
    case 'handshake:error:protocol':
      return brokenProtocol(event.error.code, curve);
    case 'handshake:error:other':
      return brokenOff(event.error.code, handshake);
    default:
      return misfit(curve !== undefined);
  }
}

/**
 * What a peer says of itself that hung up on CURVE makes the cause exact.
 *
 * @param greeting `undefined`: it has said nothing
 */
export function sharper(
  end: ConnectionEnd,
  greeting: PeerGreeting | undefined,
  curve: PublicKeys,
): ConnectionEnd {
  if (greeting === undefined) return end;
  if (greeting.kind === 'strange') return greeting.end;
  const { mechanism } = greeting;
  return mechanism === 'CURVE' ? wrongKey(curve) : noCurve(` (its mechanism is ${mechanism})`);
}

function wrongKey({ serverKey, files }: PublicKeys): ConnectionEnd {
  const what = `${named('serverKeyFile', files)} does not hold the key of this server`;
  return ended('wrong_server_key', what, `the fingerprint of the key in it is ${fingerprint(serverKey)}`);
}

/** To compare a key without showing it: somebody may have taken a secret one for the public one. */
function fingerprint(key: string): string {
  // Loaded only when needed: it is large.
  const { createHash } = createRequire(import.meta.url)('node:crypto') as typeof import('node:crypto');
  return createHash('sha256').update(key).digest('hex').slice(0, 12);
}

/** @param mechanism stands behind, if that is known */
function noCurve(mechanism = ''): ConnectionEnd {
  const details = `this route has curve, and the server does not use CURVE${mechanism}`;
  return ended('wrong_mechanism', MECHANISM, details);
}

const MECHANISM = 'wrong security mechanism';

/** A key of the configuration, with the file that it names. */
function named(key: 'serverKeyFile' | 'publicKeyFile', files: CurveClient['files']): string {
  return files === undefined ? `curve.${key}` : `curve.${key} (${files[key]})`;
}

function misfit(hasCurve: boolean): ConnectionEnd {
  return ended(
    'wrong_socket_type',
    'the peer does not fit',
    ...(hasCurve ? ['it speaks ZMTP 2.0 or older, which has no CURVE'] : []),
    'its socket takes no requests (REP and ROUTER do)',
  );
}

/** Only the codes of a peer that hangs up are reliable. On a timeout libzmq sets no code, so any other may be left over from an earlier failure. */
function brokenOff(code: string, { curve, timeoutMs, tookMs }: Handshake): ConnectionEnd {
  if (tookMs >= timeoutMs || (code !== 'EPIPE' && code !== 'ECONNRESET'))
    return ended(
      'slow_handshake',
      `connected, but the handshake was not completed in time (${formatDuration(timeoutMs)})`,
      'the server is stopped or hangs',
      NOT_ZEROMQ,
    );
  return ended(
    'hung_up',
    'the peer closed the connection in the handshake',
    ...(curve === undefined
      ? [NOT_ZEROMQ, 'it wants a key (CURVE)', 'it is a proxy with no server behind it']
      : [`${named('serverKeyFile', curve.files)} is not its key`, 'it does not use CURVE', NOT_ZEROMQ]),
    JUST_ENDED,
  );
}

function brokenProtocol(code: string, curve: Handshake['curve']): ConnectionEnd {
  if (code === 'ERR_ZMTP_MECHANISM_MISMATCH')
    return curve !== undefined
      ? noCurve()
      : ended('wrong_mechanism', MECHANISM, 'the server wants a key, and this route has no curve');
  if (curve !== undefined && (code === 'ERR_ZMTP_CRYPTOGRAPHIC' || code === 'ERR_ZMTP_KEY_EXCHANGE'))
    return wrongKey(curve);
  const proxy = `a proxy meddles (${code})`;
  return ended('broken_handshake', 'the peer broke the protocol in the handshake', NOT_ZEROMQ, proxy);
}
