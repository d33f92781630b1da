import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ask } from '../support/ask.ts';
import { Program, startServe, startSidecar } from '../support/program.ts';
import { RawServer } from '../support/raw-server.ts';
import { until } from '../support/until.ts';

async function started(t: TestContext) {
  const serve = await startServe(t);
  const args = ['--listen', 'tcp://127.0.0.1:0', '--upstream', serve.address];
  return { serve, ...(await startSidecar(t, args)) };
}

function startTap(t: TestContext, inspect: string, ...args: string[]): Program {
  return Program.lazypirate(t, ['tap', '--inspect', new URL(inspect).host, ...args]);
}

/** Asks until the tap shows something: it may not be open yet. */
async function untilShown(program: Program, address: string): Promise<void> {
  await until('it shows something', async () => {
    await ask(address, 'hello');
    return program.stdout.length > 0;
  });
}

test('tap shows a request in lines for people, and ends at its limit', async (t) => {
  const { address, inspect, serve } = await started(t);
  const program = startTap(t, inspect, '--limit', '4', '--route', 'default', '--sample', '1');
  await untilShown(program, address);
  assert.deepEqual(await program.ended, { code: 0, signal: null });
  assert.deepEqual(program.stderr, []);
  const words = program.stdout.map((line) => line.split(/ +/));
  assert.deepEqual(
    words.map(([, , kind]) => kind),
    ['received', 'sent', 'attempt', 'outcome'],
  );
  assert.deepEqual([words[1]?.[3], words[2]?.[3], words[2]?.[4]], [serve.address, 'ok', serve.address]);
  assert.equal(new Set(words.map(([, id]) => id)).size, 1);
});

test('--json prints the lines as they come', async (t) => {
  const { address, inspect } = await started(t);
  const program = startTap(t, inspect, '--limit', '4', '--json');
  await untilShown(program, address);
  assert.equal((await program.ended).code, 0);
  assert.equal(JSON.parse(program.stdout[3] ?? '').outcome, 'ok');
});

test('Ctrl-C ends it, and a reader that leaves, as head does, ends it too', async (t) => {
  const { address, inspect } = await started(t);
  const program = startTap(t, inspect);
  await untilShown(program, address);
  program.kill('SIGINT');
  assert.deepEqual(await program.ended, { code: 0, signal: null });
  assert.deepEqual(program.stderr, []);
  const other = startTap(t, inspect);
  await untilShown(other, address);
  other.child.stdout?.destroy();
  let hasEnded = false;
  void other.ended.then(() => {
    hasEnded = true;
  });
  await until('it notices', async () => {
    await ask(address, 'hello');
    return hasEnded;
  });
  assert.equal((await other.ended).code, 0);
});

test('it says whether the sidecar was drained or killed', async (t) => {
  for (const [signal, code, words] of [
    ['SIGTERM', 0, /^the sidecar has ended: it was drained$/],
    ['SIGKILL', 1, /^lazypirate: the sidecar at 127\.0\.0\.1:\d+ broke off: /],
  ] as const) {
    const { address, inspect, program: sidecar } = await started(t);
    const program = startTap(t, inspect);
    await untilShown(program, address);
    sidecar.kill(signal);
    assert.equal((await program.ended).code, code);
    assert.equal(program.stderr.length, 1);
    assert.match(program.stderr[0] ?? '', words);
  }
});

test('without a sidecar, or with wrong arguments, there is one line that says so', async (t) => {
  const { inspect } = await started(t);
  const nobody = await RawServer.start(t, () => undefined);
  nobody.close();
  for (const [program, code, words] of [
    [
      startTap(t, nobody.address.replace('tcp', 'http')),
      1,
      /^lazypirate: no sidecar answers at .*nobody listens there/,
    ],
    [
      startTap(t, inspect, '--route', 'orders'),
      2,
      /^lazypirate: there is no route "orders"; there are: default$/,
    ],
    [startTap(t, inspect, '--sample', '7'), 2, /^lazypirate: sample must be a number from 0 to 1, not "7"$/],
    [startTap(t, inspect, '--nope'), 2, /^lazypirate: unknown option --nope; try lazypirate tap --help$/],
  ] as const) {
    assert.equal((await program.ended).code, code);
    assert.deepEqual([program.stdout, program.stderr.length], [[], 1]);
    assert.match(program.stderr[0] ?? '', words);
  }
});
