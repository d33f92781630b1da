import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { version } from '../../src/version.ts';
import { Charts, helmSkip } from '../support/charts.ts';
import type { KubernetesObject } from '../support/objects.ts';

/*
 * upgrades/VERSION.json has values of the demo chart, and what an upgrade from that version must find again with the same values:
 * each object, since an object of another name is made anew while pods still mount the old one; and what the API server refuses to
 * change, or what would no longer select the pods that are there.
 */

const RECORDS = new URL('upgrades/', import.meta.url);

type Fixed = Record<string, unknown>;

interface Recorded {
  values: object;
  objects: Record<string, Fixed>;
}

function record(file: string): Recorded {
  return JSON.parse(readFileSync(new URL(file, RECORDS), 'utf8')) as Recorded;
}

function fixedOf({ roleRef, spec }: KubernetesObject): Fixed {
  const { selector, podSelector, clusterIP } = (spec ?? {}) as Fixed;
  const all = Object.entries({ selector, podSelector, clusterIP, roleRef });
  return Object.fromEntries(all.filter(([, value]) => value !== undefined));
}

/** What helm test creates is deleted before it is created again. */
function objectsIn(objects: readonly KubernetesObject[]): Record<string, Fixed> {
  const kept = objects.filter(({ metadata }) => metadata.annotations?.['helm.sh/hook'] === undefined);
  return Object.fromEntries(
    kept.map((one) => [`${one.kind} ${one.metadata.namespace ?? 'shop'}/${one.metadata.name}`, fixedOf(one)]),
  );
}

describe('an upgrade with the same values', { skip: helmSkip }, () => {
  const charts = helmSkip === false ? new Charts() : (undefined as never);

  for (const file of readdirSync(RECORDS))
    test(`from ${file.replace('.json', '')}: every object is still there, and nothing that cannot change is changed`, () => {
      const { values, objects } = record(file);
      const now = objectsIn(charts.render(charts.demo, values));
      for (const [id, fixed] of Object.entries(objects)) assert.deepEqual(now[id], fixed, id);
    });

  test('of this version is recorded, so that the next one can be compared with it', () => {
    const file = `${version}.json`;
    assert.ok(existsSync(new URL(file, RECORDS)), `upgrades/${file} is missing: begin with the latest one`);
    const { values, objects } = record(file);
    assert.deepEqual(objects, objectsIn(charts.render(charts.demo, values)));
  });
});
