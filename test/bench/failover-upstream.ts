/* An upstream that works 5 ms on each request, many at a time: `node failover-upstream.ts ADDRESS`. It prints the body of each
 * request on arrival, so that after its death its requests are known. */
import { Router } from 'zeromq';

const WORK_MS = 5;
const socket = new Router({ linger: 0, sendTimeout: 0 });
await socket.bind(process.argv[2] ?? 'tcp://127.0.0.1:*');
console.log(`serving ${socket.lastEndpoint}`);
let sending = Promise.resolve();
for (;;) {
  const frames = await socket.receive();
  console.log(`got ${frames.at(-1)}`);
  // The client may be gone.
  const reply = () => socket.send(frames).catch(() => undefined);
  setTimeout(() => {
    sending = sending.then(reply);
  }, WORK_MS);
}
