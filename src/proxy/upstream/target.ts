import type { Target } from '../../transport/transport.ts';
import type { RouteSettings } from '../settings.ts';

const HEARTBEAT = { intervalMs: 1_000, timeoutMs: 3_000 };

/** How to connect to an endpoint. */
export function targetOf(address: string, settings: RouteSettings): Target {
  const { connectTimeoutMs, handshakeTimeoutMs, curve } = settings.upstream.connection;
  const { messageBytes } = settings.endpoints;
  return { address, messageBytes, connectTimeoutMs, handshakeTimeoutMs, heartbeat: timesOf(settings), curve };
}

/** libzmq sends PINGs to peers of ZMTP 3.0 too, of which some end at the first: with it, `auto` sends none. */
function timesOf({ transport, upstream }: RouteSettings): Target['heartbeat'] {
  const { heartbeat } = upstream.connection;
  if (typeof heartbeat === 'object') return heartbeat;
  return heartbeat === 'auto' && transport === 'zmtp' ? HEARTBEAT : undefined;
}
