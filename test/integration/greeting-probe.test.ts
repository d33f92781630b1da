import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ended } from '../../src/transport/connection-end.ts';
import { type PeerGreeting, probeGreeting } from '../../src/transport/zmtp/greeting-probe.ts';
import { startServe } from '../support/program.ts';
import { RawServer } from '../support/raw-server.ts';
import { greeting } from '../support/zmtp.ts';

const LONG_MS = 60_000;

/** What the probe tells of a peer that does this. */
async function probed(t: TestContext, greet: Parameters<typeof RawServer.start>[1], withinMs = LONG_MS) {
  const { address } = await RawServer.start(t, greet);
  return await probe(address, withinMs);
}

function probe(address: string, withinMs = LONG_MS): Promise<PeerGreeting | undefined> {
  return new Promise((told) => probeGreeting({ address, withinMs }, told));
}

test('a peer is told by the mechanism of its greeting, also if that comes in pieces', async (t) => {
  const { address } = await startServe(t);
  assert.deepEqual(await probe(address), { kind: 'mechanism', mechanism: 'NULL' });
  const inPieces = await probed(t, (socket) => {
    socket.setNoDelay().write(greeting().subarray(0, 20));
    socket.once('data', () => socket.write(greeting().subarray(20)));
  });
  assert.deepEqual(inPieces, { kind: 'mechanism', mechanism: 'NULL' });
});

test('a peer that is not ZeroMQ is told by how it begins', async (t) => {
  const web = await probed(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  assert.deepEqual(web, {
    kind: 'strange',
    end: ended('speaks_http', 'the peer is not ZeroMQ', 'it speaks HTTP'),
  });
});

test('a peer that hangs up, says nothing, or is not there tells nothing', async (t) => {
  assert.equal(await probed(t, (socket) => socket.destroy()), undefined);
  assert.equal(await probed(t, () => undefined, 20), undefined);
  const gone = await RawServer.start(t, () => undefined);
  gone.close();
  assert.equal(await probe(gone.address), undefined);
});

test('a probe that is ended tells nothing, and hangs up', async (t) => {
  const [greeted, closed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const { address } = await RawServer.start(t, (socket) => {
    socket.once('data', () => greeted.resolve()).on('close', () => closed.resolve());
  });
  const stop = probeGreeting({ address, withinMs: LONG_MS }, () => assert.fail('it was ended'));
  await greeted.promise;
  stop();
  await closed.promise;
});
