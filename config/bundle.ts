/*
 * npm run build: makes of src/main.ts and every package that it needs a folder that runs anywhere: dist. It has main.cjs; in files
 * beside it the Kubernetes client, OpenTelemetry, zeromq and the commands other than `run`, which few sidecars load; zeromq's addons
 * for Linux and for the platform that it is built on; the page of the inspect door; and what the parts by others are, with their
 * licences: one that is not allowed is an error. Against the same modules one by one this saves half of the time until it listens and
 * a good third of the memory (npm run bench:footprint).
 *
 *     node config/bundle.ts [DIRECTORY [PLATFORM...]]    another directory than dist; addons for further platforms, such as darwin
 */
import assert from 'node:assert/strict';
import { copyFileSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type OutputChunk, rolldown } from 'rolldown';
import { inventoryOf, noticeOf, partsOf, problemsOf } from './contents/parts.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const [directory = join(ROOT, 'dist'), ...platforms] = process.argv.slice(2);
const DIST = resolve(directory);
const ZEROMQ = join(ROOT, 'node_modules/zeromq/build');
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
/** What it writes, and takes away before; whatever else is there is not its own. */
const CHUNKS = [
  'command-line.cjs',
  'frames.cjs',
  'kubernetes-client.cjs',
  'main.cjs',
  'rolldown-runtime.cjs',
  'spans.cjs',
  'tools.cjs',
  'zeromq-context.cjs',
  'zeromq-lib.cjs',
  'zeromq-sockets.cjs',
  'zeromq-transport.cjs',
  'zeromq.cjs',
];
const LICENSES = 'LICENSES.txt';
const INVENTORY = 'lazypirate.cdx.json';
/** Copied as they are. */
const COPIED = ['LICENSE', 'src/ops/admin/page.html'];
const OWN = [...CHUNKS, LICENSES, INVENTORY, ...COPIED.map((file) => basename(file)), 'zeromq-*.node'];
/** Parts of prom-client and pino that are of no use here, and that load half of Node: tls, cluster, worker threads. */
const LEFT_OUT = /\/prom-client\/lib\/(pushgateway|cluster|summary)\.js$|\/pino\/lib\/transport\.js$/;
/** Needs OpenTelemetry only for exemplars of the CPU time, which are off. */
const CPU_TIME = /\/prom-client\/lib\/metrics\/processCpuTotal\.js$/;

/** What the Kubernetes client uses of undici, without its mocks, caches and interceptors. */
const UNDICI = `
  exports.Agent = require('./lib/dispatcher/agent');
  exports.ProxyAgent = require('./lib/dispatcher/proxy-agent');
  exports.fetch = require('./lib/web/fetch').fetch;
`;

/** In place of zeromq's own loader, which needs a manifest and a tree of folders. */
const ADDON_LOADER = `
  Object.defineProperty(exports, '__esModule', { value: true });
  const { existsSync, readFileSync } = require('node:fs');
  const { platform, arch } = process;
  const maps = '/proc/self/maps';
  const isMusl = existsSync(maps) && readFileSync(maps, 'latin1').includes('/ld-musl-');
  const libc = { darwin: 'libc', win32: 'msvc' }[platform] ?? (isMusl ? 'musl' : 'glibc');
  const file = 'zeromq-' + platform + '-' + arch + '-' + libc + '.node';
  try {
    exports.default = require('node:module').createRequire(__filename)('./' + file);
  } catch (error) {
    process.stderr.write('lazypirate: cannot load ' + file + ': ' + error.message.split('\\n')[0] + '\\n');
    process.exit(1);
  }
`;

for (const file of globSync(OWN, { cwd: DIST })) rmSync(join(DIST, file));
const bundle = await rolldown({
  // zeromq is an entry of its own for the app of the demo chart, which runs in the same image.
  input: { main: join(ROOT, 'src/main.ts'), zeromq: 'zeromq' },
  platform: 'node',
  // Their modules only declare: of the first the package.json does not say so.
  treeshake: { moduleSideEffects: (id) => !/\/(@kubernetes\/client-node|@opentelemetry)\//.test(id) },
  plugins: [
    {
      name: 'replace',
      load: (id) => {
        if (id === join(ROOT, 'src/version.ts')) return bakedIn(readFileSync(id, 'utf8'));
        if (LEFT_OUT.test(id)) return 'module.exports = class {};';
        if (CPU_TIME.test(id)) return readFileSync(id, 'utf8').replace(/^const OtelApi = .*/m, '');
        if (id.endsWith('/zeromq/lib/load-addon.js')) return ADDON_LOADER;
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
  chunkFileNames: ({ name }) => (['lib', 'context'].includes(name) ? 'zeromq-[name].cjs' : '[name].cjs'),
});
const chunks = output.filter((one): one is OutputChunk => one.type === 'chunk');
assert.deepEqual(chunks.map(({ fileName }) => fileName).sort(), CHUNKS);
for (const { fileName, code } of chunks) writeFileSync(join(DIST, fileName), inAscii(code));
for (const [name, file] of addons()) copyFileSync(file, join(DIST, name));
for (const file of COPIED) copyFileSync(join(ROOT, file), join(DIST, basename(file)));
const parts = partsOf(chunks.flatMap(({ moduleIds }) => moduleIds));
const problems = problemsOf(parts);
if (problems.length > 0) throw new Error(`it may not be shipped:\n${problems.join('\n')}`);
writeFileSync(join(DIST, LICENSES), noticeOf(parts));
writeFileSync(join(DIST, INVENTORY), inventoryOf(parts, version));

/** Of each Linux, of the platform that this runs on, and of those asked for: the addon for the newest Node, by the name it has in dist. */
function addons(): Map<string, string> {
  const manifest = JSON.parse(readFileSync(join(ZEROMQ, 'manifest.json'), 'utf8')) as Record<string, string>;
  const newest = new Map<string, { abi: number; file: string }>();
  for (const [key, path] of Object.entries(manifest)) {
    const { os, arch, libc, abi } = JSON.parse(key);
    const name = `zeromq-${os}-${arch}-${libc}.node`;
    if (!['linux', process.platform, ...platforms].includes(os)) continue;
    if (abi > (newest.get(name)?.abi ?? 0)) newest.set(name, { abi, file: join(ZEROMQ, path) });
  }
  return new Map([...newest].map(([name, { file }]) => [name, file]));
}

/** The module of the version, with the version in it. */
function bakedIn(source: string): string {
  const libzmq = /export const libzmqVersion = .*/.exec(source)?.[0];
  return `export const version = ${JSON.stringify(version)};\n${libzmq}`;
}

/** A string with one character beyond Latin-1 takes two bytes for each of its characters, and the source is such a string. */
function inAscii(code: string): string {
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
