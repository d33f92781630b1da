import assert from 'node:assert/strict';
import { test } from 'node:test';

/** In place of the end of the process. */
class Exit extends Error {
  readonly code: unknown;

  constructor(code: unknown) {
    super(`exit ${code}`);
    this.code = code;
  }
}

const WRONG: [string, ...string[]][] = [
  ['simulation/main.ts', '--seeds', 'abc'],
  ['simulation/main.ts', '--seeds', '0'],
  ['soak/main.ts', '--minutes', '1.5'],
  ['soak/main.ts', 'stray'],
  ['bench/bench.ts', 'nope'],
  ['bench/bench.ts', 'goals', 'nope'],
  ['bench/bench.ts', '--nope'],
  ['support/under-load.ts', '--times', '0'],
  ['support/under-load.ts', '--loops', 'x'],
  ['support/under-load.ts', '--nope'],
];

for (const [file, ...args] of WRONG)
  test(`${file} refuses ${args.join(' ')} and shows the right arguments`, async (t) => {
    t.mock.method(process, 'exit', (code: unknown) => {
      throw new Exit(code);
    });
    const print = t.mock.method(console, 'log', () => undefined);
    const complain = t.mock.method(console, 'error', () => undefined);
    const { argv } = process;
    t.after(() => {
      process.argv = argv;
    });
    process.argv = [process.execPath, file, ...args];
    // Each time anew, with what it needs from the time before.
    await assert.rejects(import(`../${file}?${encodeURIComponent(args.join())}`), new Exit(2));
    const told = complain.mock.calls.flatMap((call) => call.arguments as unknown[]).join('\n');
    assert.match(told, /usage: npm run/);
    assert.equal(print.mock.callCount(), 0);
  });
