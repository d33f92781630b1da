import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../../src/config/load.ts';
import { ConfigError } from '../../../src/errors.ts';
import { scratch } from '../../support/scratch.ts';

const folder = scratch();
const ROUTE = 'name: orders, listen: tcp://127.0.0.1:5555, upstream: { endpoints: [tcp://10.1.2.3:7000] }';
const VALID = `routes: [{ ${ROUTE} }]\n`;
const BOMB = `a: &a [x]\nb: &b [${'*a,'.repeat(9)}*a]\n${[...'cdefghij'].map((name, index) => `${name}: &${name} [${`*${'bcdefghi'[index]},`.repeat(9)}x]`).join('\n')}\n`;

/** What a file may be that its author, or whoever can write it, means ill with; and what must be said of it. */
const HOSTILE: Record<string, [content: string | Buffer, words: RegExp]> = {
  'a prototype at the top': [`__proto__: { admin: { listen: "0.0.0.0:1" } }\n${VALID}`, /__proto__/],
  'a prototype of a route': [`routes: [{ ${ROUTE}, __proto__: { attempts: 9 } }]`, /__proto__/],
  'a constructor': [`constructor: { prototype: { isAdmin: true } }\n${VALID}`, /constructor/],
  'a merge key': [`base: &base { attempts: 9 }\nroutes: [{ ${ROUTE}, <<: *base }]`, /<</],
  'an alias bomb': [BOMB + VALID, /[Aa]lias/],
  'a key twice': [`routes: [{ ${ROUTE}, name: other }]`, /unique/],
  'a key twice at the top': [`${VALID}${VALID}`, /unique/],
  '10 MB': [
    `# ${'x'.repeat(10_000_000)}\n${VALID}`,
    /10000062 bytes, and 1048576 are allowed|bytes, and 1048576/,
  ],
  'what is not UTF-8': [Buffer.concat([Buffer.from(VALID), Buffer.from([0x23, 0xff, 0xfe])]), /is not UTF-8/],
  'zero bytes': [Buffer.alloc(100_000), /./],
  'deep nesting': ['['.repeat(100_000), /./],
  'many routes': [`routes: [${`{ ${ROUTE} },`.repeat(9_000)}]`, /two routes of the same name/],
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
        assert.ok(error.lines.every((line) => line.startsWith(file) && line.length < 1_000));
        return true;
      },
    );
    const tookMs = performance.now() - sinceMs;
    assert.ok(tookMs < 1_000, `it took ${tookMs} ms`);
    assert.equal(({} as { isAdmin?: boolean; attempts?: number }).attempts, undefined);
  });
}
