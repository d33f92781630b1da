import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { jsonSchema } from '../../../../src/config/schema/config-schema.ts';
import {
  ENDPOINT_PATTERN,
  HOST_PORT_PATTERN,
  LISTEN_PATTERN,
  parseEndpoint,
  parseHostPort,
  parseListen,
} from '../../../../src/config/values/address.ts';
import {
  DURATION_PATTERN,
  parseDuration,
  parseSize,
  SIZE_PATTERN,
} from '../../../../src/config/values/units.ts';

/*
 * An editor and Helm see the patterns, the sidecar the parsers. A pattern that refuses what the parser takes would be a lie; one that takes
 * what the parser refuses lets a pod start that ends at once.
 */

const IPV6 = /^(tcp:\/\/)?\[/;
const VARIABLE = /\$[\w{(]/;
/** A path that goes up, or ends with a directory. */
const NO_FILE = /^ipc:\/\/\/(.*\/)?(\.\.(\/|$)|\.?$)/s;

interface Pair {
  pattern: string;
  parse(text: string): unknown;
  /** What no regular expression can tell, or none that a person can read. */
  beyond(text: string): boolean;
}

const PAIRS: Record<string, Pair> = {
  duration: { pattern: DURATION_PATTERN, parse: parseDuration, beyond: () => false },
  size: { pattern: SIZE_PATTERN, parse: parseSize, beyond: (text) => /[.]|[0-9]{7}/.test(text) },
  listener: {
    pattern: LISTEN_PATTERN,
    parse: parseListen,
    beyond: (text) =>
      IPV6.test(text) || VARIABLE.test(text) || NO_FILE.test(text) || Buffer.byteLength(text) > 113,
  },
  endpoint: {
    pattern: ENDPOINT_PATTERN,
    parse: parseEndpoint,
    beyond: (text) =>
      IPV6.test(text) ||
      VARIABLE.test(text) ||
      NO_FILE.test(text) ||
      Buffer.byteLength(text) > 113 ||
      text.startsWith('tcp://0.0.0.0:'),
  },
  'host and port': {
    pattern: HOST_PORT_PATTERN,
    parse: parseHostPort,
    beyond: (text) => IPV6.test(text),
  },
};

/** What `binary` of fast-check is, without its table of all of them, which takes a second to build. Half a surrogate pair is none. */
const CHARACTERS = fc
  .integer({ min: 0, max: 0x10ffff - 0x800 })
  .map((index) => String.fromCodePoint(index < 0xd800 ? index : index + 0x800));

/** Texts that are right, that are nearly so, and that are not. */
function textsLike(pattern: string): fc.Arbitrary<string> {
  const ports = fc.oneof(fc.nat(70_000).map(String), fc.stringMatching(/^0{0,3}\d{1,5}$/));
  const hosts = fc.oneof(
    fc.ipV4(),
    fc.ipV4Extended(),
    fc.ipV6().map((one) => `[${one}]`),
    fc.constantFrom('localhost', '*', '0.0.0.0', '[::]', '[::1%eth0]', '[::ffff:1.2.3.4]', '', 'orders'),
  );
  const schemes = fc.constantFrom('tcp://', 'TCP://', '', 'ipc://', 'udp://');
  const addresses = fc.tuple(schemes, hosts, fc.constantFrom(':', ''), ports).map((parts) => parts.join(''));
  const paths = fc
    .tuple(fc.constantFrom('ipc://', 'ipc:///', 'ipc://@'), fc.string({ unit: CHARACTERS, maxLength: 110 }))
    .map((parts) => parts.join(''));
  const units = fc.constantFrom('', 'ms', 's', 'm', 'h', 'sec', 'S', 'B', 'KiB', 'MiB', 'GiB', 'kb', ' ms');
  const amounts = fc
    .tuple(
      fc.oneof(fc.nat().map(String), fc.double().map(String), fc.stringMatching(/^\d{1,16}\.?\d{0,10}$/)),
      units,
    )
    .map((parts) => parts.join(''));
  const right = fc.stringMatching(new RegExp(pattern));
  const changed = fc
    .tuple(right, fc.nat(), fc.string({ maxLength: 2 }))
    .map(
      ([text, at, piece]) =>
        text.slice(0, at % (text.length + 1)) + piece + text.slice(at % (text.length + 1)),
    );
  return fc.oneof(right, changed, addresses, paths, amounts, fc.string());
}

function takes(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch {
    return false;
  }
}

for (const [kind, { pattern, parse, beyond }] of Object.entries(PAIRS))
  describe(`the pattern of a ${kind}`, () => {
    const form = new RegExp(pattern);

    test('accepts everything that the parser accepts', () => {
      fc.assert(
        fc.property(textsLike(pattern), (text) => {
          if (takes(parse, text)) assert.match(text, form);
        }),
        { numRuns: 2_000 },
      );
    });

    test('refuses everything that the parser refuses, as far as a pattern can', () => {
      fc.assert(
        fc.property(textsLike(pattern), (text) => {
          if (form.test(text) && !beyond(text)) assert.ok(takes(parse, text), text);
        }),
        { numRuns: 2_000 },
      );
    });

    test('works in Go, and so in Helm', () => {
      assert.doesNotMatch(pattern, /\(\?[^:]|\\[1-9kpPbBdDsSwW]|\{[0-9,]*[0-9]{4}/);
    });
  });

test('every duration, size and address of the schema has its pattern, and every number its range', () => {
  const nodes: Record<string, unknown>[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    if (!Array.isArray(node)) nodes.push(node as Record<string, unknown>);
    for (const value of Object.values(node)) visit(value);
  };
  visit(jsonSchema());
  const titled = (title: RegExp) => nodes.filter((node) => title.test(String(node['title'])));
  assert.ok(titled(/^(duration|size|an address)/).length >= 15);
  for (const node of titled(/^(duration|size|an address)/)) assert.match(JSON.stringify(node), /"pattern":/);
  for (const node of nodes.filter(({ type }) => type === 'number' || type === 'integer'))
    assert.ok('minimum' in node && 'maximum' in node, JSON.stringify(node));
});
