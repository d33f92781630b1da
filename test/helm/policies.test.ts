import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { loadConfig } from '../../src/config/load-config.ts';
import { evaluate } from '../support/cel.ts';
import { Charts, helmSkip, openApis, schemaSkip } from '../support/charts.ts';
import { find, type KubernetesObject, objectsOf } from '../support/objects.ts';
import { rulesFor } from '../support/roles.ts';
import { DISCOVERY, type Discovery, Workloads } from '../support/workloads.ts';

interface Mutating {
  matchConditions: { expression: string }[];
  variables: { name: string; expression: string }[];
  mutations: { jsonPatch: { expression: string } }[];
}

interface Validating {
  validations: [{ expression: string; messageExpression: string }];
}

type Pod = KubernetesObject & { spec: Record<string, { name: string }[]> };

function text(file: string): string {
  return readFileSync(new URL(`../../helm/${file}`, import.meta.url), 'utf8');
}

/** The pod as this policy leaves it. */
function mutated({ matchConditions, variables, mutations }: Mutating, object: Pod): Pod {
  if (!matchConditions.every(({ expression }) => evaluate(expression, { object }))) return object;
  const known: Record<string, unknown> = {};
  for (const { name, expression } of variables) known[name] = evaluate(expression, { object });
  const pod = structuredClone(object);
  for (const { jsonPatch } of mutations) {
    const patch = evaluate(jsonPatch.expression, { object: pod, variables: known });
    for (const { op, path, value } of patch as { op: string; path: string; value: never }[]) {
      const [, spec, key = '', index] = path.split('/');
      assert.deepEqual([op, spec], ['add', 'spec']);
      if (index === undefined) pod.spec[key] = value;
      else pod.spec[key]?.splice(Number(index), 0, value);
    }
  }
  return pod;
}

/** Why this policy refuses the pod, or nothing. */
function refusal({ validations: [{ expression, messageExpression }] }: Validating, object: Pod): string {
  return evaluate(expression, { object }) === true ? '' : String(evaluate(messageExpression, { object }));
}

const POLICIES: Record<string, { adds: string; refuses: string }> = {
  'mutating-admission-policy': { adds: 'MutatingAdmissionPolicy', refuses: 'ValidatingAdmissionPolicy' },
  kyverno: { adds: 'MutatingPolicy', refuses: 'ValidatingPolicy' },
};

for (const [folder, { adds, refuses }] of Object.entries(POLICIES))
  describe(`helm/${folder}`, { skip: helmSkip }, () => {
    const charts = helmSkip === false ? new Charts() : (undefined as never);
    const workloads = helmSkip === false ? new Workloads(charts) : (undefined as never);
    const policy = text(`${folder}/policy.yaml`);
    const specOf = (kind: string) => find(objectsOf(policy), kind, 'lazypirate')['spec'];
    const adding = specOf(adds) as Mutating;
    const refusing = specOf(refuses) as Validating;
    const pods = (sidecar: boolean, discovery: Discovery): Pod[] =>
      workloads.objects(sidecar, discovery).filter(({ kind }) => kind === 'Pod') as Pod[];

    for (const discovery of DISCOVERY)
      test(`makes of a pod what the chart makes of it, with discovery ${discovery}`, () => {
        const made = pods(false, discovery).map((pod) => mutated(adding, pod));
        assert.equal(made.length, 2);
        assert.deepEqual(made, pods(true, discovery));
        assert.deepEqual(
          made.map((pod) => refusal(refusing, pod)),
          ['', ''],
        );
      });

    test('leaves a pod alone that has the sidecar, as an init container or as an ordinary one', () => {
      for (const pod of pods(true, 'enabled')) {
        assert.equal(mutated(adding, pod), pod);
        const { initContainers = [], containers = [] } = pod.spec;
        const ordinary = { ...pod, spec: { containers: [...containers, ...initContainers] } };
        assert.equal(mutated(adding, ordinary), ordinary);
        assert.equal(refusal(refusing, ordinary), '');
      }
    });

    test('refuses a pod that asked for the sidecar and did not get it, and says why', () => {
      for (const pod of pods(false, 'enabled')) {
        const { annotations, ...metadata } = pod.metadata;
        const unnamed = { ...pod, metadata };
        const other = { ...pod, metadata: { ...metadata, annotations: { other: 'orders' } } };
        const onHost = { ...pod, spec: { ...pod.spec, hostNetwork: true } } as unknown as Pod;
        for (const one of [unnamed, other, onHost]) assert.equal(mutated(adding, one), one);
        assert.match(refusal(refusing, unnamed), /no annotation lazypirate\/config names the ConfigMap/);
        assert.match(refusal(refusing, other), /no annotation lazypirate\/config names the ConfigMap/);
        assert.match(refusal(refusing, onHost), /hostNetwork: true cannot have the lazypirate sidecar/);
        assert.match(refusal(refusing, pod), /was not added: is the policy lazypirate .* in force/);
      }
    });

    test('is for new pods with the label only', () => {
      for (const spec of [adding, refusing] as unknown as { matchConstraints: unknown }[])
        assert.deepEqual(spec.matchConstraints, {
          objectSelector: { matchLabels: { 'lazypirate/inject': 'enabled' } },
          resourceRules: [
            { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] },
          ],
        });
    });

    test('consists of objects that the cluster knows', { skip: schemaSkip }, () => {
      assert.deepEqual(charts.problems(policy), []);
    });

    test('consists of objects that each newer cluster knows, changed as the README says', {
      skip: schemaSkip,
    }, () => {
      const readme = text(`${folder}/README.md`);
      const [, from = 'nothing', to = ''] = /-e 's\|([^|]+)\|([^|]+)\|'/.exec(readme) ?? [];
      const newer = openApis().filter(({ version }) => Number(version.split('.')[1]) >= 36);
      assert.ok(newer.length > 0);
      for (const { version, file } of newer)
        assert.deepEqual(charts.problems(policy.replaceAll(from, to), file), [], version);
    });
  });

describe('the README of each policy', () => {
  for (const folder of Object.keys(POLICIES)) {
    const readme = text(`${folder}/README.md`);
    const objects = objectsOf(/```yaml\n([\s\S]*?)```/.exec(readme)?.[1] ?? '');

    test(`helm/${folder}: its command puts your image in the one place where it stands`, () => {
      const policy = text(`${folder}/policy.yaml`);
      const replaced = /"s\|([^|]+)\|[$]IMAGE\|"/.exec(readme)?.[1] ?? '-';
      assert.equal(policy.split(replaced).length, 2);
      assert.equal(policy.split('registry.example.com').length, 2);
    });

    test(`helm/${folder}: its app names a ConfigMap that is there, and has the least Role`, () => {
      const deployment = find(objects, 'Deployment', 'shop') as unknown as {
        spec: { template: { metadata: KubernetesObject['metadata'] } };
      };
      const { labels, annotations } = deployment.spec.template.metadata;
      assert.equal(labels?.['lazypirate/inject'], 'enabled');
      const config = find(objects, 'ConfigMap', annotations?.['lazypirate/config'] ?? '');
      const { 'config.yaml': yaml = '' } = config['data'] as Record<string, string>;
      assert.equal(loadConfig({ env: {}, flags: {}, text: yaml }).routes.length, 1);
      assert.deepEqual(find(objects, 'Role', 'lazypirate')['rules'], rulesFor('service'));
      find(objects, 'RoleBinding', 'lazypirate');
    });
  }
});
