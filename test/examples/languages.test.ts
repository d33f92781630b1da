/* The examples in each language, as their pages say: the blocks of commands are pasted into a shell. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { EXAMPLES, pathWith } from '../support/example.ts';
import { commandsOn } from '../support/pages.ts';
import { Shell, shellSkip } from '../support/pasted.ts';
import { scratch } from '../support/scratch.ts';

const BUILT = process.env['LAZYPIRATE_EXAMPLES'];
/** What builds leave behind. */
const LEFTOVERS = ['**/node_modules/**', '**/.venv/**', 'go/bin/**', '**/target/**', '**/sidecar.log'];

/** Why the example cannot be run, or false. */
function unbuilt(language: string): string | false {
  if (BUILT === undefined)
    return 'LAZYPIRATE_EXAMPLES is not set: eval "$(.ci/examples DIRECTORY)" builds the examples';
  const changed = globSync(`${language}/**/*.*`, { cwd: EXAMPLES, exclude: LEFTOVERS }).find((file) => {
    const copy = join(BUILT, file);
    const isSame = existsSync(copy) && readFileSync(copy).equals(readFileSync(join(EXAMPLES, file)));
    return !isSame && !file.endsWith('README.md');
  });
  return changed !== undefined && `${changed} is not what was built: run .ci/examples again`;
}

/** A folder with what is in the example's folder after the page's first block. */
function builtFolder(language: string): string {
  const [folder, built] = [scratch(), join(BUILT ?? '', language)];
  for (const name of readdirSync(built)) symlinkSync(join(built, name), join(folder, name));
  return folder;
}

const ENV = {
  // As on a terminal, each line is printed at once.
  PYTHONUNBUFFERED: '1',
  // Three of them live for seconds.
  JDK_JAVA_OPTIONS: '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC',
};

describe('the example in', { skip: shellSkip(), concurrency: true }, () => {
  for (const language of ['python', 'node', 'go', 'rust', 'java'])
    test(`${language}: an order survives its server, and fails with a reason if no server is left`, {
      skip: unbuilt(language),
    }, async (t) => {
      const [, start = '', killOne = '', killOther = '', end = '', ...more] = commandsOn(
        join(EXAMPLES, language, 'README.md'),
      );
      assert.deepEqual(more, []);
      const shell = new Shell(t, builtFolder(language), { ...ENV, PATH: pathWith() });
      shell.paste(start);
      shell.needsLast('the app');
      await Promise.all(
        [7001, 7002].map((port) => shell.prints(new RegExp(`^order \\d+: (done by ${port})$`))),
      );
      const done = shell.program.stdout.filter((line) => line.startsWith('order ')).length;
      const order = await shell.line((line) => {
        const number = Number(/^7001 works on order (\d+)$/.exec(line)?.[1]);
        return number > done ? number : undefined;
      });
      shell.paste(killOne);
      await shell.prints(new RegExp(`^order ${order + 3}: (done by 7002)$`));
      const results = shell.program.stdout.filter((line) => line.startsWith('order '));
      assert.deepEqual(
        results.slice(0, order + 3).map((line) => line.replace(/ by 700[12]$/, '')),
        Array.from({ length: order + 3 }, (_, at) => `order ${at + 1}: done`),
      );
      // Not so if this machine needs longer than a server for an order.
      t.diagnostic(`the order that 7001 had: ${results[order - 1]}`);

      shell.paste(killOther);
      const failure = JSON.parse(await shell.prints(/^order \d+ failed: (.*)$/));
      assert.match(failure.lazypirate.code, /^(LOST|TIMEOUT|NO_ENDPOINTS)$/);
      shell.paste(end);
      await shell.leave();
    });
});

test('no page lets npx look for the sidecar outside this repository', () => {
  for (const page of globSync('*/README.md', { cwd: EXAMPLES })) {
    const commands = commandsOn(join(EXAMPLES, page)).join('');
    for (const [, options] of commands.matchAll(/\bnpx( .*)? lazypirate\b/g))
      assert.equal(options, ' --prefix ../../..', page);
  }
});
