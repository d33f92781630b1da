import type { Event } from 'zeromq';
import { formatDuration } from '../../duration.ts';
import type { ConnectionEnd, CurveClient } from '../transport.ts';
import type { PeerGreeting } from '../zmtp/greeting-probe.ts';

/*
 * Why a connection cannot be used, as text for users. All that libzmq reports is an event and, for a failed handshake, an error.
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

const HUNG_UP =
  'the peer closed the connection in the handshake: it is not ZeroMQ, it wants a key (CURVE), or it is a proxy with no server behind it';
const HUNG_UP_ON_CURVE = 'the peer closed the connection in the handshake: ';

/** Used instead of an event: the time is over, and libzmq has reported nothing. */
export const SILENCE = 'silence';

interface Handshake {
  curve: Pick<CurveClient, 'files'> | undefined;
  timeoutMs: number;
  tookMs: number;
}

/** Why a handshake failed. */
export function troubleOf(event: Event | typeof SILENCE, handshake: Handshake): ConnectionEnd {
  const why = wordsOf(event, handshake);
  return { kind: why === HUNG_UP || why.startsWith(HUNG_UP_ON_CURVE) ? 'hung up' : 'handshake', why };
}

/**
 * What a peer says of itself that hung up on CURVE makes the cause exact.
 *
 * @param greeting `undefined`: it has said nothing
 */
export function sharper(
  end: ConnectionEnd,
  greeting: PeerGreeting | undefined,
  { files }: Pick<CurveClient, 'files'>,
): ConnectionEnd {
  if (greeting === undefined) return end;
  if (greeting.kind === 'strange') return { kind: 'handshake', why: greeting.why };
  const { mechanism } = greeting;
  const why =
    mechanism === 'CURVE'
      ? `${named('serverKeyFile', files)} does not hold the key of this server`
      : `${NO_CURVE} (its mechanism is ${mechanism})`;
  return { kind: 'handshake', why };
}

const NO_CURVE = 'wrong security mechanism: this route has curve, and the server does not use CURVE';

/** A key of the configuration, with the file that it names. */
function named(key: 'serverKeyFile' | 'publicKeyFile', files: CurveClient['files']): string {
  return files === undefined ? `curve.${key}` : `curve.${key} (${files[key]})`;
}

function wordsOf(event: Event | typeof SILENCE, handshake: Handshake): string {
  const { curve, timeoutMs } = handshake;
  const hasCurve = curve !== undefined;
  if (event === SILENCE)
    return `connected, but no ZMTP 3 handshake in time (${formatDuration(timeoutMs)}): the peer speaks ZMTP 2.0 or older, or it is not ZeroMQ`;
  switch (event.type) {
    case 'handshake:error:auth':
      return `the server refused our key: it has to allow the public key in ${named('publicKeyFile', curve?.files)}`;
    case 'handshake:error:protocol':
      return brokenProtocol(event.error.code, curve);
    case 'handshake:error:other':
      return brokenOff(event.error.code, handshake);
    default:
      return hasCurve
        ? 'the peer does not fit: it speaks ZMTP 2.0 or older, which has no CURVE, or its socket takes no requests (REP and ROUTER do)'
        : 'the peer does not fit: its socket takes no requests (REP and ROUTER do)';
  }
}

/** Only the codes of a peer that hangs up are reliable. On a timeout libzmq sets no code, so any other may be left over from an earlier failure. */
function brokenOff(code: string, { curve, timeoutMs, tookMs }: Handshake): string {
  if (tookMs < timeoutMs && (code === 'EPIPE' || code === 'ECONNRESET'))
    return curve === undefined
      ? HUNG_UP
      : `${HUNG_UP_ON_CURVE}${named('serverKeyFile', curve.files)} is not its key, it does not use CURVE, or it is not ZeroMQ`;
  return `connected, but the handshake was not completed in time (${formatDuration(timeoutMs)}): the server is stopped or hangs, or it is not ZeroMQ`;
}

function brokenProtocol(code: string, curve: Handshake['curve']): string {
  if (code === 'ERR_ZMTP_MECHANISM_MISMATCH')
    return curve !== undefined
      ? NO_CURVE
      : 'wrong security mechanism: the server wants a key, and this route has no curve';
  if (code === 'ERR_ZMTP_CRYPTOGRAPHIC' || code === 'ERR_ZMTP_KEY_EXCHANGE')
    return `${named('serverKeyFile', curve?.files)} does not hold the key of this server`;
  return `the peer broke the protocol in the handshake: it is not ZeroMQ, or a proxy meddles (${code})`;
}
