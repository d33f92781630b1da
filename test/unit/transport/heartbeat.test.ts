import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Heartbeat } from '../../../src/transport/zmtp/heartbeat.ts';
import { pingCommand } from '../../../src/transport/zmtp/metadata.ts';

const EACH_SECOND = { intervalMs: 1_000, timeoutMs: 3_000 };
const UNANSWERED = 'the peer answered no heartbeat for 3s';

/** A heartbeat on virtual time, with a peer that the test plays. */
function beating(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const peer = { chunks: 0, isPaused: false, isBlocked: false };
  const pings: Buffer[] = [];
  const deaths: string[] = [];
  const heartbeat = new Heartbeat({
    chunks: () => peer.chunks,
    isPaused: () => peer.isPaused,
    isBlocked: () => peer.isBlocked,
    ping: (command) => pings.push(command),
    dead: ({ what }) => deaths.push(what),
  });
  const pass = async (ms: number) => {
    t.mock.timers.tick(ms);
    await setImmediate();
  };
  return { peer, pings, deaths, heartbeat, pass };
}

test('each interval a PING goes out, and a peer that answers each one stays', async (t) => {
  const { peer, pings, deaths, heartbeat, pass } = beating(t);
  heartbeat.start(EACH_SECOND);
  for (let second = 0; second < 10; second++) {
    await pass(999);
    assert.equal(pings.length, second);
    await pass(1);
    peer.chunks++;
  }
  assert.deepEqual(pings, Array(10).fill(pingCommand(4_000)));
  assert.deepEqual(deaths, []);
});

test('a peer is dead if nothing comes from it within the timeout after a PING', async (t) => {
  const { deaths, heartbeat, pass } = beating(t);
  heartbeat.start(EACH_SECOND);
  await pass(1_000);
  await pass(2_999);
  assert.deepEqual(deaths, []);
  await pass(1);
  assert.deepEqual(deaths, [UNANSWERED]);
});

test('while what is sent is blocked, no PING goes out, and no answer is expected', async (t) => {
  const { peer, pings, deaths, heartbeat, pass } = beating(t);
  heartbeat.start(EACH_SECOND);
  await pass(1_000);
  peer.isBlocked = true;
  await pass(10_000);
  assert.deepEqual([pings.length, deaths], [1, []]);
  peer.isBlocked = false;
  await pass(1_000);
  assert.equal(pings.length, 2);
});

test('a peer is dead if it breaks the promise of its own PING, unless nothing is read from it', async (t) => {
  const { peer, deaths, heartbeat, pass } = beating(t);
  peer.isPaused = true;
  heartbeat.expect(500);
  await pass(500);
  assert.deepEqual(deaths, []);
  peer.isPaused = false;
  heartbeat.expect(500);
  await pass(500);
  assert.deepEqual(deaths, ['the peer sent no further heartbeat']);
});

test('after the end no PING goes out and nothing is expected, whether PINGs were sent or not', async (t) => {
  const { pings, deaths, heartbeat, pass } = beating(t);
  heartbeat.expect(500);
  heartbeat.stop();
  heartbeat.start(EACH_SECOND);
  heartbeat.expect(5_000);
  await pass(1_000);
  heartbeat.stop();
  await pass(10_000);
  assert.deepEqual([pings.length, deaths], [1, []]);
});
