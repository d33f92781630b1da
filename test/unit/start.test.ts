import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { test } from 'node:test';

const SRC = new URL('../../src/', import.meta.url);

/** Each takes memory and time that a sidecar which never uses it should not pay. */
const ONLY_WHEN_NEEDED = [
  'child_process',
  'crypto',
  'http2',
  'https',
  'inspector',
  'readline',
  'stream/consumers',
  'tls',
  'v8',
  'worker_threads',
  'zlib',
];

/** What is loaded together with a file: not types, and not what it imports later by `import()`. */
function loadedWith(file: string): string[] {
  const source = readFileSync(new URL(file, SRC), 'utf8');
  return [...source.matchAll(/^(?:import|export)\s+(?!type\b)([^;']*?)\s*\bfrom '([^']+)'/gm)]
    .filter(([, names = '']) => !/^{(?:\s*type\s+\w+(?:\s+as\s+\w+)?\s*,?)+\s*}$/.test(names))
    .map(([, , name = '']) => (name.startsWith('.') ? posix.join(posix.dirname(file), name) : name));
}

function allLoadedWith(first: string): Map<string, string> {
  const loadedBy = new Map([[first, '']]);
  for (const [file] of loadedBy) {
    if (!file.endsWith('.ts')) continue;
    for (const name of loadedWith(file)) if (!loadedBy.has(name)) loadedBy.set(name, file);
  }
  return loadedBy;
}

test('a sidecar starts without the other commands, and without the parts of Node that few need', () => {
  const loaded = allLoadedWith('main.ts');
  // main.ts itself loads this one a moment later.
  for (const [name, by] of allLoadedWith('command-line.ts')) loaded.set(name, by);
  assert.ok(
    loaded.has('sidecar/sidecar.ts') && loaded.has('transport/zmtp/zmtp-transport.ts'),
    'they were followed',
  );
  const needless = ONLY_WHEN_NEEDED.filter((name) => loaded.has(`node:${name}`));
  assert.deepEqual(
    needless.map((name) => `${loaded.get(`node:${name}`)} imports ${name}`),
    [],
  );
  const commands = [...loaded.keys()].filter((name) => /^(commands|inject)\//.test(name));
  assert.deepEqual(commands.sort(), ['commands/run.ts']);
});
