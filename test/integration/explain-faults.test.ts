import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { curveKeyPair, Reply } from 'zeromq';
import type { Explanation } from '../../src/ops/explain/reason.ts';
import { context } from '../../src/transport/zeromq/context.ts';
import { App } from '../support/ask.ts';
import { inThisProcess } from '../support/in-this-process.ts';
import { type RunningSidecar, startServe, startSidecar } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const APPS = 4;

/** Upstreams with these delays, a sidecar, and apps that send one request after the other. */
async function start(t: TestContext, delays: readonly string[], ...more: string[]) {
  const serves = await Promise.all(delays.map((delay) => startServe(t, ['--delay', delay])));
  const addresses = serves.map(({ address }) => address);
  const sidecar = await startSidecar(t, [
    ...['--listen', 'tcp://127.0.0.1:0', '--upstream', addresses.join(), ...more],
  ]);
  const apps = Array.from({ length: APPS }, () => new App(sidecar.address));
  for (const app of apps) askOn(app);
  t.after(() => {
    for (const app of apps) app.close();
  });
  return { serves, sidecar };
}

/** Until it is closed. */
async function askOn(app: App): Promise<void> {
  try {
    for (;;) await app.ask('x');
  } catch {
    // It is.
  }
}

async function asked({ inspect }: RunningSidecar): Promise<Explanation> {
  return (await (await fetch(`${inspect}/explain`)).json()) as Explanation;
}

/** Waits until the sidecar gives such a reason, then returns what the command prints, as one line. */
async function told(sidecar: RunningSidecar, text: RegExp): Promise<string> {
  let last: string[] = [];
  await until(
    () => `no reason is like ${text}:\n${last.join('\n')}`,
    async () => {
      last = (await asked(sidecar)).reasons.map((one) => one.text);
      return last.some((one) => text.test(one));
    },
  );
  return explained(sidecar);
}

/** What the command prints, as one line. */
async function explained({ inspect }: RunningSidecar, ...args: string[]): Promise<string> {
  const where = ['--inspect', inspect.replace('http://', '')];
  const { code, stdout, stderr } = await inThisProcess('explain', ...where, ...args);
  assert.equal(code, 0, stderr.join('\n'));
  return stdout.join(' ').replace(/ +/g, ' ');
}

async function untilAllIsWell(sidecar: RunningSidecar): Promise<void> {
  await until('all is well', async () => (await asked(sidecar)).verdict.state === 'working');
}

test('a killed upstream is named, with the cause and what to do, and the route is not called broken', async (t) => {
  const { serves, sidecar } = await start(t, ['20ms', '20ms', '20ms']);
  await untilAllIsWell(sidecar);
  const [victim] = serves;
  victim?.program.kill('SIGKILL');
  const words = await told(sidecar, /nobody listens there/);
  assert.match(words, /^DEGRADED /);
  assert.ok(words.includes(`${victim?.address} is down since `), words);
  assert.match(words, /2 other endpoints take the requests meanwhile/);
  assert.match(words, /can wait until morning/);
  assert.match(words, /-> Find out why the server ended \(logs, restarts, OOMKilled\), and start it again\./);
});

test('a process that is stopped is named, with what to do if it is stopped and if it hangs', async (t) => {
  const { serves, sidecar } = await start(t, ['20ms', '20ms', '20ms'], '--timeout', '500ms');
  await untilAllIsWell(sidecar);
  const [victim] = serves;
  victim?.program.kill('SIGSTOP');
  const words = await told(sidecar, /(down|ejected) since/);
  assert.ok(words.includes(`${victim?.address} is `), words);
  assert.match(
    words,
    /-> Look at its logs and its CPU\. If it is stopped .*, let it continue; if it hangs, restart it\./,
  );
});

test('the slow one of three is named, with how much slower it is', async (t) => {
  const { serves, sidecar } = await start(t, ['20ms', '20ms', '2s'], '--timeout', '60s');
  const words = await told(sidecar, /takes 2(\.\d)? s to reply, .* times as long as the others/);
  assert.ok(words.includes(`${serves[2]?.address} takes 2`), words);
});

test('servers that are all slower than the timeout: it says that replies come too late, and how long they take', async (t) => {
  const { sidecar } = await start(t, ['1s'], '--timeout', '100ms', '--attempts', '20');
  const words = await told(sidecar, /^The servers take about 1( |\.\d )s to reply, but `timeout` is 100 ms/);
  assert.match(words, /raise `timeout` \(now 100 ms\) above 1( |\.\d )s/);
});

test('a wrong key of the server is named as the cause that no request can be sent', async (t) => {
  const [server, other, ours] = [curveKeyPair(), curveKeyPair(), curveKeyPair()];
  const socket = new Reply({ context, linger: 0, curveServer: true, curveSecretKey: server.secretKey });
  await socket.bind('tcp://127.0.0.1:*');
  t.after(() => socket.close());
  const folder = scratch();
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const route = {
    ...{ name: 'orders', listen: 'tcp://127.0.0.1:0', upstream: { endpoints: [socket.lastEndpoint] } },
    curve: {
      serverKeyFile: file('server', other.publicKey),
      publicKeyFile: file('public', ours.publicKey),
      secretKeyFile: file('secret', ours.secretKey),
    },
  };
  const sidecar = await startSidecar(t, [
    '--config',
    file('config.yaml', JSON.stringify({ routes: [route] })),
  ]);
  const words = await told(sidecar, /has not connected once .* does not hold the key of this server/);
  assert.match(words, /^BROKEN Route orders does not work: no request can be sent since /);
  assert.ok(
    words.includes(
      `curve.serverKeyFile (${route.curve.serverKeyFile}) does not hold the key of this server.`,
    ),
    words,
  );
  const fingerprint = createHash('sha256').update(other.publicKey).digest('hex').slice(0, 12);
  assert.ok(words.includes(`The fingerprint of the key in it is ${fingerprint}.`), words);
  assert.match(words, /-> Put the public key of the server into that file\./);
  for (const { publicKey, secretKey } of [other, ours])
    assert.ok(!words.includes(secretKey) && !words.includes(publicKey), 'no key is shown');
});

test('a request that failed is told attempt by attempt, with the app that sent it', async (t) => {
  const serve = await startServe(t, ['--drop', '1']);
  const sidecar = await startSidecar(t, [
    ...[
      '--listen',
      'tcp://127.0.0.1:0',
      '--upstream',
      serve.address,
      '--timeout',
      '100ms',
      '--attempts',
      '2',
    ],
  ]);
  const app = new App(sidecar.address);
  t.after(() => app.close());
  const { failure } = await app.ask('x');
  const words = await explained(sidecar, failure?.requestId ?? '');
  assert.ok(words.startsWith(`Request ${failure?.requestId} came to route default at `), words);
  assert.ok(words.includes(`Attempt 1 went to ${serve.address} after `), words);
  assert.match(words, /no reply within /);
  assert.match(words, /the app got the failure TIMEOUT: .* A server may have executed it\./);
});
