/* An echo upstream that is sometimes slow, in a separate process: `node slow-upstream.ts SERVICE_MS SLOW_MS SHARE`. */
import { setTimeout } from 'node:timers/promises';
import { Router } from 'zeromq';

const [serviceMs = 0, slowMs = 0, share = 0] = process.argv.slice(2).map(Number);
const socket = new Router({ linger: 0, sendTimeout: 0 });
await socket.bind('tcp://127.0.0.1:*');
console.log(`serving ${socket.lastEndpoint}`);
for (;;) void answer(await socket.receive());

async function answer(frames: Buffer[]): Promise<void> {
  await setTimeout(Math.random() < share ? slowMs : serviceMs);
  await socket.send(frames).catch(() => undefined);
}
