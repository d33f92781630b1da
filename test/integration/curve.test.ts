import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { curveKeyPair, Request } from 'zeromq';
import { type ConnectionEnd, wordsOf } from '../../src/transport/connection-end.ts';
import { context } from '../../src/transport/zeromq/context.ts';
import { doorkeeper } from '../../src/transport/zeromq/zap.ts';
import { libzmq } from '../../src/transport/zeromq/zeromq-transport.ts';
import { App } from '../support/ask.ts';
import { Program, startServe, startSidecar } from '../support/program.ts';
import { python, pythonSkip } from '../support/python.ts';
import { scratch } from '../support/scratch.ts';

const FOREIGN = fileURLToPath(new URL('../foreign/curve.py', import.meta.url));
const folder = scratch();
const server = curveKeyPair();
const sidecar = curveKeyPair();
const app = curveKeyPair();
const stranger = curveKeyPair();
let files = 0;

/** @returns its name; only we can read it unless a mode is given */
function write(content: string, mode = 0o600): string {
  const file = join(folder, `file-${files++}`);
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

interface Keys {
  /** Of the server, as the sidecar believes it to be; none: it speaks in plain. */
  serverKey?: string | undefined;
  allowed?: string[];
  secretMode?: number;
  /** How long a request waits for an endpoint, where it is to wait in vain. */
  wait?: string;
}

function configFile(
  upstream: string,
  { serverKey, allowed, secretMode = 0o600, wait = '60s' }: Keys,
  at = write(''),
): string {
  const curve = serverKey && {
    serverKeyFile: write(serverKey),
    publicKeyFile: write(sidecar.publicKey),
    secretKeyFile: write(`${sidecar.secretKey}\n`, secretMode),
  };
  const listenCurve = allowed && {
    secretKeyFile: write(
      `curve\n    public-key = "${sidecar.publicKey}"\n    secret-key = "${sidecar.secretKey}"\n`,
    ),
    allowedKeysFile: write(`# who may come\n${allowed.join('\n')}\n`),
  };
  const route = {
    ...{ name: 'orders', listen: 'tcp://127.0.0.1:0', upstream: { endpoints: [upstream] } },
    ...{ timeout: '60s', attempts: 2, wait, curve, listenCurve },
  };
  writeFileSync(at, JSON.stringify({ log: { level: 'trace' }, routes: [route] }));
  return at;
}

async function startServer(t: TestContext): Promise<string> {
  const args = [FOREIGN, 'server', '-', '-', server.publicKey, server.secretKey];
  const program = Program.start(t, python ?? '', args);
  return program.line((line) => /^serving (\S+)/.exec(line)?.[1]);
}

/** A client with these keys that waits for its reply as long as it takes, or until it is closed. */
function client(
  t: TestContext,
  address: string,
  keys: { publicKey: string; secretKey: string },
  serverKey: string,
) {
  const socket = new Request({
    ...{ context, linger: 0, curveServerKey: serverKey },
    ...{ curvePublicKey: keys.publicKey, curveSecretKey: keys.secretKey },
  });
  t.after(() => socket.close());
  socket.connect(address);
  return async (body: string) => {
    await socket.send(body);
    return String((await socket.receive())[0]);
  };
}

test('pyzmq with CURVE on either side', { skip: pythonSkip }, async (t) => {
  const config = configFile(await startServer(t), { serverKey: server.publicKey, allowed: [app.publicKey] });
  const { address, program, inspect } = await startSidecar(t, ['--config', config]);
  const args = [FOREIGN, 'client', address, sidecar.publicKey, app.publicKey, app.secretKey];
  const good = Program.start(t, python ?? '', args);
  assert.deepEqual(await good.ended, { code: 0, signal: null }, good.stderr.join('\n'));
  assert.deepEqual(good.stdout, ['right']);
  const shown = [...program.stdout, await (await fetch(`${inspect}/status`)).text()].join('\n');
  for (const { secretKey, publicKey } of [server, sidecar, app])
    for (const key of [secretKey, publicKey]) assert.ok(!shown.includes(key), 'no key is shown');
});

const INTRUDERS: Record<
  string,
  { key: string | null; ask(t: TestContext, address: string): Promise<string> }
> = {
  'a key that is not allowed': {
    key: stranger.publicKey,
    ask: (t, address) => client(t, address, stranger, sidecar.publicKey)('let me in'),
  },
  "another server's key": {
    key: null,
    ask: (t, address) => client(t, address, app, stranger.publicKey)('let me in'),
  },
  'no key': {
    key: null,
    ask: async (t, address) => {
      const plain = new App(address);
      t.after(() => plain.close());
      return (await plain.ask('let me in')).text;
    },
  },
};

for (const [title, { key, ask }] of Object.entries(INTRUDERS)) {
  test(`a client with ${title} is refused and logged, and disturbs nobody`, async (t) => {
    const serve = await startServe(t);
    const config = configFile(serve.address, { allowed: [app.publicKey] });
    const { address, program } = await startSidecar(t, ['--config', config]);
    const good = client(t, address, app, sidecar.publicKey);
    assert.equal(await good('first'), 'first');
    const answers: string[] = [];
    ask(t, address).then(
      (answer) => answers.push(answer),
      () => undefined,
    );
    const refused = await program.logged('client refused');
    assert.deepEqual([refused['level'], refused['route'], refused['key']], ['warn', 'orders', key]);
    assert.match(String(refused['address']), /127\.0\.0\.1/);
    for (let i = 0; i < 200; i++) assert.equal(await good(`request ${i}`), `request ${i}`);
    assert.deepEqual(answers, []);
  });
}

for (const [title, keys, isCurveServer, why] of [
  [
    'a server with another key',
    { serverKey: stranger.publicKey },
    true,
    /curve\.serverKeyFile \(\S+\) does not hold the key of this server/,
  ],
  [
    'a server without CURVE',
    { serverKey: server.publicKey },
    false,
    /wrong security mechanism: this route has curve, and the server does not use CURVE/,
  ],
  [
    'a server with CURVE, where we have none',
    {},
    true,
    /the server wants a key|CURVE|closed the connection .*it wants a key \(CURVE\)/,
  ],
] as const) {
  test(`${title}: no reply, no fallback, and the reason is logged`, { skip: pythonSkip }, async (t) => {
    const upstream = isCurveServer ? await startServer(t) : (await startServe(t)).address;
    const { address, program, inspect } = await startSidecar(t, [
      '--config',
      configFile(upstream, { ...keys, wait: '1s' }),
    ]);
    const told = await program.line((line) => (why.test(line) ? line : undefined));
    assert.match(told, /"level":"warn".*endpoint connecting/);
    const plain = new App(address);
    t.after(() => plain.close());
    const { failure } = await plain.ask('hello');
    assert.deepEqual([failure?.code, failure?.executed], ['NO_ENDPOINTS', 'no']);
    const status = JSON.parse(await (await fetch(`${inspect}/status`)).text());
    assert.match(status.routes[0].endpoints[0].why, why);
  });
}

test('a server that hangs up on a wrong key is told as that every time, and never as one that nobody can reach', async (t) => {
  const listener = await libzmq.listen(
    { address: 'tcp://127.0.0.1:0', secretKey: server.secretKey },
    { mode: undefined, connections: 10, messageBytes: 1_024, unreadBytes: 1_024, allowedKeys: [] },
    { joined: () => assert.fail('nobody is let in'), refused: () => undefined },
  );
  t.after(() => listener.close(0));
  const target = {
    ...{ address: listener.address, messageBytes: 1_024, heartbeat: undefined },
    ...{ connectTimeoutMs: 60_000, handshakeTimeoutMs: 60_000 },
    curve: { serverKey: stranger.publicKey, publicKey: app.publicKey, secretKey: app.secretKey },
  };
  const ignore = () => undefined;
  const owner = { accepted: ignore, ready: ignore, message: ignore, malformed: ignore, tooLarge: ignore };
  const whys = new Set<string>();
  for (let tries = 0; tries < 50; tries++) {
    const end = await new Promise<ConnectionEnd>((closed) => libzmq.connect(target, { ...owner, closed }));
    whys.add(wordsOf(end));
  }
  const fingerprint = createHash('sha256').update(stranger.publicKey).digest('hex').slice(0, 12);
  assert.deepEqual(
    [...whys],
    [
      `curve.serverKeyFile does not hold the key of this server: the fingerprint of the key in it is ${fingerprint}`,
    ],
  );
});

test('key files are read again on a reload; invalid ones change nothing', async (t) => {
  const serve = await startServe(t);
  const file = configFile(serve.address, { allowed: [app.publicKey] });
  const { address, program } = await startSidecar(t, ['--config', file]);
  client(t, address, stranger, sidecar.publicKey)('too early').catch(() => undefined);
  await program.logged('client refused');

  const { listenCurve } = JSON.parse(readFileSync(file, 'utf8')).routes[0];
  writeFileSync(listenCurve.allowedKeysFile, `${app.publicKey}\nno key\n`);
  program.kill('SIGHUP');
  const problems = (await program.logged('reload refused'))['problems'] as string[];
  assert.match(problems.join('\n'), /routes\[0\]\.listenCurve\.allowedKeysFile: .*:2 is not a public key/);

  writeFileSync(listenCurve.secretKeyFile, stranger.secretKey);
  writeFileSync(listenCurve.allowedKeysFile, app.publicKey);
  program.kill('SIGHUP');
  await program.line((line) =>
    /the secret key of a listener cannot be changed/.test(line) ? line : undefined,
  );

  writeFileSync(listenCurve.secretKeyFile, sidecar.secretKey);
  writeFileSync(listenCurve.allowedKeysFile, `${app.publicKey}\n${stranger.publicKey} # the new one\n`);
  program.kill('SIGHUP');
  await program.logged('reload applied');
  assert.equal(await client(t, address, stranger, sidecar.publicKey)('at last'), 'at last');
});

test("an upstream's key that was wrong is read again on a reload", { skip: pythonSkip }, async (t) => {
  const file = configFile(await startServer(t), { serverKey: stranger.publicKey });
  const { address, program } = await startSidecar(t, ['--config', file]);
  await program.line((line) => (line.includes('does not hold the key of this server') ? line : undefined));
  const { curve } = JSON.parse(readFileSync(file, 'utf8')).routes[0];
  writeFileSync(curve.serverKeyFile, server.publicKey);
  program.kill('SIGHUP');
  await program.logged('reload applied');
  const plain = new App(address);
  t.after(() => plain.close());
  assert.equal((await plain.ask('hello')).text, 'hello');
});

test('a secret key that everybody can read is warned about, a missing one is refused', async (t) => {
  const file = configFile('tcp://127.0.0.1:1', { serverKey: server.publicKey, secretMode: 0o644 });
  const { program } = await startSidecar(t, ['--config', file]);
  const { why } = await program.logged('configuration');
  assert.match(String(why), /the secret key is readable by everybody \(mode 644\)/);

  const none = write(
    'routes: [{ name: a, listen: tcp://127.0.0.1:0, upstream: { endpoints: [tcp://127.0.0.1:1] },' +
      ' curve: { serverKeyFile: /nowhere/a, publicKeyFile: /nowhere/b, secretKeyFile: /nowhere/c } }]',
  );
  const check = Program.lazypirate(t, ['check', '--config', none]);
  assert.equal((await check.ended).code, 2);
  assert.equal(check.stderr.filter((line) => /File: \/nowhere\/.* cannot be read/.test(line)).length, 3);
});

test('a listener admits nobody while its authenticator does not answer', async (t) => {
  const arrived = Promise.withResolvers<'a request'>();
  const client = {
    isIdle: true,
    request: () => arrived.resolve('a request'),
    malformed: () => undefined,
    tooLarge: () => undefined,
    overflow: () => undefined,
    overflowAtOnce: () => false,
    left: () => undefined,
  };
  const listener = await libzmq.listen(
    { address: 'tcp://127.0.0.1:0', secretKey: sidecar.secretKey },
    {
      mode: undefined,
      connections: 10,
      messageBytes: 1_024,
      unreadBytes: 1_024,
      allowedKeys: [app.publicKey],
    },
    { joined: () => client, refused: () => undefined },
  );
  t.after(() => listener.close(0));
  // All doors there may be: with the last one the doorkeeper goes.
  for (let domain = 0; domain < 1_000; domain++) doorkeeper.close(String(domain));
  const socket = new Request({
    // How long it waits to be let in.
    ...{ context, linger: 0, handshakeInterval: 2_000, curveServerKey: sidecar.publicKey },
    ...{ curvePublicKey: app.publicKey, curveSecretKey: app.secretKey },
  });
  t.after(() => socket.close());
  const turnedAway = new Promise((resolve) => {
    socket.events.on('disconnect', resolve);
    socket.events.on('handshake:error:auth', resolve);
    socket.events.on('handshake:error:protocol', resolve);
    socket.events.on('handshake:error:other', resolve);
  });
  socket.connect(listener.address);
  await socket.send('let me in');
  assert.equal(await Promise.race([turnedAway.then(() => 'turned away'), arrived.promise]), 'turned away');
});

test('the authenticator can stop and start again at once, even if it is asked for meanwhile', async () => {
  const door = { allowed: new Set<string>(), refused: () => undefined };
  for (let times = 0; times < 300; times++) {
    const domains = await Promise.all([doorkeeper.open(door), doorkeeper.open(door)]);
    for (const domain of domains) doorkeeper.close(domain);
  }
});
