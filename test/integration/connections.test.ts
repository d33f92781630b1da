import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Publisher } from 'zeromq';
import { ask } from '../support/ask.ts';
import { RawServer, serveZmtp30 } from '../support/raw-server.ts';
import type { RecordedEvent } from '../support/recorded-events.ts';
import { reset } from '../support/reset.ts';
import { type RunningRoute, startRoute } from '../support/route.ts';
import { until } from '../support/until.ts';
import { greeting } from '../support/zmtp.ts';

/* How connections to endpoints come about, and what is told of those that do not, or end. */

/** For servers that treat their connections by number: each connection that they count lives until the test ends it. */
const PATIENT = { connectTimeoutMs: 3_600_000, handshakeTimeoutMs: 3_600_000 };

const isEndpoint = (why: RegExp) => (event: RecordedEvent) =>
  event.kind === 'endpoint' && why.test(event.why);
const whyOf = ({ route }: RunningRoute) => route.status().endpoints[0]?.why ?? '';
const told = ({ events }: RunningRoute, why: RegExp) => events.filter(isEndpoint(why)).length;

test('a peer that speaks ZMTP 3.0 is sent no PING, except by libzmq if configured', async (t) => {
  const commands: string[] = [];
  const server = await RawServer.start(t, (socket) => serveZmtp30(socket, commands));
  const heartbeat = { intervalMs: 50, timeoutMs: 3_600_000 };
  const { address } = await startRoute(t, [server.address], { ...PATIENT, transport: 'zmtp', heartbeat });
  assert.equal((await ask(address, 'hello')).text, 'hello');

  // Who is asked for PINGs shows how much time has passed: what stands idle for longer than the default interval of old.
  const pings: string[] = [];
  const pinged = await RawServer.start(t, (socket) => serveZmtp30(socket, pings));
  const other = await startRoute(t, [pinged.address], {
    transport: 'libzmq',
    heartbeat: { intervalMs: 100, timeoutMs: 3_600_000 },
  });
  await other.event(isEndpoint(/^connected$/));
  await until('30 PINGs have come', () => pings.length >= 30);
  assert.deepEqual(commands, []);
  assert.equal((await ask(address, 'hello again')).text, 'hello again');
  assert.equal(server.sockets.length, 1);
});

test('the kernel probes an idle peer every second', {
  skip: process.platform !== 'linux' && 'reads /proc/net/tcp',
}, async (t) => {
  const server = await RawServer.start(t, (socket) => serveZmtp30(socket));
  const { event } = await startRoute(t, [server.address]);
  await event(isEndpoint(/^connected$/));
  const port = Number(new URL(server.address).port).toString(16).toUpperCase().padStart(4, '0');
  // Remote address, state (established), queues, then which timer runs (2 is keepalive) and for how long, in 1/100 s.
  const timer = new RegExp(`: \\S+ \\S+:${port} 01 \\S+ 02:([0-9A-F]+) `);
  let ticks: string | undefined;
  await until('the keepalive timer runs', () => {
    [, ticks] = timer.exec(readFileSync('/proc/net/tcp', 'utf8')) ?? [];
    return ticks !== undefined;
  });
  assert.ok(
    Number.parseInt(ticks ?? '', 16) <= 100,
    `it takes ${ticks} (hexadecimal) hundredths of a second`,
  );
});

test('a peer that is slow to let the first bytes through is reported, waited for, and used on the same connection', async (t) => {
  const server = await RawServer.start(t, () => undefined);
  const running = await startRoute(t, [server.address], { ...PATIENT, retry: { deadlineMs: 600_000 } });
  const answer = ask(running.address, 'hello');
  await running.event(
    isEndpoint(
      /^TCP connects, but no ZMTP handshake yet: the server is stopped or hangs, a proxy holds it back/,
    ),
  );
  assert.match(whyOf(running), /^TCP connects, but/);
  serveZmtp30(server.sockets[0] as Socket);
  assert.equal((await answer).text, 'hello');
  assert.equal(server.sockets.length, 1);
});

test('an endpoint whose server accepts connections but completes no handshake is down, not up', async (t) => {
  const server = await RawServer.start(t, (socket, number) => {
    if (number === 0) serveZmtp30(socket);
  });
  const running = await startRoute(t, [server.address], PATIENT);
  assert.equal((await ask(running.address, 'hello')).text, 'hello');
  server.sockets[0]?.destroy();
  await running.event(isEndpoint(/^the (connection ended|peer closed the connection|connection was reset)/));
  await running.event(isEndpoint(/^TCP connects, but no ZMTP handshake yet/));
  assert.equal(running.route.status().endpoints[0]?.state, 'down');
  assert.equal(running.route.status().isUsable, false);
});

const HTTP = (t: TestContext) => {
  const server = createServer();
  t.after(() => server.close());
  return new Promise<string>((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve(`tcp://127.0.0.1:${(server.address() as { port: number }).port}`),
    );
  });
};
const peer = (greet: (socket: Socket) => void) => async (t: TestContext) =>
  (await RawServer.start(t, greet)).address;

async function publisher(t: TestContext): Promise<string> {
  const socket = new Publisher({ linger: 0 });
  t.after(() => socket.close());
  await socket.bind('tcp://127.0.0.1:*');
  return socket.lastEndpoint ?? '';
}

/** Signature, revision 1 (ZMTP 2.0), a REP; an identity, empty. */
const ZMTP_20 = [Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 1, 4]), Buffer.from([0, 0])];

const STRANGERS: Record<string, readonly [(t: TestContext) => Promise<string>, RegExp]> = {
  'an HTTP server': [HTTP, /^the peer closed the connection in the handshake: it is not ZeroMQ/],
  'a peer that says nothing': [
    peer(() => undefined),
    /^connected, but the handshake was not completed in time \(300ms\): the server is stopped or hangs/,
  ],
  'a peer that greets and then says nothing': [
    peer((socket) => socket.write(greeting())),
    /^connected, but the handshake was not completed in time \(300ms\): the server is stopped or hangs/,
  ],
  'a peer of ZMTP 2.0': [
    peer((socket) => {
      socket.write(ZMTP_20[0] as Buffer);
      socket.once('data', () => socket.write(ZMTP_20[1] as Buffer));
    }),
    /^connected, but no ZMTP 3 handshake in time \(300ms\): the peer speaks ZMTP 2\.0 or older, or it is not ZeroMQ/,
  ],
  'a peer that breaks the protocol': [
    peer((socket) => socket.write(Buffer.concat([greeting(), Buffer.alloc(200, 'A')]))),
    /^the peer broke the protocol in the handshake: it is not ZeroMQ, .*ERR_ZMTP_/,
  ],
  // Whoever is first to see that the two do not fit hangs up; the other may see nothing but that.
  'a PUB': [
    publisher,
    /^the peer does not fit: its socket takes no requests|^the peer closed the connection/,
  ],
};

for (const [what, [start, why]] of Object.entries(STRANGERS)) {
  test(`${what} is reported as such by libzmq`, async (t) => {
    const running = await startRoute(t, [await start(t)], {
      transport: 'libzmq',
      connection: { connectTimeoutMs: 500, handshakeTimeoutMs: 300 },
    });
    await running.event(isEndpoint(why));
    assert.match(whyOf(running), why);
    assert.equal(running.route.status().endpoints[0]?.state, 'connecting');
  });
}

test('libzmq tells of a peer that hangs up, although this process stood still at the first time', async (t) => {
  const handshakeTimeoutMs = 300;
  const server = await RawServer.start(t, (socket, number) =>
    socket.once('data', async () => {
      await until('it is known that TCP connects', () => lastEvent() === 'accepted' || number > 0);
      socket.destroy();
      // Longer than libzmq is given to report a failed handshake.
      if (number === 0)
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, handshakeTimeoutMs + 1_100);
    }),
  );
  const running = await startRoute(t, [server.address], {
    transport: 'libzmq',
    connection: { ...PATIENT, handshakeTimeoutMs },
  });
  const lastEvent = () => running.route.status().endpoints[0]?.lastEvent;
  await running.event(isEndpoint(/^the peer closed the connection in the handshake/));
  assert.equal(told(running, /ZMTP 2\.0/), 0);
});

test('the reason of a failed handshake is still shown when nobody listens there any more', async (t) => {
  const server = await RawServer.start(t, (socket) =>
    socket.write(Buffer.concat([greeting(), Buffer.alloc(200, 'A')])),
  );
  const running = await startRoute(t, [server.address], { ...PATIENT, transport: 'libzmq' });
  await running.event(isEndpoint(/^the peer broke the protocol/));
  server.close();
  await until('a try to connect is refused', () =>
    /; now: nobody (answers|listens) there/.test(whyOf(running)),
  );
  assert.match(whyOf(running), /^the peer broke the protocol/);
  const { trouble, newest } = running.route.status().endpoints[0] ?? {};
  assert.deepEqual([trouble?.kind, newest?.kind], ['broken_handshake', 'nobody_answers']);
  assert.equal(told(running, /nobody (answers|listens) there/), 0);
});

const GONE = {
  zmtp: [/^the connection was reset .*before it said anything: it is a proxy/, /^nobody listens there/],
  libzmq: [/^the peer closed the connection in the handshake: it wants a key/, /^nobody answers there$/],
} as const;

for (const transport of ['zmtp', 'libzmq'] as const)
  test(`a server that is killed while ${transport} greets it is not called something else than ZeroMQ`, async (t) => {
    const server = await RawServer.start(t, (socket, number) => {
      if (number === 0) serveZmtp30(socket);
      // As the kernel does for a process that is killed with a greeting unread.
      else socket.once('data', () => reset(socket));
    });
    const running = await startRoute(t, [server.address], {
      ...PATIENT,
      transport,
      retry: { deadlineMs: 600_000, waitMs: 0 },
    });
    await running.event(isEndpoint(/^connected$/));
    assert.equal((await ask(running.address, 'hello')).text, 'hello');
    const [hungUp, gone] = GONE[transport];
    server.sockets[0]?.destroy();
    await running.event(isEndpoint(hungUp));
    const { failure } = await ask(running.address, 'hello');
    assert.equal(failure?.code, 'NO_ENDPOINTS');
    assert.doesNotMatch(failure?.message ?? '', /not ZeroMQ/);
    assert.match(failure?.message ?? '', /or its process has just ended/);
    server.close();
    await until('that nobody is there is the cause', () => gone.test(whyOf(running)));
  });
