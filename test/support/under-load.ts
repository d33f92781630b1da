/*
 * `nice -n 19 npm run test:loaded`: the suite, or some files of it, again and again on a machine that is busy. A test that fails here
 * and not on a quiet machine depends on time where it must not. Loops and tests have the same priority.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { end } from './arguments.ts';
import { scratch } from './scratch.ts';

const USAGE = `usage: npm run test:loaded -- [--times 5] [--loops 4] [--stalls] [FILE...]
  --times   how often to run the tests
  --loops   how many processes do nothing but use a CPU meanwhile
  --stalls  each process under test also stands still now and then, for up to 1.5 s
  FILE      test files, or patterns; the whole suite by default`;
const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const STALL = new URL('stall-now-and-then.ts', import.meta.url).href;
/** Ends with its parent, however that ends. */
const LOOP = 'const parent = process.ppid; while (process.ppid === parent);';

interface Result {
  isGreen: boolean;
  counts: string;
  failures: string[];
  seconds: number;
}

function read() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      times: { type: 'string', default: '5' },
      loops: { type: 'string', default: '4' },
      stalls: { type: 'boolean', default: false },
    },
  });
  const [times, loops] = [values.times, values.loops].map((text) => (/^\d+$/.test(text) ? Number(text) : -1));
  if (times === undefined || loops === undefined || times < 1 || loops < 0) throw new Error('no number');
  return { times, loops, isStalling: values.stalls, files: positionals };
}

async function runOnce(log: string, files: readonly string[], isStalling: boolean): Promise<Result> {
  const sinceMs = performance.now();
  // Of the test files, and of what they start (stalls.ts).
  const options = isStalling ? `--import=${STALL}` : '';
  const env = { ...process.env, NODE_OPTIONS: options, LAZYPIRATE_TEST_OPTIONS: options };
  const child = spawn(process.execPath, [MAIN, ...files], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = createWriteStream(log);
  child.stdout.pipe(output, { end: false });
  child.stderr.pipe(output, { end: false });
  // How far it is, and what fails, is shown at once.
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (/^(…|✖ failed just now)/.test(line)) console.error(line);
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  await new Promise<void>((resolve) => output.end(resolve));
  const lines = readFileSync(log, 'utf8').split('\n');
  const count = (what: string) => lines.findLast((line) => line.startsWith(`ℹ ${what} `))?.slice(2) ?? '';
  const failuresAt = lines.findIndex((line) => line.startsWith('✖ failing tests'));
  return {
    isGreen: code === 0,
    counts: ['pass', 'fail', 'cancelled', 'skipped'].map(count).join(', '),
    failures: failuresAt < 0 ? [] : lines.slice(failuresAt).filter((line) => /^\s*✖ |^test at /.test(line)),
    seconds: (performance.now() - sinceMs) / 1_000,
  };
}

async function main(): Promise<number> {
  const { times, loops, isStalling, files } = read();
  const folder = scratch();
  const busy: ChildProcess[] = Array.from({ length: loops }, () => spawn(process.execPath, ['-e', LOOP]));
  let green = 0;
  for (let time = 1; time <= times; time++) {
    const log = join(folder, `${time}.log`);
    const { isGreen, counts, failures, seconds } = await runOnce(log, files, isStalling);
    if (isGreen) green++;
    console.log(
      `${time} of ${times}: ${isGreen ? 'green' : 'RED'} after ${seconds.toFixed(0)} s (${counts})`,
    );
    if (!isGreen) console.log([...failures, '', readFileSync(log, 'utf8')].join('\n'));
  }
  for (const loop of busy) loop.kill();
  console.log(`${green} of ${times} green, with ${loops} busy loops${isStalling ? ' and stalls' : ''}`);
  return green === times ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  end(`${(error as Error).message}\n${USAGE}`, 2);
}
