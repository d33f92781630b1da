import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { commandLine } from '../../src/command-line.ts';
import type { Explanation } from '../../src/ops/explain/reason.ts';
import { statusPage } from '../../src/ops/status-page.ts';
import { scratch } from '../support/scratch.ts';
import {
  endpointStatus,
  routeFigures,
  routeRecent,
  routeStatus,
  routeTotals,
  sidecarStatus,
} from '../unit/ops/statuses.ts';

const EXPLANATION: Explanation = {
  at: '2026-11-27T12:10:00.000Z',
  verdict: { state: 'broken', text: 'Route orders does not work.' },
  reasons: [
    {
      route: 'orders',
      severity: 'broken',
      text: 'Nobody listens there.',
      evidence: ['It is down.'],
      advice: 'Start it.',
      consequenceOf: null,
    },
    {
      ...{ route: 'orders', severity: 'degraded', text: 'Requests wait.', evidence: ['3 do.', 'Long.'] },
      ...{ advice: null, consequenceOf: 0 },
    },
    {
      ...{ route: null, severity: 'note', text: 'By the way.', evidence: [], advice: null },
      consequenceOf: null,
    },
  ],
};

const WELL: Explanation = {
  at: EXPLANATION.at,
  verdict: { state: 'working', text: 'All is well.' },
  reasons: [],
};

interface Size {
  isTTY: true;
  columns: number;
  rows: number;
}

interface Surroundings {
  env?: Record<string, string>;
  terminal?: Size;
  /** Aborted by Ctrl-C. */
  interrupted?: AbortSignal;
}

/** A command in this process, and what it wrote. */
async function lazypirate(
  args: string[],
  { env = {}, terminal, interrupted = new AbortController().signal }: Surroundings = {},
) {
  const written = { stdout: '', stderr: '' };
  const into = (name: keyof typeof written) =>
    new Writable({
      write(chunk, _, done) {
        written[name] += chunk;
        done();
      },
    });
  const code = await commandLine(args, {
    ...{
      env,
      stdin: new PassThrough(),
      stdout: Object.assign(into('stdout'), terminal),
      stderr: into('stderr'),
    },
    interrupted,
    onHangup: () => undefined,
    onUserSignal: () => undefined,
    onExit: () => undefined,
    endWithin: () => undefined,
    node: process.versions.node,
    self: [process.execPath],
  });
  return { code, ...written };
}

/** A route at rest that has received so many requests so far, and two a second in the last minute. */
function statusOf(received: number) {
  const outcomes = { ...routeTotals().outcomes, ok: received };
  const recent = routeRecent({ received: 120, outcomes: { ...routeTotals().outcomes, ok: 120 } });
  const route = routeStatus('orders', {
    listening: 'tcp://127.0.0.1:5555',
    endpoints: [endpointStatus({ state: 'up', why: 'connected' })],
  });
  const figuresOf = () => routeFigures({ totals: routeTotals({ received, outcomes }), recent });
  return statusPage(sidecarStatus({ routes: [route], figuresOf }));
}

/** Something that answers like a sidecar, and what it was asked for. */
async function startDouble(t: TestContext, status: number, body: string) {
  const asked: string[] = [];
  const server: Server = createServer(({ url = '' }, response) => {
    asked.push(url);
    response.writeHead(status).end(body);
  });
  server.listen(0, '127.0.0.1');
  t.after(() => server.close().closeAllConnections());
  await once(server, 'listening');
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

test('the reasons are numbered, with evidence and advice, and notes come last', async (t) => {
  const { address } = await startDouble(t, 200, JSON.stringify(EXPLANATION));
  const { code, stdout } = await lazypirate(['explain', '--inspect', address]);
  assert.equal(code, 0);
  assert.equal(
    stdout,
    `BROKEN  Route orders does not work.

1. orders: Nobody listens there.
     It is down.
   -> Start it.
   What follows from this:
   - Requests wait.
       3 do. Long.

Also:

- By the way.
`,
  );
});

test('colours are for terminals, and not with NO_COLOR', async (t) => {
  const { address } = await startDouble(t, 200, JSON.stringify(EXPLANATION));
  const terminal: Size = { isTTY: true, columns: 80, rows: 24 };
  const args = ['explain', '--inspect', address];
  const { stdout: plain } = await lazypirate(args);
  const { stdout: painted } = await lazypirate(args, { terminal });
  assert.ok(painted.startsWith('\u001b[31mBROKEN\u001b[0m  Route'));
  assert.equal(stripVTControlCharacters(painted), plain);
  assert.equal((await lazypirate(args, { terminal, env: { NO_COLOR: '1' } })).stdout, plain);
});

test('--json prints what came, and the address comes from the environment that run would use', async (t) => {
  const { address, asked } = await startDouble(t, 200, '{"a":1}\n');
  const env = { LAZYPIRATE_ADMIN_INSPECT: address, LAZYPIRATE_UPSTREAM: 'tcp://10.0.0.1:7000' };
  assert.equal((await lazypirate(['explain', '--json'], { env })).stdout, '{"a":1}\n');
  assert.equal((await lazypirate(['status', '--json'], { env })).stdout, '{"a":1}\n');
  assert.deepEqual(asked, ['/explain', '/status']);
});

test('a configuration that is refused does not keep anybody from asking', async (t) => {
  const { address, asked } = await startDouble(t, 200, '{}\n');
  const env = { LAZYPIRATE_ADMIN_INSPECT: address, LAZYPIRATE_UPSTREAM: 'nonsense' };
  assert.equal((await lazypirate(['explain', '--json'], { env })).code, 0);
  assert.deepEqual(asked, ['/explain']);
});

test('where nobody answers, one sentence says where, and what to check', async (t) => {
  const { address } = await startDouble(t, 200, '');
  const closed = createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const { port } = closed.address() as AddressInfo;
  await new Promise((resolve) => closed.close(resolve));
  for (const command of ['explain', 'status']) {
    const { code, stderr, stdout } = await lazypirate([command, '--inspect', `127.0.0.1:${port}`]);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(
      stderr,
      new RegExp(
        `^lazypirate: no sidecar answers at 127.0.0.1:${port} \\(nobody listens there\\)\\. .*--inspect HOST:PORT\\n$`,
      ),
    );
  }
  const { stderr } = await lazypirate(['explain', '--inspect', 'nowhere']);
  assert.match(stderr, /^lazypirate: --inspect: "nowhere" is not an address/);
  assert.ok(address);
});

test('a sidecar that ends in the middle of its answer is an error in one line', async (t) => {
  const server = createServer((_, response) => {
    response.writeHead(200, { 'content-length': 1_000 }).write('{', () => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  t.after(() => server.close().closeAllConnections());
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const command of ['explain', 'status']) {
    const { code, stderr } = await lazypirate([command, '--inspect', address]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      new RegExp(`^lazypirate: no sidecar answers at ${address} \\(.*\\)\\. .*--inspect HOST:PORT\n$`),
    );
  }
});

test('what listens there and is no sidecar is told in words', async (t) => {
  for (const [answer, words] of [
    ['\xff\0\0\0\0\0\0\0\x01\x7f\x03\x01NULL', 'what listens there does not speak HTTP'],
    ['', 'the connection was closed before the whole answer came'],
  ] as const) {
    const server = createTcpServer((socket) => socket.once('data', () => socket.end(answer, 'latin1')));
    server.listen(0, '127.0.0.1');
    t.after(() => server.close());
    await once(server, 'listening');
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const command of ['explain', 'status', 'tap']) {
      const { code, stderr } = await lazypirate([command, '--inspect', address]);
      assert.equal(code, 1);
      const line = `lazypirate: no sidecar answers at ${address} (${words}`;
      assert.equal(stderr.slice(0, line.length), line, `${command}: ${stderr}`);
    }
  }
});

test('a request is asked for by its id, and one that is not kept is an error in words', async (t) => {
  const body = JSON.stringify({ request: {}, text: ['It came.', 'It failed.'] });
  const { address, asked } = await startDouble(t, 200, body);
  const { stdout } = await lazypirate(['explain', '--inspect', address, 'orders.k3x9ab.42']);
  assert.equal(stdout, 'It came.\nIt failed.\n');
  assert.deepEqual(asked, ['/explain?request=orders.k3x9ab.42']);
  const missing = await startDouble(t, 404, 'request "x" is not kept\n');
  const { code, stderr } = await lazypirate(['explain', '--inspect', missing.address, 'x']);
  assert.deepEqual([code, stderr], [1, 'lazypirate: request "x" is not kept\n']);
});

test('an inspect door that is off is told as the reason', async () => {
  for (const upstream of ['tcp://10.0.0.1:7000', '']) {
    const env = { LAZYPIRATE_ADMIN_INSPECT: 'off', LAZYPIRATE_UPSTREAM: upstream };
    const { code, stderr } = await lazypirate(['explain'], { env });
    assert.equal(code, 1);
    assert.match(stderr, /admin\.inspect is off/);
  }
  const { stderr } = await lazypirate(['status'], { env: { LAZYPIRATE_ADMIN_INSPECT: 'here' } });
  assert.match(stderr, /^lazypirate: LAZYPIRATE_ADMIN_INSPECT: "here" is not an address/);
});

test('a sidecar whose new configuration is refused is asked where that says it is', async (t) => {
  const { address } = await startDouble(t, 200, JSON.stringify(WELL));
  const file = join(scratch(), 'config.yaml');
  const ask = async (admin: string) => {
    writeFileSync(file, `admin: { inspect: ${admin} }\nroutes: []\n`);
    return await lazypirate(['explain'], { env: { LAZYPIRATE_CONFIG: file } });
  };
  assert.equal((await ask(address)).stdout, 'WORKING  All is well.\n');
  assert.match((await ask('off')).stderr, /admin\.inspect is off/);
});

test('a sidecar is asked at any port, also at one that browsers refuse', async () => {
  for (const command of ['explain', 'status', 'tap']) {
    const { stderr } = await lazypirate([command, '--inspect', '127.0.0.1:1']);
    assert.match(stderr, /^lazypirate: no sidecar answers at 127\.0\.0\.1:1 \(nobody listens there\)/);
  }
});

test('--watch shows it again in place, with rates since the last time, until Ctrl-C', async (t) => {
  const stop = new AbortController();
  let polls = 0;
  const server = createServer(({ url }, response) => {
    const isStatus = url === '/status';
    if (isStatus) polls++;
    if (polls === 3) stop.abort('SIGINT');
    response.end(JSON.stringify(isStatus ? statusOf(1_000_000 * polls) : WELL));
  });
  server.listen(0, '127.0.0.1');
  t.after(() => server.close().closeAllConnections());
  await once(server, 'listening');
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { code, stdout } = await lazypirate(['status', '--watch', '--inspect', address], {
    terminal: { isTTY: true, columns: 120, rows: 40 },
    interrupted: stop.signal,
  });
  assert.equal(code, 0);
  assert.equal(stdout.split('\u001b[8F').length, 3, 'two of the three replaced the one before');
  const rates = stripVTControlCharacters(stdout).match(/(?<=tcp:\/\/127\.0\.0\.1:5555 +)[\d,.]+/g) ?? [];
  assert.deepEqual(rates.length, 3);
  assert.equal(rates[0], '2.0', 'at first that of the last minute');
  const [, second = ''] = rates;
  const perSecond = Number(second.replaceAll(',', ''));
  assert.ok(perSecond > 2 && perSecond <= 1_010_000, `a million in at least a second: ${second}`);
});

test('--watch and --json do not go together', async () => {
  const { code, stderr } = await lazypirate(['status', '--watch', '--json']);
  assert.deepEqual([code, stderr], [2, 'lazypirate: --json and --watch do not go together\n']);
});
