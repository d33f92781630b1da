import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inThisProcess } from '../support/in-this-process.ts';
import { scratch } from '../support/scratch.ts';

const folder = scratch();
const OLD = `# orders
routes:
  - name: orders
    listen: tcp://127.0.0.1:9556 # the app
    upstream: { endpoints: [tcp://10.0.0.1:7000] }
    heartbeat: { interval: 2s }
`;

function file(text: string): string {
  const path = join(folder, 'old.yaml');
  writeFileSync(path, text);
  return path;
}

test('check --migrate prints the new file, says what is changed, and writes nothing', async () => {
  const path = file(OLD);
  const { code, stdout, stderr } = await inThisProcess('check', '--migrate', '--config', path);
  assert.equal(code, 0);
  assert.equal(`${stdout.join('\n')}\n`, `${OLD}admin: { inspect: off }\n`);
  assert.equal(
    stderr[0],
    `changed: ${path}:2:1: admin.inspect: is now off, because a listener has its default, 127.0.0.1:9556`,
  );
  assert.ok(stderr.slice(1).every((line) => line.startsWith(`note: ${path}:`)));
  assert.ok(
    stderr.some((line) => line.includes('routes[0].heartbeat.interval: has another meaning: before: ')),
  );
  assert.equal(readFileSync(path, 'utf8'), OLD);
});

test('check --migrate prints a file that needs nothing as it is, and says so', async () => {
  const { code, stdout, stderr } = await inThisProcess('check', '--migrate', '-c', 'config/full.yaml');
  assert.equal(code, 0);
  assert.equal(`${stdout.join('\n')}\n`, readFileSync('config/full.yaml', 'utf8'));
  assert.equal(stderr.at(-1), 'config/full.yaml needs no change');
});

test('check --migrate prints no file that would not be valid, but what is wrong with the old one', async () => {
  const path = file(OLD.replace('2s', '2 years'));
  const { code, stdout, stderr } = await inThisProcess('check', '--migrate', '--config', path);
  assert.deepEqual([code, stdout], [2, []]);
  assert.deepEqual(stderr, [
    `lazypirate: ${path}:6:18: routes[0].heartbeat.interval: "2 years" is not a duration: write 250ms, 2.5s, 1m or a number of milliseconds`,
  ]);
});

test('check --migrate needs a file, and does not connect', async () => {
  for (const [args, words] of [
    [['--upstream', 'tcp://10.0.0.1:7'], 'lazypirate: --migrate needs a file: --config FILE'],
    [['--live', '-c', 'config/full.yaml'], 'lazypirate: --live and --migrate do not work together'],
  ] as const) {
    const { code, stderr } = await inThisProcess('check', '--migrate', ...args);
    assert.deepEqual([code, stderr], [2, [words]]);
  }
});
