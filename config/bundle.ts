/*
 * npm run build: makes dist/main.cjs of src/main.ts and of every package but zeromq, which has an addon; the Kubernetes client,
 * which only some configurations load, is a file beside it. Against the same modules one by one this saves half of the time
 * until it listens and a good third of the memory (npm run bench:footprint). Another directory can be given in place of dist.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type OutputChunk, rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const DIST = resolve(process.argv[2] ?? join(ROOT, 'dist'));
/** What it writes, and takes away before; whatever else is there is not its own. */
const CHUNKS = ['kubernetes-client.cjs', 'main.cjs'];
const LICENSES = 'LICENSES.txt';
/** Parts of prom-client that are of no use here, and that load half of Node: tls, cluster, worker threads. */
const LEFT_OUT = /prom-client\/lib\/(pushgateway|cluster)\.js$/;

/** What the Kubernetes client uses of undici, without its mocks, caches and interceptors. */
const UNDICI = `
  exports.Agent = require('./lib/dispatcher/agent');
  exports.ProxyAgent = require('./lib/dispatcher/proxy-agent');
  exports.fetch = require('./lib/web/fetch').fetch;
`;

for (const file of [...CHUNKS, LICENSES]) rmSync(join(DIST, file), { force: true });
const bundle = await rolldown({
  input: join(ROOT, 'src/main.ts'),
  platform: 'node',
  external: ['zeromq'],
  // Its modules only declare, but its package.json does not say so.
  treeshake: { moduleSideEffects: (id) => !id.includes('/@kubernetes/client-node/') },
  plugins: [
    {
      name: 'leave-out',
      load: (id) => {
        if (LEFT_OUT.test(id)) return 'module.exports = class {};';
        return id.endsWith('/undici/index.js') ? UNDICI : undefined;
      },
    },
  ],
});
// CommonJS, since an ES module that imports node:http makes Node load its WebSocket and fetch, which take 15 MiB.
const { output } = await bundle.write({
  dir: DIST,
  format: 'cjs',
  minify: true,
  entryFileNames: '[name].cjs',
  chunkFileNames: '[name].cjs',
});
const chunks = output.filter((one): one is OutputChunk => one.type === 'chunk');
assert.deepEqual(chunks.map(({ fileName }) => fileName).sort(), CHUNKS);
for (const { fileName, code } of chunks) writeFileSync(join(DIST, fileName), inAscii(code));
writeFileSync(join(DIST, LICENSES), licenses(chunks.flatMap(({ moduleIds }) => moduleIds)));

/** A string with one character beyond Latin-1 takes two bytes for each of its characters, and the source is such a string. */
function inAscii(code: string): string {
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** What the packages whose modules are in it want to have said of them. */
function licenses(moduleIds: readonly string[]): string {
  const packages = new Set(
    moduleIds
      .map((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0])
      .filter((directory) => directory !== undefined),
  );
  const texts = [...packages].sort().map((directory) => {
    const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
    const file = readdirSync(directory).find((one) => /^licen[cs]e/i.test(one));
    const text = file === undefined ? '' : `\n${readFileSync(join(directory, file), 'utf8').trim()}\n`;
    return `${name} ${version}: ${license}\n${text}`;
  });
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}
