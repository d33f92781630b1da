import type { ConnectionEnd } from '../../src/transport/connection-end.ts';
import { type Body, copyOf } from '../../src/transport/message.ts';
import type { Connection, PeerInfo, Target } from '../../src/transport/transport.ts';
import { zmtp } from '../../src/transport/zmtp/zmtp-transport.ts';

/** What a connection reports. */
export type Report =
  | { kind: 'accepted' }
  | { kind: 'ready'; peer: PeerInfo }
  | { kind: 'message'; envelope: Buffer; body: Body }
  | { kind: 'malformed' }
  | { kind: 'tooLarge'; bytes: number }
  | { kind: 'closed'; end: ConnectionEnd };

/** A connection of the ZMTP engine until the test ends, and everything that it has reported. */
export function connecting(
  scope: { after(end: () => unknown): void },
  address: string,
  settings: Partial<Target> = {},
  report: (one: Report) => void = () => undefined,
): { connection: Connection; told: Report[] } {
  const told: Report[] = [];
  const tell = (one: Report) => {
    told.push(one);
    report(one);
  };
  const target: Target = {
    address,
    messageBytes: 2 ** 21,
    connectTimeoutMs: 60_000,
    handshakeTimeoutMs: 60_000,
    heartbeat: undefined,
    curve: undefined,
    ...settings,
  };
  const connection = zmtp.connect(target, {
    accepted: () => tell({ kind: 'accepted' }),
    ready: (peer) => tell({ kind: 'ready', peer }),
    message: (envelope, body) =>
      tell({ kind: 'message', envelope: Buffer.from(envelope), body: copyOf(body) }),
    malformed: () => tell({ kind: 'malformed' }),
    tooLarge: (_, bytes) => tell({ kind: 'tooLarge', bytes }),
    closed: (end) => tell({ kind: 'closed', end }),
  });
  scope.after(() => connection.close());
  return { connection, told };
}
