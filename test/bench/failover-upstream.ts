/* An upstream that works 5 ms on each request, many at a time, and prints the body of each as it comes, so that after its
 * death it is known what it had: `node failover-upstream.ts ADDRESS`. */
import { Router } from 'zeromq';

const WORK_MS = 5;
const socket = new Router({ linger: 0, sendTimeout: 0 });
await socket.bind(process.argv[2] ?? 'tcp://127.0.0.1:*');
console.log(`serving ${socket.lastEndpoint}`);
let sending = Promise.resolve();
for (;;) {
  const frames = await socket.receive();
  console.log(`got ${frames.at(-1)}`);
  // Whoever asked may be gone.
  const reply = () => socket.send(frames).catch(() => undefined);
  setTimeout(() => {
    sending = sending.then(reply);
  }, WORK_MS);
}
