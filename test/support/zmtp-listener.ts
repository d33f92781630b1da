import type { Body } from '../../src/transport/message.ts';
import type { Client, Listener, ListenOptions, Refusal } from '../../src/transport/transport.ts';
import { zmtp } from '../../src/transport/zmtp/zmtp-transport.ts';

const MiB = 2 ** 20;

/** What a listener and its clients report, the client first. */
export interface Reports {
  joined(client: Client): void;
  request(client: Client, envelope: Buffer, body: Body): void;
  malformed(client: Client): void;
  tooLarge(client: Client, envelope: Buffer, bytes: number): void;
  left(client: Client): void;
  refused(refusal: Refusal): void;
}

export const echo = {
  request: (client: Client, envelope: Buffer, body: Body) => void client.reply(envelope, body),
};

export const POLICY: ListenOptions = {
  mode: undefined,
  connections: 100,
  messageBytes: 2 * MiB,
  unreadBytes: 64 * MiB,
  allowedKeys: [],
};

/** A listener of the ZMTP engine, until the test ends. */
export async function listening(
  scope: { after(end: () => unknown): void },
  reports: Partial<Reports>,
  address = 'tcp://127.0.0.1:0',
  options: Partial<ListenOptions> = {},
): Promise<Listener> {
  const listener = await zmtp.listen(
    { address, secretKey: undefined },
    { ...POLICY, ...options },
    {
      joined: (client) => {
        reports.joined?.(client);
        return {
          isIdle: true,
          request: (envelope, body) => reports.request?.(client, envelope, body),
          malformed: () => reports.malformed?.(client),
          tooLarge: (envelope, bytes) => reports.tooLarge?.(client, envelope, bytes),
          overflow: () => undefined,
          overflowAtOnce: () => false,
          left: () => reports.left?.(client),
        };
      },
      refused: (refusal) => reports.refused?.(refusal),
    },
  );
  scope.after(() => listener.close(0));
  return listener;
}
