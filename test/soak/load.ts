/*
 * Apps in a separate process, each of which sends one request after the other: `node load.ts ADDRESS APPS MOST_MS`. Prints the results so far
 * every second. On SIGTERM each app finishes its request; the last line printed is final.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { Dealer } from 'zeromq';
import { failureOf } from '../support/ask.ts';
import { isPayload, makePayload } from '../support/payload.ts';
import { monotonicMs } from '../support/stall-recorder.ts';
import { nothing, PATIENCE_MS, type Tally } from './tally.ts';

const KIB = 1024;
/** Most requests are small. */
const SIZES = [
  { share: 0.9, least: 64, most: KIB },
  { share: 0.09, least: KIB, most: 64 * KIB },
  { share: 0.01, least: 64 * KIB, most: KIB * KIB },
];
const FILLING = randomBytes(KIB * KIB);
const [address = '', apps = '1', mostMs = '0'] = process.argv.slice(2);
/** What is promised. */
const MOST_MS = Number(mostMs);
const tally: Tally = nothing();
let isOver = false;

/** At least as long as the tag that makes it unique. */
function makeBody(app: number, sequence: number): Buffer {
  const body = Buffer.from(FILLING.subarray(0, size()));
  body.write(makePayload(app, sequence).padEnd(64));
  return body;
}

/** A random size, uniform on a logarithmic scale within its class. */
function size(): number {
  let chance = Math.random();
  for (const { share, least, most } of SIZES) {
    if (chance < share) return Math.floor(least * (most / least) ** Math.random());
    chance -= share;
  }
  return 64;
}

/** Works like a REQ, but also sees replies that a REQ would hide: a second reply, or one to an earlier request. */
async function run(app: number): Promise<void> {
  const socket = new Dealer({ linger: 0, maxMessageSize: -1 });
  socket.connect(address);
  for (let sequence = 0; !isOver; sequence++) {
    const body = makeBody(app, sequence);
    const sentMs = monotonicMs();
    tally.asked++;
    await socket.send(['', body]);
    count(body, (await socket.receive()).slice(1), monotonicMs() - sentMs);
  }
  socket.receiveTimeout = 200;
  const isMore = await socket.receive().then(
    () => true,
    () => false,
  );
  if (isMore) tally.uncalled++;
  socket.close();
}

function count(asked: Buffer, got: Buffer[], tookMs: number): void {
  tally.bytes += asked.length;
  const [first] = got;
  const failure = failureOf(got);
  const { code: outcome, elapsedMs } = failure ?? { code: 'a reply', elapsedMs: undefined };
  const one = { tookMs, gotMs: monotonicMs(), outcome, elapsedMs, bytes: asked.length };
  if (tookMs > MOST_MS) tally.late.push(one);
  else if (tookMs > tally.slowest.tookMs) tally.slowest = one;
  if (failure !== undefined) {
    tally.failures[failure.code] = (tally.failures[failure.code] ?? 0) + 1;
    tally.failed++;
    tally.mostAttempts = Math.max(tally.mostAttempts, failure.attempts);
  } else if (got.length === 1 && first?.equals(asked)) tally.replied++;
  else if (isPayload(String(first?.subarray(0, 64)).trimEnd())) tally.crossed++;
  else tally.broken++;
}

const print = () => console.log(JSON.stringify(tally));
const reports = setInterval(print, 1_000);
process.once('SIGTERM', () => {
  isOver = true;
});
const all = Promise.all(Array.from({ length: Number(apps) }, (_, app) => run(app)));
while (!isOver) await setTimeout(20);
await Promise.race([all, setTimeout(PATIENCE_MS)]);
clearInterval(reports);
print();
process.exit(0);
