/* An upstream of its own process, that prints when each request came: `node upstream.ts ADDRESS`. Ends with SIGTERM. */
import { Router } from 'zeromq';

const socket = new Router({ linger: 0, sendTimeout: 0 });
await socket.bind(process.argv[2] ?? 'tcp://127.0.0.1:*');
process.once('SIGTERM', () => process.exit(0));
console.log(`serving ${socket.lastEndpoint}`);
for (;;) {
  const frames = await socket.receive();
  console.log(`got ${performance.timeOrigin + performance.now()}`);
  await socket.send(frames);
}
