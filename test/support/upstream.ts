/* An upstream of its own process, that prints when each request came, and which: `node upstream.ts ADDRESS`. Ends with SIGTERM. */
import { Router } from 'zeromq';
import { split } from '../../src/proxy/envelope.ts';

const socket = new Router({ linger: 0, sendTimeout: 0 });
await socket.bind(process.argv[2] ?? 'tcp://127.0.0.1:*');
process.once('SIGTERM', () => process.exit(0));
console.log(`serving ${socket.lastEndpoint}`);
for (;;) {
  const frames = await socket.receive();
  const body = String(frames[split(frames, 1)]?.subarray(0, 256));
  console.log(`got ${performance.timeOrigin + performance.now()} ${JSON.stringify(body)}`);
  // Its client may have left.
  await socket.send(frames).catch(() => undefined);
}
