import assert from 'node:assert/strict';
import { Session } from 'node:inspector/promises';
import { test } from 'node:test';
import { Reply } from 'zeromq';
import { App } from '../support/ask.ts';
import { startRoute } from '../support/route.ts';

/** As few as were needed when this was written. Each further one is paid for by every request. */
const CALLS_MOST = 96;
const CORE = '/src/proxy/';

/** How often each function of the core has been called since the last time: `lane.ts send`. */
async function callsOf(session: Session): Promise<Map<string, number>> {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  const calls = new Map<string, number>();
  for (const { url, functions } of result.filter((file) => file.url.includes(CORE)))
    for (const { functionName, ranges } of functions)
      if ((ranges[0]?.count ?? 0) > 0)
        calls.set(`${url.split(CORE)[1]} ${functionName}`, ranges[0]?.count ?? 0);
  return calls;
}

test(`a plain request takes at most ${CALLS_MOST} calls of functions of the core`, async (t) => {
  const server = new Reply();
  await server.bind('tcp://127.0.0.1:*');
  const serving = (async () => {
    for await (const frames of server) await server.send(frames);
  })();
  const { address } = await startRoute(t, [server.lastEndpoint ?? ''], {
    transport: 'zmtp',
    correlate: 'auto',
  });
  const app = new App(address);
  const session = new Session();
  t.after(async () => {
    session.disconnect();
    app.close();
    server.close();
    await serving;
  });
  // The first replies prove that the server echoes ids, and make its latency known.
  for (let i = 0; i < 10; i++) await app.ask('x');
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  await app.ask('x');
  await callsOf(session);

  await app.ask('x');
  const calls = await callsOf(session);
  const count = [...calls.values()].reduce((sum, one) => sum + one, 0);
  const files = new Set([...calls.keys()].map((call) => call.split(' ')[0]));
  t.diagnostic(`${count} calls in ${files.size} files`);
  assert.ok(count > 0, 'the functions of the core were found');
  assert.ok(count <= CALLS_MOST, [...calls].map(([name, times]) => `${times} ${name}`).join('\n'));
});
