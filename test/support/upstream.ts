/* An upstream in a separate process: `node upstream.ts ADDRESS`. It prints each request and its arrival time. Ends on SIGTERM. */
import { flushCompileCache } from 'node:module';
import { Router } from 'zeromq';
import { split } from '../../src/transport/zeromq/frames.ts';

const socket = new Router({ linger: 0, sendTimeout: 0 });
await socket.bind(process.argv[2] ?? 'tcp://127.0.0.1:*');
process.once('SIGTERM', () => process.exit(0));
console.log(`serving ${socket.lastEndpoint}`);
// The next one starts in a third of the time. At the end it is too late: most of these are killed.
flushCompileCache();
for (;;) {
  const frames = await socket.receive();
  const body = String(frames[split(frames, 1)]?.subarray(0, 256));
  console.log(`got ${performance.timeOrigin + performance.now()} ${JSON.stringify(body)}`);
  // Its client may have left.
  await socket.send(frames).catch(() => undefined);
}
