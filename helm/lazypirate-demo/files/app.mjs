// What an app beside lazypirate looks like: a plain REQ socket without any timeout or retry of its own.
//   node app.mjs RATE [COUNT [ENDPOINT]]   so many requests a second; it ends after COUNT, with 1 if one has failed, or at SIGTERM
import { createRequire } from 'node:module';
import { setTimeout } from 'node:timers/promises';

// The image has zeromq in a file of its own. Your own app has the package: import { Request } from 'zeromq';
const { Request } = createRequire(process.argv[1])('../dist/zeromq.cjs');

const [rate, count = 'Infinity', endpoint = 'tcp://127.0.0.1:5555'] = process.argv.slice(2);
const totals = { requests: 0, replies: 0, failures: 0, slowestMs: 0 };
let isLeaving = false;
process.once('SIGTERM', () => {
  isLeaving = true;
});

const socket = new Request();
socket.connect(endpoint);

const print = (line) => console.log(JSON.stringify({ time: new Date().toISOString(), ...line }));
const printer = setInterval(() => print(totals), 1_000);
while (!isLeaving && totals.requests < Number(count)) {
  const startMs = performance.now();
  const request = `request ${++totals.requests}`;
  await socket.send(request);
  const reply = String(await socket.receive());
  const elapsedMs = Math.round(performance.now() - startMs);
  totals.slowestMs = Math.max(totals.slowestMs, elapsedMs);
  if (reply === request) {
    totals.replies++;
  } else {
    totals.failures++;
    print({ request, reply, elapsedMs });
  }
  await setTimeout(Math.max(0, 1_000 / Number(rate) - elapsedMs));
}
clearInterval(printer);
socket.close();
print({ ...totals, done: true });
process.exitCode = totals.failures > 0 ? 1 : 0;
