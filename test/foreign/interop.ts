/* What each implementation is tested for, through a sidecar process and against the engine alone. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Request, Router } from 'zeromq';
import { TRANSPORT } from '../support/chosen-transport.ts';
import type { Scope } from '../support/program.ts';
import { until } from '../support/until.ts';
import { withEngine } from './engine.ts';
import { hasHeartbeats, isUpstream, PEERS, type Peer, SHAPES, type Shape, type Type } from './peers.ts';
import { ForeignApp, ForeignServers, isMissing } from './program.ts';
import { type RouteConfig, Sidecar } from './sidecar.ts';
import { CORRELATE, type Correlate, column, type Results } from './table.ts';
import { beats, Wire } from './wire.ts';

/** How long something is waited for that is known never to come. */
const IN_VAIN_MS = 2_000;
/** Far longer than any reply takes that comes. */
const PATIENT_MS = 60_000;
const HEARTBEAT_MS = 50;
/** As many requests as an endpoint gets at once, if it gets one on each connection. */
const PLAIN_LIMIT = 8;
const SHAPE_NAMES = Object.keys(SHAPES) as Shape[];
const SERVERS = ['REP', 'ROUTER'] as const;
const CLIENTS = ['REQ', 'DEALER'] as const;

/** The tests of one peer. With INTEROP_RESULTS they leave what came of them in that directory. */
export function interop(id: string): void {
  const peer = PEERS.find((one) => one.id === id);
  assert.ok(peer, id);
  const results: Results = {};
  test(`${peer.name} ${peer.version}`, { skip: isMissing(peer) }, async (t) => {
    // Both halves use the same processes: a JVM takes most of a second to start.
    const servers = await ForeignServers.start(t, peer);
    const app = new ForeignApp(t, peer);
    await t.test('through a sidecar', (t) => throughSidecar(t, peer, servers, app, results));
    await t.test('and the ZMTP engine', (t) => withEngine(t, peer, servers, app));
  });
  const folder = process.env['INTEROP_RESULTS'];
  if (folder !== undefined)
    process.once('exit', () => writeFileSync(join(folder, `${id}.json`), JSON.stringify(results)));
}

async function throughSidecar(
  t: TestContext,
  peer: Peer,
  servers: ForeignServers,
  app: ForeignApp,
  results: Results,
): Promise<void> {
  const wire = await Wire.start(t, servers.addresses.REP);
  const upstreams = { app: await echo(t), ...(isUpstream(peer) && servers.addresses) };
  const routes: RouteConfig[] = Object.entries(upstreams).flatMap(([name, endpoint]) =>
    CORRELATE.map((correlate) => ({
      name: routeOf(name, correlate),
      endpoint,
      correlate,
      heartbeat: 'off' as const,
    })),
  );
  const heartbeat = { interval: `${HEARTBEAT_MS}ms`, timeout: '5m' };
  const isPinged = peer.zmtp === '3.1';
  // libzmq pings whatever it is connected to.
  if (isPinged || TRANSPORT === 'zmtp')
    routes.push({ name: 'heartbeats', endpoint: wire.address, correlate: true, heartbeat });
  const sidecar = await Sidecar.start(t, routes);

  for (const type of CLIENTS)
    await t.test(`a ${type} app is answered`, async (t) => {
      for (const correlate of CORRELATE) {
        await app.open(type, sidecar.address(routeOf('app', correlate)));
        assert.equal(await app.ask([1], 4), 'right', `correlate: ${correlate}`);
      }
      // The key concerns only the connection to the upstream, which is ours.
      const address = sidecar.address(routeOf('app', 'auto'));
      await app.open(type, address);
      results[type] = await failing(peer, type, async (sizes, isFault) => {
        if (!isFault) return app.ask(sizes, 4);
        const other = new ForeignApp(t, peer);
        await other.open(type, address);
        return other.ask(sizes, 1, IN_VAIN_MS);
      });
    });

  for (const type of isUpstream(peer) ? SERVERS : [])
    for (const correlate of CORRELATE)
      await t.test(`a ${type} upstream answers, correlate: ${correlate}`, async () => {
        const address = sidecar.address(routeOf(type, correlate));
        results[column(type, correlate)] = await failing(peer, type, (sizes) => asked(address, sizes));
      });

  if (hasHeartbeats(peer))
    await t.test('a connection lasts while heartbeats pass', async (t) => {
      if (peer.sendsPings) {
        const near = await Wire.start(t, sidecar.address(routeOf('app', false)));
        await app.open('REQ', near.address, HEARTBEAT_MS);
        await near.heartbeats();
        assert.equal(await app.ask([1]), 'right');
      }
      if (isPinged) {
        await wire.heartbeats();
        assert.equal(await asked(sidecar.address('heartbeats'), [1]), 'right');
      }
      results['heartbeats'] = [];
    });

  if (TRANSPORT === 'zmtp')
    await t.test(
      `correlate: auto sends many requests to a REP: ${peer.echoes}; to a ROUTER: false`,
      async () => {
        const sendsMany = async (type: Type) =>
          (await sidecar.endpoint(routeOf(type, 'auto'))).inFlightLimit > PLAIN_LIMIT;
        assert.equal(await sendsMany('REP'), peer.echoes);
        assert.equal(await sendsMany('ROUTER'), false);
        assert.equal(sidecar.hasLogged('does not echo envelopes'), !peer.echoes);
      },
    );

  if (!isPinged && TRANSPORT === 'zmtp')
    await t.test('a server of an older ZMTP gets no PINGs', async () => {
      assert.equal(await asked(sidecar.address('heartbeats'), [1]), 'right');
      await beats(5, HEARTBEAT_MS);
      assert.equal(wire.toServer.pings, 0);
    });

  if (isUpstream(peer))
    await t.test('no request is lost when the upstream is killed and started again', async () => {
      const stop = new AbortController();
      const addresses = CORRELATE.flatMap((correlate) =>
        SERVERS.map((type) => sidecar.address(routeOf(type, correlate))),
      );
      const apps = addresses.map((address) => new BusyApp(address, stop.signal));
      const ended = Promise.all(apps.map((app) => app.ended));
      await Promise.race([
        ended,
        until('each app has asked', () => apps.every(({ answered }) => answered > 0)),
      ]);
      await servers.restart();
      for (const address of addresses) assert.equal(await asked(address, [1]), 'right');
      stop.abort();
      await ended;
      results['upstream killed'] = [];
    });

  await t.test('an app goes on when the sidecar is killed and started again', async (t) => {
    await app.open('REQ', sidecar.address(routeOf('app', true)));
    assert.equal(await app.ask([1]), 'right');
    await sidecar.restart(t);
    if (peer.reconnects !== true) await app.open('REQ', sidecar.address(routeOf('app', true)));
    assert.equal(await app.ask([1]), 'right');
    results['sidecar killed'] = [];
  });
}

function routeOf(server: string, correlate: Correlate): string {
  return `${server.toLowerCase()}-${correlate}`;
}

/** Asks in each shape, and expects what the peer's faults say. Returns the shapes that fail. */
async function failing(
  { faults }: Peer,
  type: Type,
  ask: (sizes: readonly number[], isFault: boolean) => Promise<string>,
): Promise<Shape[]> {
  const shapes: Shape[] = [];
  for (const shape of SHAPE_NAMES) {
    const isFault = faults.some((fault) => fault.type === type && fault.shape === shape);
    const answers: string[] = [];
    for (const sizes of SHAPES[shape]) answers.push(await ask(sizes, isFault));
    const wrong = answers.filter((answer) => answer !== 'right');
    if (isFault) assert.notDeepEqual(wrong, [], `${type}, ${shape}: it is right now`);
    else assert.deepEqual(wrong, [], `${type}, ${shape}`);
    if (isFault) shapes.push(shape);
  }
  return shapes;
}

/** Asks once with a new REQ of libzmq. */
async function asked(address: string, sizes: readonly number[]): Promise<string> {
  const app = new Request({ linger: 0, receiveTimeout: PATIENT_MS });
  try {
    app.connect(address);
    const body = sizes.map((size, frame) => Buffer.alloc(size, `frame ${frame} `));
    await app.send(body);
    const reply = await app.receive();
    const isSame =
      reply.length === body.length && reply.every((frame, at) => frame.equals(body[at] ?? frame));
    return isSame ? 'right' : `wrong: ${reply.length} frames, first ${String(reply[0]?.subarray(0, 200))}`;
  } finally {
    app.close();
  }
}

/** An app that asks again and again until it is told to stop. */
class BusyApp {
  answered = 0;
  readonly ended: Promise<void>;

  constructor(address: string, stop: AbortSignal) {
    this.ended = this.#run(address, stop);
  }

  async #run(address: string, stop: AbortSignal): Promise<void> {
    for (; !stop.aborted; this.answered++) assert.equal(await asked(address, [3]), 'right');
  }
}

/** An upstream in this process. */
async function echo(scope: Scope): Promise<string> {
  const socket = new Router({ linger: 0 });
  await socket.bind('tcp://127.0.0.1:0');
  scope.after(() => socket.close());
  const serve = async () => {
    for (;;) await socket.send(await socket.receive());
  };
  serve().catch(() => undefined);
  return socket.lastEndpoint ?? '';
}
