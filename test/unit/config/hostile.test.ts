import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../../src/config/load.ts';
import { ConfigError } from '../../../src/errors.ts';
import { scratch } from '../../support/scratch.ts';

const folder = scratch();
const ROUTE = 'name: orders, listen: tcp://127.0.0.1:5555, upstream: { endpoints: [tcp://10.1.2.3:7000] }';
const VALID = `routes: [{ ${ROUTE} }]\n`;
const BOMB = `a: &a [x]\nb: &b [${'*a,'.repeat(9)}*a]\n${[...'cdefghij'].map((name, index) => `${name}: &${name} [${`*${'bcdefghi'[index]},`.repeat(9)}x]`).join('\n')}\n`;

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
  '10 MB': [`# ${'x'.repeat(10_000_000)}\n${VALID}`, /bytes, and 262144 are allowed/],
  'what is not UTF-8': [Buffer.concat([Buffer.from(VALID), Buffer.from([0x23, 0xff, 0xfe])]), /is not UTF-8/],
  'zero bytes': [Buffer.alloc(100_000), /./],
  'deep nesting': ['['.repeat(100_000), /./],
  'many routes': [`routes: [${`{ ${ROUTE} },`.repeat(1_000)}]`, /two routes of the same name/],
  'too many routes': [`routes: [${'{},'.repeat(80_000)}]`, /has 80000 routes, and 1000 are allowed/],
  'routes that are none': [`routes: [${'{},'.repeat(1_000)}]`, /2900 more problems/],
  'many keys that nobody knows': [VALID + keys(20_000, '\n'), /19900 more problems/],
  'many keys of a route that nobody knows': [
    `routes: [{ ${ROUTE}, ${keys(20_000, ', ')} }]`,
    /more problems/,
  ],
  'a long key': [`${VALID}? ${'k'.repeat(200_000)}\n: 1\n`, /no key that is known/],
  'many endpoints that are none': [
    `routes: [{ ${ROUTE.replace('tcp://10.1.2.3:7000', 'x,'.repeat(60_000))} }]`,
    /59900 more problems/,
  ],
  'many errors of syntax': [`${VALID}@${'@: %\n'.repeat(40_000)}`, /reserved character/],
  'two documents': [`${VALID}---\n${VALID}`, /document/],
};

for (const [title, [content, words]] of Object.entries(HOSTILE)) {
  test(`${title}: refused in under a second, with words`, () => {
    const file = join(folder, 'hostile.yaml');
    writeFileSync(file, content);
    const sinceMs = performance.now();
    assert.throws(
      () => loadConfig({ env: {}, flags: { config: file } }),
      (error) => {
        assert.ok(error instanceof ConfigError, String(error));
        assert.match(error.lines.join('\n'), words);
        assert.ok(error.lines.length <= 101);
        for (const line of error.lines)
          assert.ok(line.startsWith(file) && line.length < 1_000, line.slice(0, 1_000));
        return true;
      },
    );
    const tookMs = performance.now() - sinceMs;
    assert.ok(tookMs < 1_000, `it took ${tookMs} ms`);
    assert.equal(({} as { isAdmin?: boolean; attempts?: number }).attempts, undefined);
  });
}

const GOOD_KEY = 'Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID';

/** What a key file may be. */
const HOSTILE_KEYS: Record<string, [make: (file: string) => void, words: RegExp]> = {
  'of characters that are too much for 32 bytes': [write('#'.repeat(40)), /holds no public key/],
  'of line breaks': [write('\n'.repeat(200_000)), /holds no public key/],
  'of 10 MB': [write('x'.repeat(10_000_000)), /bytes, and 262144 are allowed/],
  'that is not UTF-8': [write(Buffer.from([0xff])), /is not UTF-8/],
  'that is a directory': [(file) => mkdirSync(file), /it is no file/],
  'that is a pipe': [(file) => execFileSync('mkfifo', [file]), /it is no file/],
};

function write(content: string | Buffer): (file: string) => void {
  return (file) => writeFileSync(file, content);
}

for (const [title, [make, words]] of Object.entries(HOSTILE_KEYS)) {
  test(`a key file ${title}: refused in under a second, with words`, () => {
    const file = join(scratch(), 'hostile.key');
    make(file);
    const good = join(folder, 'good.key');
    writeFileSync(good, GOOD_KEY, { mode: 0o600 });
    const curve = { serverKeyFile: file, publicKeyFile: good, secretKeyFile: good };
    const listenCurve = { secretKeyFile: good, allowedKeysFile: file };
    const upstream = { endpoints: ['tcp://10.1.2.3:7000'] };
    const route = { name: 'orders', listen: 'tcp://127.0.0.1:5555', upstream, curve, listenCurve };
    const sinceMs = performance.now();
    assert.throws(
      () => loadConfig({ env: {}, flags: {}, text: JSON.stringify({ routes: [route] }) }),
      (error) => error instanceof ConfigError && words.test(error.message),
    );
    const tookMs = performance.now() - sinceMs;
    assert.ok(tookMs < 1_000, `it took ${tookMs} ms`);
  });
}

for (const [title, make] of [
  ['a pipe', (file: string) => execFileSync('mkfifo', [file])],
  ['a directory', (file: string) => mkdirSync(file)],
] as const) {
  test(`a configuration that is ${title} is refused, not waited for`, () => {
    const file = join(scratch(), 'hostile.yaml');
    make(file);
    assert.throws(() => loadConfig({ env: {}, flags: { config: file } }), /cannot be read: it is no file/);
  });
}
