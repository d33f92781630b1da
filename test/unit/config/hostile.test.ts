import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../../src/config/load-config.ts';
import { ConfigError } from '../../../src/errors.ts';
import { scratch } from '../../support/scratch.ts';
import { workOf } from '../../support/work.ts';

const folder = scratch();
const ROUTE = 'name: orders, listen: tcp://127.0.0.1:5555, upstream: { endpoints: [tcp://10.1.2.3:7000] }';
const VALID = `routes: [{ ${ROUTE} }]\n`;
const BOMB = `a: &a [x]\nb: &b [${'*a,'.repeat(9)}*a]\n${[...'cdefghij'].map((name, index) => `${name}: &${name} [${`*${'bcdefghi'[index]},`.repeat(9)}x]`).join('\n')}\n`;

/** Calls and blocks of code: twice what the worst of these takes, and far less than what has no bound. */
const WORK_MOST = 13_000_000;

function refusalOf(load: () => unknown): { error: unknown; work: number } {
  let error: unknown;
  const work = workOf(() => {
    try {
      load();
    } catch (thrown) {
      error = thrown;
    }
  });
  return { error, work };
}

function keys(count: number, between: string): string {
  return Array.from({ length: count }, (_, number) => `k${number}: 1`).join(between);
}

/** What a file may be that its author, or whoever can write it, means ill with; and what must be said of it. */
const HOSTILE: Record<string, [content: string | Buffer, words: RegExp]> = {
  'a prototype at the top': [`__proto__: { admin: { listen: "0.0.0.0:1" } }\n${VALID}`, /__proto__/],
  'a prototype of a route': [`routes: [{ ${ROUTE}, __proto__: { attempts: 9 } }]`, /__proto__/],
  'a constructor': [`constructor: { prototype: { isAdmin: true } }\n${VALID}`, /constructor/],
  'a merge key': [`base: &base { attempts: 9 }\nroutes: [{ ${ROUTE}, <<: *base }]`, /<</],
  'an alias bomb': [BOMB + VALID, /[Aa]lias/],
  'a key twice': [`routes: [{ ${ROUTE}, name: other }]`, /unique/],
  'a key twice at the top': [`${VALID}${VALID}`, /unique/],
  '10 MB': [`# ${'x'.repeat(10_000_000)}\n${VALID}`, /more than 262144 bytes/],
  'UTF-16': [Buffer.from(VALID, 'utf16le'), /holds zero bytes, as UTF-16 does: save it as UTF-8/],
  'what is not UTF-8': [Buffer.concat([Buffer.from(VALID), Buffer.from([0x23, 0xff, 0xfe])]), /is not UTF-8/],
  'zero bytes': [Buffer.alloc(100_000), /./],
  'deep nesting': ['['.repeat(30_000), /./],
  'many routes': [`routes: [${`{ ${ROUTE} },`.repeat(1_000)}]`, /orders is also the name of routes\[0\]/],
  'too many routes': [`routes: [${'{},'.repeat(15_000)}]`, /has 15000 routes, but at most 1000 are allowed/],
  'routes that are none': [`routes: [${'{},'.repeat(1_000)}]`, /2900 more problems/],
  'many keys that nobody knows': [VALID + keys(6_000, '\n'), /5900 more problems/],
  'many keys of a route that nobody knows': [`routes: [{ ${ROUTE}, ${keys(6_000, ', ')} }]`, /more problems/],
  'a long key': [`${VALID}? ${'k'.repeat(200_000)}\n: 1\n`, /is not a known key/],
  'keys that are no words': [`${VALID}? {a: 1}\n: 2\n`, /Map keys must be plain text/],
  'many keys twice': [`${VALID}x: {${'a,'.repeat(40_000)}}`, /Map keys must be unique/],
  'many aliases': [
    Array.from({ length: 100 }, (_, i) => `k${i}: &k${i} [1]\nl${i}: [${`*k${i},`.repeat(98)}]\n`).join(''),
    /At most 100 aliases are allowed/,
  ],
  'an alias in what it stands for': [`routes: &a [*a]\n`, /more than 20000 values/],
  'aliases of something large': [
    `a: &a { upstream: { endpoints: [${'x,'.repeat(10_000)}] } }\nroutes: [${'*a,'.repeat(99)}]`,
    /more than 20000 values/,
  ],
  'many endpoints that are none': [
    `routes: [{ ${ROUTE.replace('tcp://10.1.2.3:7000', 'x,'.repeat(6_000))} }]`,
    /5900 more problems/,
  ],
  'too many endpoints': [
    `routes: [{ ${ROUTE.replace('tcp://10.1.2.3:7000', 'x,'.repeat(25_000))} }]`,
    /more than 20000 values/,
  ],
  'many errors of syntax': [`${VALID}@${'@: %\n'.repeat(10_000)}`, /reserved character/],
  'two documents': [`${VALID}---\n${VALID}`, /document/],
};

for (const [title, [content, words]] of Object.entries(HOSTILE)) {
  test(`${title}: refused with words, and without much work`, () => {
    const file = join(folder, 'hostile.yaml');
    writeFileSync(file, content);
    const { error, work } = refusalOf(() => loadConfig({ env: {}, flags: { config: file } }));
    assert.ok(error instanceof ConfigError, String(error));
    assert.match(error.lines.join('\n'), words);
    assert.ok(error.lines.length <= 101);
    for (const line of error.lines)
      assert.ok(line.startsWith(file) && line.length < 1_000, line.slice(0, 1_000));
    assert.ok(work < WORK_MOST, `${work} calls and blocks`);
    assert.equal(({} as { isAdmin?: boolean; attempts?: number }).attempts, undefined);
  });
}

const GOOD_KEY = 'Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID';

/** What a key file may be. */
const HOSTILE_KEYS: Record<string, [make: (file: string) => void, words: RegExp]> = {
  'of characters that are too much for 32 bytes': [write('#'.repeat(40)), /does not hold a public key/],
  'of line breaks': [write('\n'.repeat(200_000)), /does not hold a public key/],
  'of 10 MB': [write('x'.repeat(10_000_000)), /more than 262144 bytes/],
  'that is not UTF-8': [write(Buffer.from([0xff])), /is not UTF-8/],
  'that is a directory': [(file) => mkdirSync(file), /it is a directory/],
  'that is a pipe': [(file) => execFileSync('mkfifo', [file]), /it is not a regular file/],
  'that the kernel makes up as it is read': [
    (file) => symlinkSync('/proc/self/pagemap', file),
    /cannot be read/,
  ],
  'of lines that are no keys': [write('x\n'.repeat(131_072)), /:20 is not a public key/],
};

function write(content: string | Buffer): (file: string) => void {
  return (file) => writeFileSync(file, content);
}

for (const [title, [make, words]] of Object.entries(HOSTILE_KEYS)) {
  test(`a key file ${title}: refused with words, and without much work`, () => {
    const file = join(scratch(), 'hostile.key');
    make(file);
    const good = join(folder, 'good.key');
    writeFileSync(good, GOOD_KEY, { mode: 0o600 });
    const curve = { serverKeyFile: file, publicKeyFile: good, secretKeyFile: good };
    const listenCurve = { secretKeyFile: good, allowedKeysFile: file };
    const upstream = { endpoints: ['tcp://10.1.2.3:7000'] };
    const route = { name: 'orders', listen: 'tcp://127.0.0.1:5555', upstream, curve, listenCurve };
    const text = JSON.stringify({ routes: [route] });
    const { error, work } = refusalOf(() => loadConfig({ env: {}, flags: {}, text }));
    assert.ok(error instanceof ConfigError && words.test(error.message), String(error));
    assert.ok(work < WORK_MOST, `${work} calls and blocks`);
  });
}

for (const [title, make, words] of [
  ['a pipe', (file: string) => execFileSync('mkfifo', [file]), /cannot be read: it is not a regular file/],
  ['a directory', (file: string) => mkdirSync(file), /cannot be read: it is a directory/],
] as const) {
  test(`a configuration that is ${title} is refused, not waited for`, () => {
    const file = join(scratch(), 'hostile.yaml');
    make(file);
    assert.throws(() => loadConfig({ env: {}, flags: { config: file } }), words);
  });
}
