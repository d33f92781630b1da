import assert from 'node:assert/strict';
import { ManInTheMiddle } from '../support/man-in-the-middle.ts';
import { ScriptedUpstream } from '../support/scripted-upstream.ts';
import { UpstreamProcess } from '../support/upstream-process.ts';
import { Books, bodiesOf } from './books.ts';
import { fault, isFull, REPLY, REPLY_BYTES, routeOf, startTrial } from './fault.ts';

/** Of two upstreams. Each is reset so rarely that its connection is back most times. */
const RELAYS = 16;
const APPS = 8;
/** How many requests are answered between two resets. */
const EACH = 5;

fault('a reply is cut after each of its bytes', async (t) => {
  const upstream = await UpstreamProcess.start(t);
  const relay = await ManInTheMiddle.start(upstream.address);
  t.after(() => relay.close());
  const trial = await startTrial(
    t,
    routeOf([relay.address], { heartbeat: { interval: '1h', timeout: '1h' }, budget: { ratio: 1 } }),
  );
  const books = await Books.open(t, trial);
  const every = Array.from({ length: REPLY_BYTES }, (_, bytes) => bytes);
  // The short version cuts around each of the headers, and in the body.
  const counts = isFull ? every : [...every.slice(0, 6), 20, REPLY_BYTES - 1];
  for (const bytes of counts) {
    relay.cutAfter(bytes);
    assert.equal((await books.ask(REPLY)).text, REPLY);
  }
  const lost = await trial.total('lazypirate_attempts_total', /result="lost"/);
  assert.equal(lost, counts.length);
  // The drop is detected, not a timeout.
  assert.equal(await trial.total('lazypirate_attempts_total', /result="timeout"/), 0);
  return `after ${isFull ? `0 to ${REPLY_BYTES - 1}` : counts.join(', ')} bytes; ${lost} attempts lost; ${await books.balance({ executed: async () => bodiesOf(upstream) })}`;
});

for (const correlate of [false, true]) {
  fault(`a connection is reset for each 5 requests, correlate: ${correlate}`, async (t) => {
    const upstreams = [await UpstreamProcess.start(t), await UpstreamProcess.start(t)];
    const relays = await Promise.all(
      Array.from({ length: RELAYS }, (_, i) => ManInTheMiddle.start(upstreams[i % 2]?.address ?? '')),
    );
    t.after(() => Promise.all(relays.map((relay) => relay.close())));
    const endpoints = relays.map(({ address }) => address);
    const trial = await startTrial(t, routeOf(endpoints, { correlate }));
    const books = await Books.open(t, trial);
    const requests = isFull ? 30_000 : 500;
    let [turns, resets] = [0, 0];
    await books.askOn(APPS, () => {
      for (; turns * EACH < books.asked; turns++) resets += relays[turns % RELAYS]?.reset() ?? 0;
      return books.asked < requests;
    });
    const recoveredMs = await books.recovered();
    // A request fails only if it lost three connections in a row: about two of a thousand do, and chance has more room among few.
    const mayFail = books.asked * (isFull ? 0.01 : 0.015);
    assert.ok(books.failed <= mayFail, `${books.failed} of ${books.asked} failed: ${books.codes}`);
    // One that has just been reset may not be back yet when its turn comes: about one in six is not.
    assert.ok(resets >= 0.6 * turns, `${resets} connections were reset in ${turns} tries`);
    const lost = await trial.total('lazypirate_attempts_total', /result="(lost|unsent)"/);
    return `${turns} tries, ${resets} connections reset, ${lost} attempts lost; served again within ${recoveredMs.toFixed(0)} ms; ${await books.balance({ executed: async () => bodiesOf(...upstreams) })}`;
  });
}

fault('the route to an upstream disappears while its connection is open', async (t) => {
  const upstream = await UpstreamProcess.start(t);
  const relay = await ManInTheMiddle.start(upstream.address);
  t.after(() => relay.close());
  const route = routeOf([relay.address], {
    timeout: '300ms',
    deadline: '3s',
    heartbeat: { interval: '500ms', timeout: '2s' },
  });
  const trial = await startTrial(t, route);
  const books = await Books.open(t, trial);
  relay.halt();
  const { failure, ms } = await books.ask('into the dark');
  assert.equal(failure?.executed, 'maybe');
  relay.resume();
  const recoveredMs = await books.recovered();
  return `${failure.code} after ${ms.toFixed(0)} ms; served ${recoveredMs.toFixed(0)} ms after the route was back; ${await books.balance({ executed: async () => bodiesOf(upstream) })}`;
});

for (const correlate of [false, true]) {
  fault(`replies come 1 to 50 ms after their timeout, correlate: ${correlate}`, async (t) => {
    const TIMEOUT_MS = 60;
    const upstream = await ScriptedUpstream.start(() => ({
      do: 'delay',
      ms: TIMEOUT_MS + 1 + Math.random() * 49,
    }));
    t.after(() => upstream.close());
    const limits = { inFlight: 256, adaptive: false, inFlightPerEndpoint: 256 };
    const trial = await startTrial(
      t,
      routeOf([upstream.address], { correlate, limits, timeout: `${TIMEOUT_MS}ms`, attempts: 20 }),
    );
    const books = await Books.open(t, trial);
    const requests = isFull ? 10_000 : 300;
    await books.askOn(50, () => books.asked < requests);
    assert.ok(books.failed <= requests * 0.001);
    const salvaged = await trial.total('lazypirate_late_replies_total', /salvaged/);
    assert.ok(salvaged > 0);
    return `${salvaged} replies salvaged; ${await books.balance({ executed: upstream.seen })}`;
  });
}
