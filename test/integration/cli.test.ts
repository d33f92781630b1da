import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { demo } from '../../src/commands/demo.ts';
import { ask } from '../support/ask.ts';
import { inThisProcess, onTerminal } from '../support/in-this-process.ts';
import { Program, startServe, startSidecar } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import { until } from '../support/until.ts';

const COMMANDS = ['run', 'check', 'status', 'explain', 'tap', 'inject', 'schema', 'send', 'serve', 'demo'];

/** Runs it to its end. */
async function lazypirate(t: { after(end: () => unknown): void }, ...args: string[]) {
  const program = Program.lazypirate(t, args);
  program.child.stdin?.end('from standard input');
  const { code } = await program.ended;
  return { code, stdout: program.stdout, stderr: program.stderr };
}

test('every command has help, and --help lists them all', async (t) => {
  const overview = await lazypirate(t, '--help');
  assert.deepEqual((await inThisProcess('help', '-h')).stdout, overview.stdout);
  assert.equal(overview.code, 0);
  for (const command of COMMANDS) {
    assert.match(overview.stdout.join('\n'), new RegExp(`^  ${command} `, 'm'));
    const { code, stdout } = await inThisProcess(command, '--help');
    assert.equal(code, 0);
    assert.match(stdout[0] ?? '', /^Usage: lazypirate/);
    for (const ask of [
      ['help', command],
      ['--help', command],
      ['help', command, '-h'],
    ])
      assert.deepEqual((await inThisProcess(...ask)).stdout, stdout);
  }
});

test('a wrong command line is one clear line and exit code 2', async (t) => {
  const rows: [[string[], RegExp], ...[string[], RegExp][]] = [
    [['nope'], /^lazypirate: unknown command nope; try lazypirate --help$/],
    [['run', '--nope'], /^lazypirate: unknown option --nope; try lazypirate run --help$/],
    [['serve'], /serve needs an ENDPOINT/],
    [['serve', 'tcp://127.0.0.1:*', '--drop', '2'], /--drop must be a number from 0 to 1/],
    [['serve', 'tcp://127.0.0.1:*', '--delay', 'soon'], /"soon" is not a duration/],
    [['send'], /send needs an ENDPOINT/],
    [['serve', '7002'], /ENDPOINT: "7002" is not an address: write tcp:/],
    [['send', 'tcp://nowhere', 'x'], /ENDPOINT: .*write tcp:\/\/IP:PORT/],
    [['send', '127.0.0.1:7000', 'x'], /^lazypirate: ENDPOINT: "127\.0\.0\.1:7000" is not an address/],
    [['send', 'service/orders:zmq', 'x'], /ENDPOINT: .* is not an address/],
    [['check', '--config='], /^lazypirate: --config needs the name of a file$/],
    [['check', '--upstream', 'tcp://10.0.0.1:7', '--upstream=tcp://10.0.0.2:7'], /--upstream is given twice/],
    [['run', '-c', 'a.yaml', '--config', 'b.yaml'], /--config is given twice/],
    [['send', 'tcp://127.0.0.1:1', '--attempts', '1', '--attempts', '1'], /--attempts is given twice/],
    [['send', 'tcp://127.0.0.1:1', 'x', '--wait', '1000h'], /^lazypirate: --wait: must be from 0 to 24h/],
    [['serve', 'tcp://127.0.0.1:*', '--delay', '1000h'], /^lazypirate: --delay: must be from 0 to 24h/],
    [['check', '--upstream', 'tcp://10.0.0.1:7', '-xx'], /^lazypirate: unknown option -x; try/],
    [['serv', 'tcp://127.0.0.1:7'], /^lazypirate: unknown command serv; did you mean serve\?$/],
    [['stats'], /^lazypirate: unknown command stats; did you mean status\?$/],
    [['sub'], /^lazypirate: unknown command sub; try lazypirate --help$/],
    [['demo', '--for', 'ever'], /^lazypirate: --for: "ever" is not a duration/],
    [['demo', '--for', '0'], /^lazypirate: --for: must be from 1s to 24h/],
    [['demo', '20s'], /^lazypirate: unexpected argument 20s; try lazypirate demo --help$/],
    [['sned'], /^lazypirate: unknown command sned; did you mean send\?$/],
    [['orders.yaml'], /^lazypirate: unknown command orders\.yaml; did you mean run --config orders\.yaml\?$/],
    [
      ['run', 'orders.yaml'],
      /^lazypirate: unexpected argument orders\.yaml; did you mean --config orders\.yaml\?$/,
    ],
    [['check', '--confg', 'a'], /^lazypirate: unknown option --confg; did you mean --config\?$/],
    [['check', '--config'], /^lazypirate: --config needs a value; try lazypirate check --help$/],
    [
      ['run', '--upstream', 'tcp://10.0.0.1:7', '--timeout', 'soon'],
      /^lazypirate: --timeout: "soon" is not a/,
    ],
    [['run', '--upstream', 'tcp://10.0.0.1:7', '--timeout', '-5'], /^lazypirate: --timeout needs a value/],
    [
      ['send', 'tcp://127.0.0.1:1', 'x', '--attempts', '0'],
      /^lazypirate: --attempts: must be a whole number/,
    ],
    [['send', 'tcp://127.0.0.1:1', 'x', '--wait', 'soon'], /^lazypirate: --wait: "soon" is not a duration/],
    [['run', '--upstream', 'nope'], /^lazypirate: --upstream: "nope" is not an address/],
    [['run', '--upstream', 'service/orders'], /^lazypirate: --upstream: port: must be a port/],
    [['schema', '--json'], /^lazypirate: unknown option --json; try lazypirate schema --help$/],
    [['schema', 'x'], /^lazypirate: unexpected argument x; try lazypirate schema --help$/],
    [['serve', 'tcp://127.0.0.1:1', 'x'], /^lazypirate: unexpected argument x; try lazypirate serve --help$/],
    [['serve', 'tcp://127.0.0.1:1', '--exit-after', '0'], /^lazypirate: --exit-after must be a whole number/],
    [['serve', 'orders:7000'], /^lazypirate: ENDPOINT: "orders:7000" is not an address/],
    [[], /no upstream/],
  ];
  for (const [args, words] of rows) {
    const { code, stdout, stderr } = await inThisProcess(...args);
    assert.equal(code, 2, args.join(' '));
    assert.deepEqual([stdout, stderr.length], [[], 1], stderr.join('\n'));
    assert.match(stderr[0] ?? '', words);
  }
  // As a process does it.
  const [[args, words]] = rows;
  const { code, stdout, stderr } = await lazypirate(t, ...args);
  assert.deepEqual([code, stdout, stderr.length], [2, [], 1]);
  assert.match(stderr[0] ?? '', words);
});

test('a Node that is too old is reported in one line', async (t) => {
  const { engines } = JSON.parse(readFileSync('package.json', 'utf8'));
  assert.equal(engines.node, '>=24');
  const old = join(scratch(), 'old.cjs');
  writeFileSync(
    old,
    `delete Promise.withResolvers;
     Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '23.11.1' } });`,
  );
  const program = Program.lazypirate(t, ['--help'], { env: { NODE_OPTIONS: `--require=${old}` } });
  assert.deepEqual(await program.ended, { code: 1, signal: null });
  assert.deepEqual(program.stderr, ['lazypirate: needs Node 24 or newer, but this is 23.11.1']);
});

test('check and run report the same problems, each with line and path, and exit with 2', async () => {
  const file = join(scratch(), 'bad.yaml');
  writeFileSync(file, 'log: { level: loud }\nroutes:\n  - name: a\n    atempts: 3\n');
  const checked = await inThisProcess('check', '--config', file);
  const run = await inThisProcess('run', '--config', file);
  assert.equal(checked.code, 2);
  assert.deepEqual(run, checked);
  assert.deepEqual(checked.stderr, [
    `lazypirate: ${file}:1:8: log.level: must be one of trace, debug, info, warn, error, fatal, silent`,
    `lazypirate: ${file}:3:5: routes[0].listen: is missing`,
    `lazypirate: ${file}:3:5: routes[0].upstream: is missing`,
    `lazypirate: ${file}:4:5: routes[0].atempts: is not a known key here; did you mean attempts?`,
  ]);
});

test('check shows the settings of each route, and warns', async () => {
  const file = join(scratch(), 'warned.yaml');
  const upstream = 'upstream: { endpoints: [tcp://10.0.0.1:7000] }';
  const routes = [
    `{ name: orders, listen: tcp://127.0.0.1:5555, ${upstream} }`,
    `{ name: quick, listen: tcp://127.0.0.1:5556, ${upstream}, deadline: "10", attempts: 1 }`,
    `{ name: short, listen: tcp://127.0.0.1:5557, ${upstream}, deadline: "10" }`,
  ];
  writeFileSync(file, `routes: [${routes.join(', ')}]`);
  const { code, stdout } = await inThisProcess('check', '--config', file);
  assert.equal(code, 0);
  assert.deepEqual(stdout.slice(0, 4), [
    'valid: 3 routes',
    '  orders: tcp://127.0.0.1:5555 -> tcp://10.0.0.1:7000 (3 attempts of 2500ms within 7575ms)',
    '  quick: tcp://127.0.0.1:5556 -> tcp://10.0.0.1:7000 (1 attempt of 2500ms within 10ms)',
    '  short: tcp://127.0.0.1:5557 -> tcp://10.0.0.1:7000 (3 attempts of 2500ms within 10ms)',
  ]);
  assert.match(
    stdout.slice(4).join('\n'),
    /^warning: .*routes\[2\]\.deadline: the deadline of 10ms is shorter than/,
  );
});

test('the examples are valid', async () => {
  for (const name of ['minimal', 'full']) {
    const { code, stderr } = await inThisProcess('check', '--config', `config/${name}.yaml`);
    assert.equal(code, 0, stderr.join('\n'));
  }
});

test('check reads a configuration from standard input', async (t) => {
  const yaml = 'routes: [{ name: orders, listen: "tcp://127.0.0.1:5555" }]';
  const through = ['sh', '-c', 'echo "$0" | "$@"', yaml];
  const program = Program.lazypirate(t, ['check', '--config', '/dev/stdin'], { through });
  assert.equal((await program.ended).code, 2);
  assert.match(
    program.stderr.join('\n'),
    /^lazypirate: \/dev\/stdin:1:10: routes\[0\].upstream: is missing$/m,
  );
});

test('run reads a configuration from a pipe, and SIGHUP does not lose it', async (t) => {
  const route = 'name: orders, listen: "tcp://127.0.0.1:0", upstream: { endpoints: ["tcp://127.0.0.1:7"] }';
  // A shell makes a pipe of it, and then becomes the sidecar.
  const through = ['sh', '-c', 'exec "$@" <<END\n$0\nEND', `routes: [{ ${route} }]`];
  const { program } = await startSidecar(t, ['--config', '/dev/stdin'], { through });
  program.kill('SIGHUP');
  await program.logged('reload applied');
});

test('the schema is JSON', async () => {
  const { code, stdout } = await inThisProcess('schema');
  assert.equal(code, 0);
  assert.ok('routes' in JSON.parse(stdout.join('\n')).properties);
});

test('send prints the reply of an upstream, one line a frame, and takes standard input', async (t) => {
  const { address } = await startServe(t);
  const words = await lazypirate(t, 'send', address, 'hello', 'world');
  assert.deepEqual([words.code, words.stdout], [0, ['hello', 'world']]);
  assert.match(words.stderr[0] ?? '', /^[\d.]+ ms, 1 attempt$/);
  assert.deepEqual((await inThisProcess('send', address)).stdout, ['from standard input']);
});

test('send without a reply fails with 1 and one line that says why', async (t) => {
  const { address } = await startServe(t, ['--drop', '1']);
  const silent = ['send', address, 'hello', '--timeout', '100ms'];
  const nowhere = ['send', 'tcp://127.0.0.1:1', 'hello', '--wait', '100ms'];
  for (const [args, words] of [
    [silent, /^no reply within 100ms \([\d.]+ ms, 1 attempt\)$/],
    [[...silent, '--attempts', '2'], /^no reply within 100ms to any attempt \([\d.]+ ms, 2 attempts\)$/],
    [
      nowhere,
      /^no connection to tcp:\/\/127\.0\.0\.1:1 within 100ms, so the request was not sent: .+ \([\d.]+ ms\)$/,
    ],
  ] as const) {
    const { code, stdout, stderr } = await inThisProcess(...args);
    assert.deepEqual([code, stdout, stderr.length], [1, [], 1], stderr.join('\n'));
    assert.match(stderr[0] ?? '', words);
  }
});

test('send waits, in one attempt, for a sidecar that gives up only after its own attempts', async (t) => {
  const serve = await startServe(t, ['--drop', '1']);
  const sidecar = await startSidecar(t, ['--listen', 'tcp://127.0.0.1:0', '--upstream', serve.address]);
  const { code, stdout, stderr } = await inThisProcess('send', sidecar.address, 'hello');
  assert.deepEqual([code, stdout], [1, []]);
  assert.match(stderr[0] ?? '', /^failure reply 504 TIMEOUT: no reply in time/);
  assert.match(
    stderr[1] ?? '',
    /^route default, request default\.[0-9a-z]{6}\.1, 3 attempts, \d+ ms; the request may have been executed$/,
  );
  assert.match(stderr[2] ?? '', /^[\d.]+ ms, 1 attempt$/);
  assert.equal(await sidecar.metric('lazypirate_requests_total{route="default",outcome="timeout"}'), 1);
});

test('send explains a failure reply of either format', async (t) => {
  for (const format of ['json', 'multipart']) {
    const file = join(scratch(), 'sidecar.yaml');
    const route = `{ name: orders, listen: "tcp://127.0.0.1:0", wait: 0, failureReply: { format: ${format} },
      upstream: { endpoints: ["tcp://127.0.0.1:1"] } }`;
    writeFileSync(file, `routes: [${route}]`);
    const sidecar = await startSidecar(t, ['--config', file]);
    const { code, stdout, stderr } = await inThisProcess('send', sidecar.address, 'hello');
    assert.deepEqual([code, stdout], [1, []], format);
    assert.match(stderr[0] ?? '', /^failure reply 503 NO_ENDPOINTS: /);
    assert.match(
      stderr[1] ?? '',
      /^route orders, request orders\.[0-9a-z]{6}\.1, not sent, \d+ ms; the request was not executed$/,
    );
  }
});

test('send that is interrupted while it waits for the reply says so', async (t) => {
  const serve = await startServe(t, ['--delay', '1h']);
  const sidecar = await startSidecar(t, ['--listen', 'tcp://127.0.0.1:0', '--upstream', serve.address]);
  const program = Program.lazypirate(t, ['send', sidecar.address, 'hello']);
  await until('it is in flight', async () => {
    return (await sidecar.metric('lazypirate_in_flight_requests{route="default"}')) === 1;
  });
  program.kill('SIGINT');
  const { code } = await program.ended;
  assert.deepEqual([code, program.stdout, program.stderr.length], [1, [], 1]);
  assert.match(program.stderr[0] ?? '', /^interrupted before a reply came \([\d.]+ ms, 1 attempt\)$/);
});

test('send that is interrupted while it looks for a connection says that the request was not sent', async (t) => {
  const deaf = createServer();
  deaf.listen(0, '127.0.0.1');
  t.after(() => deaf.close());
  await once(deaf, 'listening');
  const { port } = deaf.address() as AddressInfo;
  const program = Program.lazypirate(t, ['send', `tcp://127.0.0.1:${port}`, 'hello', '--wait', '1h']);
  const [socket] = (await once(deaf, 'connection')) as [Socket];
  socket.on('error', () => undefined);
  program.kill('SIGINT');
  const { code } = await program.ended;
  assert.deepEqual([code, program.stdout, program.stderr.length], [1, [], 1]);
  assert.match(program.stderr[0] ?? '', /^interrupted before the request was sent \([\d.]+ ms\)$/);
});

test('send that is interrupted while it waits for its input ends with 1 and one line', async (t) => {
  const program = Program.lazypirate(t, ['send', 'tcp://127.0.0.1:1']);
  // More than a pipe holds, so that what is written is being read.
  await new Promise((resolve) => program.child.stdin?.write(Buffer.alloc(2 ** 20), resolve));
  program.kill('SIGINT');
  const { code } = await program.ended;
  assert.deepEqual([code, program.stderr], [1, ['lazypirate: interrupted; nothing was sent']]);
});

test('send takes a path with a comma', async (t) => {
  const address = `ipc://${join(scratch(), 'a,b.sock')}`;
  await startServe(t, [], address);
  assert.deepEqual((await inThisProcess('send', address, 'x')).stdout, ['x']);
});

test('send takes the address where a sidecar listens by default', async () => {
  const { code, stderr } = await inThisProcess(
    'send',
    'tcp://localhost:5555',
    'hello',
    '--timeout',
    '50ms',
    '--wait',
    '50ms',
  );
  // Whoever listens there, or nobody: the address is not refused.
  assert.notEqual(code, 2, stderr.join('\n'));
});

test('serve exits after N replies, including the last one', async (t) => {
  const { program, address } = await startServe(t, ['--exit-after', '2', '--delay', '20ms']);
  for (const body of ['a', 'b']) assert.equal((await ask(address, body)).text, body);
  assert.deepEqual(await program.ended, { code: 0, signal: null });
  assert.deepEqual(program.stdout, [`serving ${address}`, 'answered 2 requests']);
});

test('serve answers requests concurrently', async (t) => {
  const { address } = await startServe(t, ['--delay', '1s']);
  const alone = await ask(address, 'alone');
  const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => ask(address, `q${i}`)));
  // One after the other, the last one would take 20 times as long.
  for (const { ms } of answers) assert.ok(ms < 10 * alone.ms, `it took ${ms} ms, and ${alone.ms} ms alone`);
});

test('a port in use is one line that says which, and exit code 1', async (t) => {
  const first = await startSidecar(t, ['--listen', 'tcp://127.0.0.1:0', '--upstream', 'tcp://127.0.0.1:1']);
  const admin = first.admin.slice('http://'.length);
  for (const [args, words] of [
    [
      ['--listen', first.address, '--admin-listen', '127.0.0.1:0'],
      `route default: cannot listen on ${first.address}: `,
    ],
    [['--listen', 'tcp://127.0.0.1:0', '--admin-listen', admin], admin],
  ] as const) {
    const { code, stderr } = await lazypirate(t, 'run', '--upstream', 'tcp://127.0.0.1:1', ...args);
    assert.equal(code, 1);
    assert.equal(stderr.length, 1, stderr.join('\n'));
    const [line = ''] = stderr;
    assert.ok(line.includes(words), line);
    assert.match(line, /in use/);
  }
});

test('an ipc path of a live process is refused, one left behind by a dead process is reused', async (t) => {
  const path = join(scratch(), 'app.sock');
  const args = ['--listen', `ipc://${path}`, '--upstream', 'tcp://127.0.0.1:1', '--timeout', '50ms'];
  const first = await startSidecar(t, args);
  const second = await lazypirate(t, 'run', '--admin-listen', '127.0.0.1:0', ...args);
  assert.equal(second.code, 1);
  assert.match(
    second.stderr.join('\n'),
    /^lazypirate: route default: cannot listen on .*another process listens there \(address in use\)$/,
  );
  assert.match((await ask(first.address, 'x')).text, /NO_ENDPOINTS/, 'the first one is still there');
  first.program.kill('SIGKILL');
  await first.program.ended;
  const third = await startSidecar(t, args);
  assert.match((await ask(third.address, 'x')).text, /NO_ENDPOINTS/);
});

test('a command whose reader leaves ends without a word about it', async (t) => {
  for (const args of [['--help'], ['schema']]) {
    // The reader has left before the first line is written.
    const through = ['sh', '-c', '{ "$0" "$@"; echo "code $?" >&2; } | true'];
    const program = Program.lazypirate(t, args, { through });
    await program.ended;
    assert.deepEqual(program.stderr, ['code 0'], args.join(' '));
  }
});

test('output that cannot be written is one line that says why, and exit code 1', async (t) => {
  const through = ['sh', '-c', '"$0" "$@" >/dev/full'];
  const program = Program.lazypirate(t, ['schema'], { through });
  assert.equal((await program.ended).code, 1);
  assert.deepEqual(program.stderr, [
    'lazypirate: cannot write to standard output: ENOSPC: no space left on device, write',
  ]);
});

test('a command that does nothing but print says that standard output is closed, and ends with exit code 1', async (t) => {
  const words =
    'lazypirate: standard output seems to be closed, so nothing can be printed; to discard it, open /dev/null to write only, as >/dev/null does';
  for (const args of [
    ['inject', 'config/minimal.yaml'],
    ['schema'],
    ['check', '--migrate', '-c', 'config/minimal.yaml'],
    ['tap'],
  ]) {
    const { code, stderr } = await onTerminal({ isOutputClosed: () => true }, ...args);
    assert.deepEqual([code, stderr], [1, [words]], args.join(' '));
  }
  // As a process does it.
  for (const [args, code] of [
    [['schema'], 1],
    [['check', '-c', 'config/minimal.yaml'], 0],
  ] as const) {
    const closed = Program.lazypirate(t, args, { through: ['sh', '-c', '"$0" "$@" >&-'] });
    assert.equal((await closed.ended).code, code, args.join(' '));
    assert.deepEqual(closed.stderr, code === 0 ? [] : [words]);
  }
  const discarded = Program.lazypirate(t, ['schema'], { through: ['sh', '-c', '"$0" "$@" >/dev/null'] });
  assert.deepEqual([(await discarded.ended).code, discarded.stderr], [0, []]);
});

test('the demo ends with its reader, and leaves no process behind', async (t) => {
  const through = ['sh', '-c', '"$0" "$@" | head -n 1'];
  const demo = Program.lazypirate(t, ['demo', '--for', '24h'], { through });
  // What it has started has its standard error.
  await demo.ended;
  assert.equal(demo.stdout.length, 1);
  assert.deepEqual(demo.stderr, []);
});

test('the demo says what it starts before anything has started, and can be interrupted then', async (t) => {
  // In place of lazypirate, a program that is never ready.
  const self = [process.execPath, '-e', 'setInterval(() => {}, 1e6)'] as const;
  const interrupt = new AbortController();
  const stdout = new PassThrough();
  const exits: (() => void)[] = [];
  t.after(() => {
    for (const exit of exits) exit();
  });
  const { env, stdin, stderr } = process;
  const code = demo.run(['--for', '1s'], {
    ...{ env, stdin, stdout, stderr, self, node: process.versions.node },
    interrupted: interrupt.signal,
    onHangup: () => undefined,
    onUserSignal: () => undefined,
    endWithin: () => undefined,
    onExit: (listener) => exits.push(listener),
  });
  let text = '';
  stdout.on('data', (chunk) => (text += chunk));
  await until('it says what it starts', () => text.endsWith('starting 3 upstreams...\n'));
  assert.match(text, /^lazypirate demo: 8 plain REQ sockets -> sidecar -> 3 upstreams\n/);
  interrupt.abort();
  assert.equal(await code, 1);
});

test('the demo kills no more often than its help says, whatever a sidecar is configured to do', async (t) => {
  const seconds = Number(/Every ([\d.]+) s/.exec(demo.help)?.[1]);
  assert.ok(seconds > 0);
  const args = ['demo', '--for', `${2 * seconds - 0.5}s`];
  const { ended, stdout, stderr } = Program.lazypirate(t, args, { env: { LAZYPIRATE_ATTEMPTS: '0' } });
  const { code } = await ended;
  assert.equal(code, 0, [...stdout, ...stderr].join('\n'));
  const found = /[\d,]+ requests, [\d,]+ replies, 0 lost, 0 crossed, (\d+) kills?/.exec(stdout.join('\n'));
  const kills = Number(found?.[1]);
  assert.ok(kills <= 1, `${kills} kills`);
});
