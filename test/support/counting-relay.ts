import { connect, createServer } from 'node:net';
import type { TestContext } from 'node:test';

/** A relay in front of an upstream that counts the connections that it has ever got. */
export interface CountingRelay {
  address: string;
  connections: number;
}

export async function countingRelay(t: TestContext, upstream: string): Promise<CountingRelay> {
  const { hostname: host, port } = new URL(upstream);
  const relay = { address: '', connections: 0 };
  const relaying = createServer((near) => {
    relay.connections++;
    const far = connect({ port: Number(port), host });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const)
      one
        .pipe(other)
        .on('error', () => undefined)
        .on('close', () => one.destroy());
  });
  await new Promise<void>((resolve) => relaying.listen(0, '127.0.0.1', resolve));
  t.after(() => relaying.close());
  const at = relaying.address();
  relay.address = `tcp://127.0.0.1:${typeof at === 'object' ? at?.port : ''}`;
  return relay;
}
