import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Request } from 'zeromq';
import { App, ask } from '../support/ask.ts';
import { descriptors } from '../support/process.ts';
import { Program } from '../support/program.ts';
import { MountedConfig } from '../support/reloads.ts';
import { delay, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';

/* Listeners that move to another host on the same port. */

/** Takes a port at an address, until the test ends or `free` is called. */
async function take(t: TestContext, host: string, port = 0) {
  const server = createServer().listen(port, host);
  await once(server, 'listening');
  const free = () => new Promise((resolve) => server.close(resolve));
  t.after(free);
  return { port: (server.address() as AddressInfo).port, free };
}

const given = new Set<number>();

/** A port that no process gets by chance: the system gives out those from 32768 on. Never the same one twice. */
async function freePort(t: TestContext): Promise<number> {
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  if (given.has(port)) return freePort(t);
  given.add(port);
  try {
    const { free } = await take(t, '0.0.0.0', port);
    await free();
    return port;
  } catch {
    return freePort(t);
  }
}

interface Hosts {
  admin?: string;
  /** `HOST:PORT`, or `off` */
  inspect?: string;
  listen?: string;
}

/** A sidecar with one route, whose listener and admin page a test moves. */
async function start(t: TestContext, transport = 'zmtp') {
  const upstream = await ScriptedUpstream.start(delay(100));
  t.after(() => upstream.close());
  const endpoint = upstream.address;
  const [port, adminPort] = [await freePort(t), await freePort(t)];
  const configOf = ({ admin = '127.0.0.1', inspect = '127.0.0.1:0', listen = '127.0.0.1' }: Hosts) => ({
    admin: { listen: `${admin}:${adminPort}`, inspect, expose: true },
    routes: [
      {
        name: 'a',
        transport,
        listen: `tcp://${listen}:${port}`,
        allowNonLoopback: true,
        upstream: { endpoints: [endpoint] },
      },
    ],
  });
  const mounted = new MountedConfig(t, configOf({}));
  const program = Program.lazypirate(t, ['run', '--config', mounted.path, '--log-level', 'info'], {
    env: { LAZYPIRATE_ADMIN_INSPECT: '' },
  });
  await program.logged('started');
  const count = (message: string) => program.stdout.filter((line) => line.includes(message)).length;
  let [applied, refused] = [0, 0];
  const reload = async (hosts: Hosts, isRefused = false) => {
    mounted.write(JSON.stringify(configOf(hosts)));
    if (isRefused) refused++;
    else applied++;
    await until('it is applied or refused', () => {
      return count('"msg":"reload applied"') + count('"msg":"reload refused"') === applied + refused;
    });
    assert.equal(count('"msg":"reload refused"'), refused, String(program.stdout.at(-1)));
  };
  const isAlive = async (host: string) => (await fetch(`http://${host}:${adminPort}/livez`)).ok;
  return { upstream, program, port, adminPort, reload, isAlive };
}

for (const transport of ['zmtp', 'libzmq']) {
  test(`a listener of ${transport} moves to every address and back, and apps that were connected go on`, async (t) => {
    const { upstream, port, reload } = await start(t, transport);
    const address = `tcp://127.0.0.1:${port}`;
    const connected = new Request({ linger: 0 });
    t.after(() => connected.close());
    let [connections, drops] = [0, 0];
    connected.events.on('handshake', () => connections++);
    connected.events.on('disconnect', () => drops++);
    connected.connect(address);
    const askConnected = async (text: string) => {
      await connected.send(text);
      return String(await connected.receive());
    };
    assert.equal(await askConnected('before'), 'before');
    for (const [moves, listen] of ['0.0.0.0', '127.0.0.1', '[::]', '127.0.0.1'].entries()) {
      // Under way when the reload comes, which waits for it.
      const asking = ask(address, `under way ${listen}`);
      await until('it is at the upstream', () => upstream.seen.at(-1) === `under way ${listen}`);
      await reload({ listen });
      assert.equal((await asking).text, `under way ${listen}`);
      // libzmq drops the connections of a listener that it unbinds.
      if (transport === 'libzmq')
        await until('the app has connected again', () => drops > moves && connections > drops);
      else assert.equal(drops, 0);
      assert.equal(await askConnected(listen), listen);
      assert.equal((await ask(address, 'new')).text, 'new');
    }
  });
}

test('a listener of libzmq that moves leaves nothing behind', async (t) => {
  const { program, port, reload } = await start(t, 'libzmq');
  const move = async (listen: string) => {
    await reload({ listen });
    assert.equal((await ask(`tcp://127.0.0.1:${port}`, listen)).text, listen);
  };
  await move('0.0.0.0');
  await move('127.0.0.1');
  let before = 0;
  const settled = async () => {
    const last = before;
    before = descriptors(program.pid);
    return before === last;
  };
  await until('its descriptors stay as many', settled);
  for (let moves = 0; moves < 5; moves++) {
    await move('0.0.0.0');
    await move('127.0.0.1');
  }
  let now = 0;
  await until(
    () => `it has no more descriptors than before: ${now}, not ${before}`,
    () => {
      now = descriptors(program.pid);
      return now <= before;
    },
  );
});

test('a listener that cannot move stays where it was', async (t) => {
  const { program, port, reload } = await start(t);
  await take(t, '127.0.0.2', port);
  const address = `tcp://127.0.0.1:${port}`;
  const connected = new App(address);
  t.after(() => connected.close());
  await connected.ask('before');
  await reload({ listen: '0.0.0.0' }, true);
  const { problems } = await program.logged('reload refused');
  assert.match(
    String(problems),
    /route a: cannot listen on tcp:\/\/0\.0\.0\.0:\d+: another process listens there/,
  );
  assert.equal((await connected.ask('still')).text, 'still');
  assert.equal((await ask(address, 'new')).text, 'new');
});

test('the admin page moves to every address and back, and stays where it was where it cannot', async (t) => {
  const { adminPort, reload, isAlive } = await start(t);
  assert.ok(await isAlive('127.0.0.1'));
  await assert.rejects(isAlive('127.0.0.2'));
  await reload({ admin: '0.0.0.0' });
  assert.ok(await isAlive('127.0.0.2'));
  await reload({ admin: '127.0.0.1' });
  await assert.rejects(isAlive('127.0.0.2'));
  await take(t, '127.0.0.2', adminPort);
  await reload({ admin: '0.0.0.0' }, true);
  assert.ok(await isAlive('127.0.0.1'));
});

test('the inspect door moves to another port and to every address, and is closed', async (t) => {
  const { adminPort, reload, isAlive } = await start(t);
  const port = await freePort(t);
  const pathsAt = async (at: string) => (await fetch(`http://${at}/`)).text();
  const inspect = `127.0.0.1:${port}`;
  await reload({ inspect });
  assert.match(await pathsAt(inspect), /^\/status /m);
  const elsewhere = async (path: string) => (await fetch(`http://127.0.0.1:${adminPort}${path}`)).text();
  assert.match(await elsewhere('/status'), new RegExp(`is at http://${inspect}/status`));
  // In the way of itself.
  await reload({ inspect: `0.0.0.0:${port}` });
  assert.match(await pathsAt(`127.0.0.2:${port}`), /^\/status /m);
  await reload({ inspect: 'off' });
  await assert.rejects(pathsAt(inspect));
  assert.match(await elsewhere('/status'), /admin\.inspect is off/);
  await take(t, '127.0.0.1', port);
  await reload({ inspect }, true);
  assert.match(await elsewhere('/status'), /admin\.inspect is off/);
  assert.ok(await isAlive('127.0.0.1'));
});

test('the doors are where they were if a change of both cannot be had', async (t) => {
  const { adminPort, reload, isAlive } = await start(t);
  const [port, taken] = [await freePort(t), await freePort(t)];
  await reload({ inspect: `127.0.0.1:${port}` });
  await take(t, '127.0.0.1', taken);
  await reload({ admin: '0.0.0.0', inspect: `127.0.0.1:${taken}` }, true);
  assert.ok(await isAlive('127.0.0.1'));
  await assert.rejects(isAlive('127.0.0.2'));
  assert.equal((await fetch(`http://127.0.0.1:${port}/status`)).status, 200);
  assert.equal((await fetch(`http://127.0.0.1:${adminPort}/status`)).status, 404);
});
