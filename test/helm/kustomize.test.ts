import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { loadConfig } from '../../src/config/load-config.ts';
import { Charts, helmSkip, schemaSkip } from '../support/charts.ts';
import { kustomize, kustomizeSkip } from '../support/kustomize.ts';
import { find, objectsOf, podOf } from '../support/objects.ts';
import { rulesFor } from '../support/roles.ts';
import { scratch } from '../support/scratch.ts';
import { DISCOVERY, Workloads } from '../support/workloads.ts';

const COMPONENT = fileURLToPath(new URL('../../helm/kustomize', import.meta.url));

const directory = scratch();

/** What Kustomize makes of these files, with the component beside them. */
function build(files: Record<string, string>): string {
  const folder = mkdtempSync(join(directory, 'kustomization-'));
  cpSync(COMPONENT, join(folder, 'lazypirate'), { recursive: true });
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return kustomize(folder);
}

const FILES = { resources: ['all.yaml'], components: ['lazypirate'] };

describe('the Kustomize component', { skip: kustomizeSkip || helmSkip }, () => {
  const charts = helmSkip === false ? new Charts() : (undefined as never);
  const workloads = helmSkip === false ? new Workloads(charts) : (undefined as never);

  for (const discovery of DISCOVERY)
    test(`makes of every workload what the chart makes of it, with discovery ${discovery}`, () => {
      const yaml = build({
        'kustomization.yaml': stringify(FILES),
        'all.yaml': workloads.yaml(false, discovery),
      });
      const expected = workloads
        .yaml(true, discovery)
        .replaceAll('name: demo-lazypirate', 'name: lazypirate');
      const sorted = (text: string) =>
        objectsOf(text).sort((a, b) => a.metadata.name.localeCompare(b.metadata.name));
      assert.equal(sorted(yaml).length, 14);
      assert.deepEqual(sorted(yaml), sorted(expected));
      if (schemaSkip === false) assert.deepEqual(charts.problems(yaml), []);
    });

  test('changes nothing where it is applied a second time', () => {
    const once = build({
      'kustomization.yaml': stringify(FILES),
      'all.yaml': workloads.yaml(false, 'enabled'),
    });
    const twice = build({ 'kustomization.yaml': stringify(FILES), 'all.yaml': once });
    assert.equal(twice, once);
  });

  test('leaves a workload alone that does not ask for the sidecar', () => {
    const yaml = workloads.yaml(false, 'enabled').replaceAll(', lazypirate/inject: enabled', '');
    const kustomization = stringify({ resources: ['all.yaml'] });
    assert.equal(
      build({ 'kustomization.yaml': stringify(FILES), 'all.yaml': yaml }),
      build({ 'kustomization.yaml': kustomization, 'all.yaml': yaml }),
    );
  });
});

describe('the README of the Kustomize component', { skip: kustomizeSkip }, () => {
  const readme = readFileSync(join(COMPONENT, 'README.md'), 'utf8');
  const blocks = [...readme.matchAll(/```yaml\n# (\S+)\n([\s\S]*?)```/g)];
  const files = Object.fromEntries(blocks.map(([, name = '', content = '']) => [name, content]));

  test('has files that give a whole app, with your image and the least Role', () => {
    const objects = objectsOf(build(files));
    const pod = podOf(find(objects, 'Deployment', 'shop'));
    assert.deepEqual(
      pod?.initContainers?.map(({ name, image }) => [name, image]),
      [['lazypirate', 'registry.example.com/team/lazypirate:0.1.0']],
    );
    assert.deepEqual(pod?.volumes?.[0], { name: 'lazypirate-config', configMap: { name: 'lazypirate' } });
    const { data } = find(objects, 'ConfigMap', 'lazypirate') as unknown as { data: Record<string, string> };
    loadConfig({ env: {}, flags: {}, text: data['config.yaml'] ?? '' });
    assert.deepEqual(find(objects, 'Role', 'lazypirate')['rules'], rulesFor('service'));
    assert.deepEqual(find(objects, 'RoleBinding', 'lazypirate')['subjects'], [
      { kind: 'ServiceAccount', name: 'default', namespace: 'shop' },
    ]);
    assert.ok(objects.every(({ metadata }) => metadata.namespace === 'shop'));
  });

  test('says how a workload gets another ConfigMap', () => {
    const operation = /`(- \{ op: replace[^`]*)`/.exec(readme)?.[1];
    assert.ok(operation);
    const patch = `patches:\n  - { target: { kind: Deployment }, patch: '${operation}' }\n`;
    const objects = objectsOf(build({ ...files, 'kustomization.yaml': files['kustomization.yaml'] + patch }));
    assert.deepEqual(podOf(find(objects, 'Deployment', 'shop'))?.volumes?.[0]?.['configMap'], {
      name: 'till-lazypirate',
    });
  });
});
