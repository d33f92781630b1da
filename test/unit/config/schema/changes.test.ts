import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { type Node, unexplained } from '../../../../config/upgrade.ts';
import { loadConfig } from '../../../../src/config/load-config.ts';
import { allChanges, type Change } from '../../../../src/config/schema/changes.ts';
import { jsonSchema } from '../../../../src/config/schema/config-schema.ts';

const SCHEMA = jsonSchema() as Node;
const ORDERS = {
  name: 'orders',
  listen: 'tcp://127.0.0.1:5555',
  upstream: { endpoints: ['tcp://10.0.0.1:7'] },
};

/** A configuration with this key alone set. */
function withKey(key: string, value: unknown): object {
  const [first = '', ...rest] = key.split('.');
  const wrapped = rest.reduceRight<unknown>((inner, part) => ({ [part]: inner }), value) as object;
  return first === 'routes[]'
    ? { routes: [{ ...ORDERS, ...wrapped }] }
    : { routes: [ORDERS], [first]: wrapped };
}

test('what is to be written for the old behaviour is a value of the key', () => {
  const defaults = allChanges().filter(({ kind }) => kind === 'default');
  assert.ok(defaults.length > 5);
  for (const change of defaults) {
    assert.ok(change.kind === 'default');
    const text = JSON.stringify(withKey(change.key, parse(change.keep)));
    assert.doesNotThrow(() => loadConfig({ env: {}, flags: {}, text }), change.key);
  }
});

test('a key of the table that has a meaning or a default is in the schema, and one that is gone is not', () => {
  for (const change of allChanges()) {
    const isKnown = unexplained(SCHEMA, without(change.key), []).includes(`${change.key} is gone`);
    if (change.kind === 'default' || change.kind === 'meaning') assert.ok(isKnown, change.key);
    if (change.kind === 'renamed' || change.kind === 'removed') assert.ok(!isKnown, change.key);
  }
});

test('a key that leaves the schema, or gets another default, needs an entry in the table', () => {
  assert.deepEqual(unexplained(SCHEMA, SCHEMA, []), []);
  assert.deepEqual(unexplained({}, SCHEMA, []), [], 'a new key needs none');
  const key = 'routes[].limits.queue';
  const renamed: Change = { kind: 'renamed', key, to: 'waiting' };
  assert.deepEqual(unexplained(SCHEMA, without(key), []), [`${key} is gone`]);
  assert.deepEqual(unexplained(SCHEMA, without(key), [renamed]), []);
  const inUnion = 'routes[].heartbeat.interval';
  assert.deepEqual(unexplained(SCHEMA, without(inUnion), []), [`${inUnion} is gone`]);
  const other = structuredClone(SCHEMA);
  const attempts = other.properties?.['routes']?.items?.properties?.['attempts'];
  assert.ok(attempts);
  attempts.default = 4;
  const preset: Change = { kind: 'default', key: 'routes[].attempts', was: '3', is: '4', why: '', keep: '3' };
  assert.deepEqual(unexplained(SCHEMA, other, []), ['routes[].attempts has another default']);
  assert.deepEqual(unexplained(SCHEMA, other, [preset]), []);
});

/** The schema without a key, if it has it. */
function without(key: string): Node {
  const schema = structuredClone(SCHEMA);
  const path = key.split('.');
  const name = path.pop() ?? '';
  let nodes: Node[] = [schema];
  for (const part of path) {
    nodes = nodes.flatMap((node) => node.properties?.[part.replace('[]', '')] ?? []);
    if (part.endsWith('[]')) nodes = nodes.flatMap(({ items }) => items ?? []);
    nodes = nodes.flatMap((node) => [node, ...(node.anyOf ?? []), ...(node.oneOf ?? [])]);
  }
  for (const { properties } of nodes) if (properties) delete properties[name];
  return schema;
}
