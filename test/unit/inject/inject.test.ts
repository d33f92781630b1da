import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stringify } from 'yaml';
import { addSidecars } from '../../../src/inject/sidecars.ts';
import { version } from '../../../src/version.ts';
import { find, type KubernetesObject, objectsOf, podOf, templateOf } from '../../support/objects.ts';
import {
  addedLines,
  configIn,
  IMAGE,
  injected,
  namesOf,
  podIn,
  problemsOf,
  removed,
  run,
} from './injected.ts';

const ASK = 'lazypirate/upstream: service/orders:zmq';

/** A Deployment with annotations, as one would write it. */
function deployment(annotations = ASK, spec = '', name = 'shop'): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
spec:
  template:
    metadata:
      annotations:
        ${annotations}
    spec:
      containers:
        - name: app # the app itself
          image: registry.example.com/app:1
${spec}`;
}

function itemsOf({ items }: KubernetesObject): KubernetesObject[] {
  return items as KubernetesObject[];
}

const PLAIN = deployment().replace(/ {6}annotations:\n.*\n/, '      labels: { app: shop }\n');

describe('an object that asks for the sidecar', () => {
  test('gets it as its first init container, with volumes and a mark, and nothing else in it changes', () => {
    const objects = objectsOf(injected(deployment()));
    const { metadata, spec } = templateOf(find(objects, 'Deployment', 'shop')) ?? assert.fail();
    const [sidecar] = spec.initContainers ?? [];
    assert.equal(sidecar?.name, 'lazypirate');
    assert.equal(sidecar.image, IMAGE);
    assert.equal(sidecar.restartPolicy, 'Always');
    assert.deepEqual(namesOf(spec.volumes), ['lazypirate-config', 'lazypirate-token']);
    assert.equal(metadata?.annotations?.['lazypirate/injected'], version);
    assert.deepEqual(
      objects.slice(0, 3).map((one) => `${one.kind}/${one.metadata.name}`),
      ['ConfigMap/shop-lazypirate', 'Role/shop-lazypirate', 'RoleBinding/shop-lazypirate'],
    );
  });

  for (const [title, text] of Object.entries({
    'lists that are not indented': deployment()
      .replaceAll(/^ {10}/gm, '        ')
      .replace('        - name', '      - name'),
    'lines that end as on Windows': deployment().replaceAll('\n', '\r\n'),
    'no line break at the end': deployment().trimEnd(),
    'init containers and volumes, with comments above and behind': deployment(
      ASK,
      `      # before all else
      initContainers: # in this order
        # first
        - { name: first, image: x }
        - name: second
          args:
            - |
              text

      # volumes below

      volumes:
        # scratch
        - name: scratch
          emptyDir: {}
# the end
`,
    ),
    'an empty list': deployment(ASK, '      volumes: []\n').replace('volumes: []', 'volumes:'),
    'a document before, one behind, and markers': `# licence\n---\nkind: A\n...\n# mine\n---\n${deployment()}---\n---\nkind: B\n`,
    'three dots before it, and no marker': `kind: A\n...\n# about the shop\n${deployment()}`,
    'a comment above the first line': `# licence\n\n# about the shop\n${deployment()}`,
    'a comment above the first marker': `# licence\n---\n# about the shop\n${deployment()}`,
    'lists that are not indented, and new ones': deployment()
      .replaceAll(/^ {10}/gm, '        ')
      .replace('        - name', '      - name')
      .concat('        args:\n        - a\n'),
    'a byte order mark': `\uFEFF${deployment()}`,
    'a byte order mark and a comment': `\uFEFF# licence\n${deployment()}`,
    'anchors elsewhere': deployment(
      ASK,
      '      nodeSelector: &where { disk: ssd }\n      affinity: *where\n',
    ),
    'a document in one line': `--- {apiVersion: v1, kind: X}\n---\n${deployment()}`,
    'annotations that are written in quotes': deployment(`'lazypirate/upstream': "service/orders:zmq"`),
    'odd indentation': deployment()
      .replaceAll(/^ +/gm, '$&$&')
      .replace(/^ +image/m, `${' '.repeat(18)}image`),
    'tabs behind values and empty lines': deployment().replace('name: shop\n', 'name: shop\t\n\n\n'),
  }))
    test(`with ${title}: lines are only added, twice is as once, and all of it comes out again`, () => {
      const after = injected(text);
      assert.equal(namesOf(podIn(after).initContainers)[0], 'lazypirate');
    });

  test('keeps the comment that stands right above it, and the licence stays on top', () => {
    const after = injected(`# licence\n\n# about the shop\n${deployment()}`);
    assert.match(after, /^# licence\n\napiVersion: v1\nkind: ConfigMap\n/);
    assert.ok(after.includes('\n---\n# about the shop\napiVersion: apps/v1\n'));
  });

  test('gets lists that are indented as its own are', () => {
    assert.ok(injected(deployment()).includes('      volumes:\n        - name: lazypirate-config\n'));
    const outdented = deployment()
      .replaceAll(/^ {10}/gm, '        ')
      .replace('        - name', '      - name');
    assert.ok(injected(outdented).includes('      volumes:\n      - name: lazypirate-config\n'));
  });

  test('may be in JSON, and in a List', () => {
    const list = { apiVersion: 'v1', kind: 'List', items: [{ kind: 'X' }, objectsOf(deployment())[0]] };
    const text = `${JSON.stringify(list, null, 2)}\n`;
    const sidecarIn = (after: string) => {
      const items = find(objectsOf(after).slice(-1).flatMap(itemsOf), 'Deployment', 'shop');
      return podOf(items)?.initContainers?.[0]?.name;
    };
    assert.equal(sidecarIn(injected(text)), 'lazypirate');
    const line = JSON.stringify(list);
    const short = run(line).text;
    assert.equal(sidecarIn(short), 'lazypirate');
    assert.equal(removed(short), line);
    assert.equal(run(short).text, short);
  });

  test('in flow style gets it in flow style, and an empty list is empty again', () => {
    const text = deployment(ASK, '      volumes: []\n      initContainers: [{ name: first, image: x }]\n');
    const after = run(text).text;
    assert.deepEqual(namesOf(podIn(after).initContainers), ['lazypirate', 'first']);
    assert.equal(run(after).text, after);
    assert.equal(removed(after), text);
  });

  for (const [kind, apiVersion, open] of [
    ['StatefulSet', 'apps/v1', 'template:'],
    ['DaemonSet', 'apps/v1', 'template:'],
    ['ReplicaSet', 'apps/v1', 'template:'],
    ['ReplicationController', 'v1', 'template:'],
    ['Job', 'batch/v1', 'template:'],
    ['CronJob', 'batch/v1', 'jobTemplate:\n    spec:\n      template:'],
  ] as const)
    test(`may be a ${kind}`, () => {
      const inset = kind === 'CronJob' ? '    ' : '';
      const text = deployment()
        .replace('Deployment', kind)
        .replace('apps/v1', apiVersion)
        .replace(
          / {2}template:\n([\s\S]*)/,
          (_, rest: string) => `  ${open}\n${rest.replaceAll(/^(?=.)/gm, inset)}`,
        );
      assert.deepEqual(namesOf(podIn(injected(text), 'shop', kind).initContainers), ['lazypirate']);
    });

  test('may be a pod', () => {
    const text = `apiVersion: v1
kind: Pod
metadata: { generateName: shop-, namespace: till, annotations: { lazypirate/upstream: 'tcp://10.0.0.1:7000' } }
spec:
  containers: [{ name: app, image: x }]
`;
    const after = run(text).text;
    const [configMap, pod] = objectsOf(after);
    assert.deepEqual(namesOf((pod && podOf(pod))?.initContainers), ['lazypirate']);
    assert.deepEqual([configMap?.metadata.name, configMap?.metadata.namespace], ['shop-lazypirate', 'till']);
    assert.equal(removed(after), text);
    assert.equal(run(after).text, after);
  });

  for (const [title, text] of Object.entries({
    'a container that ends in a text of several lines': deployment(
      ASK,
      '          args:\n            - |\n              text\n      nodeSelector: { a: b }\n',
    ),
    'nothing behind it': deployment().trimEnd(),
    'a comment behind it': deployment(ASK, '          # ports: []\n      nodeSelector: {}\n'),
    'a second container without an indented list': deployment(
      ASK,
      '        - name: b\n          args:\n          - b',
    ),
  }))
    test(`gets an ordinary container behind its own, with ${title}`, () => {
      const { containers, initContainers } = podIn(injected(text, { isNative: false }));
      assert.equal(initContainers, undefined);
      assert.equal(containers.at(-1)?.name, 'lazypirate');
      assert.equal(containers.at(-1)?.restartPolicy, undefined);
    });

  test('gets an ordinary container behind its own in flow style', () => {
    const text = deployment().replace(/containers:[\s\S]*/, 'containers: [{ name: app, image: x }]\n');
    const after = run(text, { isNative: false }).text;
    assert.equal(podIn(after).containers[1]?.name, 'lazypirate');
    assert.equal(run(after, { isNative: false }).text, after);
    assert.equal(removed(after), text);
  });

  test('is listed on the way, with what was added beside it', () => {
    assert.deepEqual(run(deployment()).notes, [
      'Deployment/shop: sidecar added',
      'added: ConfigMap/shop-lazypirate, Role/shop-lazypirate, RoleBinding/shop-lazypirate',
    ]);
    assert.deepEqual(run(run(deployment()).text).notes, [
      'Deployment/shop: already has the sidecar; nothing changes',
    ]);
  });
});

describe('flags', () => {
  test('ask for a sidecar in every object with pods, and a template without metadata gets one', () => {
    const bare = `${PLAIN.replace(/ {4}metadata:\n.*\n/, '')}---\n${deployment('x: y', '', 'till')}`;
    const after = injected(bare, { flags: { upstream: 'dns/orders:7000' } });
    for (const name of ['shop', 'till']) assert.equal(podIn(after, name).initContainers?.length, 1);
  });

  test('are for the named objects only, and annotations win', () => {
    const text = `${PLAIN}---\n${deployment(ASK, '', 'till')}---\n${PLAIN.replace('name: shop', 'name: other')}`;
    const after = injected(text, {
      flags: { upstream: 'service/other:1' },
      only: ['deploy/shop', 'Deployment/till'],
    });
    const routes = objectsOf(after)
      .filter(({ kind }) => kind === 'ConfigMap')
      .flatMap((one) => namesOf(configIn(one).routes));
    assert.deepEqual(routes, ['other', 'orders']);
  });

  test('are for the object of one namespace, if it is named, and else for the only one of that name', () => {
    const within = (namespace: string) =>
      PLAIN.replace('name: shop\n', `name: shop\n${namespace && `  namespace: ${namespace}\n`}`);
    const three = ['', 'day', 'night'].map(within).join('---\n');
    const flags = { upstream: 'dns/orders:70' };
    const notesOf = (text: string, only: string) => run(text, { flags, only: [only] }).notes;
    for (const [only, id] of [
      ['night/deploy/shop', 'night/Deployment/shop'],
      ['/deploy/shop', 'Deployment/shop'],
    ] as const) {
      assert.equal(notesOf(three, only)[0], `${id}: sidecar added`);
      assert.equal(notesOf(three, only).filter((one) => one.includes('sidecar')).length, 1);
    }
    assert.equal(notesOf(within('day'), 'deploy/shop')[0], 'day/Deployment/shop: sidecar added');
    const several =
      '--only Deployment/shop: the input has 3 of them; write /Deployment/shop or day/Deployment/shop or night/Deployment/shop';
    assert.deepEqual(problemsOf(three, { flags, only: ['deploy/shop'] }), [several]);
    assert.deepEqual(problemsOf(within('day'), { flags, only: ['night/deploy/shop'] }), [
      '--only night/Deployment/shop: the input has no such object; did you mean day/Deployment/shop?',
    ]);
    const all = run(three, { flags }).text;
    assert.throws(() => removed(all, ['deploy/shop']), { lines: [several] });
    assert.equal(run(removed(all, ['day/deploy/shop']), { flags }).text, all);
    const { notes } = run(removed(all, ['day/deploy/shop']), { flags });
    assert.ok(notes.includes('day/Deployment/shop: sidecar added'), notes.join('\n'));
    assert.ok(notes.includes('added: day/ConfigMap/shop-lazypirate'), notes.join('\n'));
  });

  test('give way to an annotation with a whole configuration', () => {
    const { text } = run(deployment('lazypirate/config: mine'), { flags: { upstream: 'service/other:1' } });
    assert.deepEqual(podIn(text).volumes?.[0]?.['configMap'], { name: 'mine' });
  });

  test('that name what is not there are refused, with what is meant', () => {
    const flags = { upstream: 'service/other:1' };
    assert.deepEqual(problemsOf(PLAIN, { flags, only: ['deploy/shopp'] }), [
      '--only Deployment/shopp: the input has no such object; did you mean Deployment/shop?',
    ]);
    assert.match(
      problemsOf(PLAIN, { flags, only: ['constructor/shop'] })[0] ?? '',
      /^--only constructor\/shop: write KIND\/NAME/,
    );
    assert.deepEqual(problemsOf(PLAIN, { flags, only: ['deploymnt/shop'] }), [
      '--only deploymnt/shop: did you mean Deployment/shop?',
    ]);
  });
});

test('an empty namespace is none', () => {
  const text = deployment('lazypirate/config: mine').replace('name: shop\n', 'name: shop\n  namespace: ""\n');
  const route = '{ name: a, listen: "tcp://127.0.0.1:1", upstream: { kubernetes: { service: a, port: 1 } } }';
  const mine = `---
apiVersion: v1
kind: ConfigMap
metadata: { name: mine }
data:
  config.yaml: "routes: [${route.replaceAll('"', '\\"')}]"
`;
  const after = injected(text + mine);
  assert.equal(find(objectsOf(after), 'Role', 'shop-lazypirate').metadata.namespace, undefined);
  assert.match(
    problemsOf(text.replace('config: mine', 'upstream: service/other/a:1'))[0] ?? '',
    /asks in the namespace other, .*: write metadata.namespace/,
  );
});

describe('an object that does not ask', () => {
  test('is passed through, and that nothing asked is told', () => {
    const { text, notes } = run(PLAIN);
    assert.equal(text, PLAIN);
    assert.match(notes.join('\n'), /^nothing asks for the sidecar/);
  });

  test('is passed through even if it is no YAML', () => {
    const text = `${PLAIN}---\nkind: Deployment\n{{ template }}\n  - : [\n`;
    assert.equal(run(text).text, text);
  });

  test('and has annotations of ours where no pod reads them, is refused or told about', () => {
    const outside = PLAIN.replace('  name: shop\n', `  name: shop\n  annotations: { ${ASK} }\n`);
    assert.deepEqual(problemsOf(outside), [
      'app.yaml:5: Deployment/shop: lazypirate/upstream is an annotation of the Deployment, but must be one of its pods: put it below spec.template.metadata.annotations',
    ]);
    const rollout = deployment()
      .replace('kind: Deployment', 'kind: Rollout')
      .replace('apps/v1', 'argoproj.io/v1alpha1');
    assert.match(
      run(rollout).notes[0] ?? '',
      /^Rollout\/shop: has the annotation lazypirate\/upstream, but inject does not know/,
    );
  });
});

describe('a second time', () => {
  test('with another wish changes just that', () => {
    const before = run(deployment()).text;
    const changed = before.replace(
      'lazypirate/upstream: service/orders:zmq',
      'lazypirate/upstream: tcp://10.0.0.1:70',
    );
    const { text, notes } = run(changed);
    assert.equal(text, run(deployment('lazypirate/upstream: tcp://10.0.0.1:70')).text);
    assert.deepEqual(notes, [
      'Deployment/shop: sidecar updated',
      'removed: Role/shop-lazypirate, RoleBinding/shop-lazypirate',
    ]);
  });

  test('says of each object whether anything of it has changed', () => {
    const shop = run(deployment()).text;
    const till = deployment('lazypirate/upstream: service/a:1', '', 'till');
    const both = run(`${shop}---\n${till}`);
    assert.deepEqual(both.notes.slice(0, 2), [
      'Deployment/shop: already has the sidecar; nothing changes',
      'Deployment/till: sidecar added',
    ]);
    const changed = both.text.replace('upstream: service/a:1', 'upstream: service/b:1');
    assert.deepEqual(run(changed).notes, [
      'Deployment/shop: already has the sidecar; nothing changes',
      'Deployment/till: sidecar updated',
    ]);
  });

  test('brings a sidecar of another version up to date, and says so', () => {
    const before = run(deployment()).text;
    const old = before
      .replace(`injected: ${version}`, 'injected: 0.0.9')
      .replace(IMAGE, 'example.com/old:0.0.9');
    const { text, notes } = run(old);
    assert.equal(text, before);
    assert.deepEqual(notes, [`Deployment/shop: sidecar updated from 0.0.9 to ${version}`]);
  });

  test('shares what an object of the same name has that keeps its sidecar, or says that it differs', () => {
    const two = `${PLAIN}---\n${PLAIN.replace('Deployment', 'StatefulSet')}`;
    const options = (only: string, upstream = 'service/a:1') => ({ flags: { upstream }, only: [only] });
    const first = run(two, options('deploy/shop')).text;
    const second = run(first, options('sts/shop'));
    assert.equal(second.notes[0], 'StatefulSet/shop: sidecar added');
    assert.equal(second.text, run(two, { flags: { upstream: 'service/a:1' } }).text);
    assert.match(
      problemsOf(first, options('sts/shop', 'service/b:1'))[0] ?? '',
      /StatefulSet\/shop: needs ConfigMap\/shop-lazypirate, which another object of this name needs with other content/,
    );
  });

  test('leaves a sidecar for which nothing asks any more, and says how to take it out', () => {
    const before = run(PLAIN, { flags: { upstream: 'service/a:1' } }).text;
    const { text, notes } = run(before);
    assert.equal(text, before);
    assert.match(
      notes[0] ?? '',
      /^Deployment\/shop: has the sidecar .* nothing asks for it any more.*--remove/,
    );
  });
});

describe('--remove', () => {
  const both = `${deployment()}---\n${deployment(ASK, '', 'till')}`;

  test('takes out of the named objects only, with what is beside them', () => {
    const after = removed(run(both).text, ['deployment/shop']);
    assert.deepEqual(
      objectsOf(after).map(({ kind, metadata }) => `${kind}/${metadata.name}`),
      [
        'Deployment/shop',
        'ConfigMap/till-lazypirate',
        'Role/till-lazypirate',
        'RoleBinding/till-lazypirate',
        'Deployment/till',
      ],
    );
    assert.equal(podIn(after).initContainers, undefined);
    assert.equal(removed(after), both);
  });

  test('says that a named object has no sidecar, and which have one', () => {
    const text = `${run(deployment()).text}---\n${PLAIN.replace('name: shop', 'name: till')}`;
    assert.throws(() => removed(text, ['deploy/till']), {
      lines: [
        '--only Deployment/till: the input has no such object with a sidecar of inject; there are Deployment/shop',
      ],
    });
  });

  test('leaves what another object of the same name still needs', () => {
    const text = `${deployment()}---\n${deployment().replace('Deployment', 'StatefulSet')}`;
    const after = removed(run(text).text, ['deployment/shop']);
    assert.deepEqual(
      objectsOf(after).map(({ kind }) => kind),
      ['ConfigMap', 'Role', 'RoleBinding', 'Deployment', 'StatefulSet'],
    );
    assert.equal(removed(after), text);
  });

  test('leaves a sidecar that somebody else has put there', () => {
    const text = run(deployment())
      .text.replace(/ +lazypirate\/injected.*\n/, '')
      .replaceAll('lazypirate-inject', 'me');
    assert.equal(removed(text), text);
  });

  test('finds everything in a List too, as kubectl get writes it', () => {
    const list = stringify({ apiVersion: 'v1', kind: 'List', items: objectsOf(run(both).text) });
    const [without] = objectsOf(removed(list));
    assert.deepEqual(without && itemsOf(without), objectsOf(both));
    const { text, notes } = run(list);
    assert.deepEqual(
      notes,
      ['shop', 'till'].map((name) => `Deployment/${name}: already has the sidecar; nothing changes`),
    );
    assert.equal(objectsOf(text).length, 7);
    assert.equal(run(text).text, text);
  });

  test('finds what another tool has written again', () => {
    const objects = objectsOf(run(both).text).map((one) => JSON.stringify(one, null, 4));
    const after = removed(objects.join('\n---\n'));
    assert.deepEqual(objectsOf(after), objectsOf(both));
  });
});

test('objects in several files are told apart by their files', () => {
  const files = [
    { name: 'a.yaml', text: deployment().trimEnd() },
    { name: 'b.yaml', text: deployment('lazypirate/upstreams: service/orders:zmq') },
  ];
  assert.throws(
    () => addSidecars(files, { flags: { image: IMAGE }, only: [], isNative: true }),
    /^ConfigError: b.yaml:9: Deployment\/shop: lazypirate\/upstreams is not a known annotation; did you mean lazypirate\/upstream\?/,
  );
  const good = [files[0], { name: 'b.yaml', text: PLAIN }] as typeof files;
  const { text } = addSidecars(good, { flags: { image: IMAGE }, only: [], isNative: true });
  assert.equal(objectsOf(text).length, 5);
  assert.ok(addedLines(`${deployment()}---\n${PLAIN}`, text).length > 100);
});

test('a file that begins with directives, behind another one, is still YAML and has its own lines', () => {
  const files = (text: string) => [
    { name: 'a.yaml', text: 'kind: A\n' },
    { name: 'b.yaml', text: `# mine\n%YAML 1.2\n---\n${text}` },
  ];
  const options = { flags: { image: IMAGE }, only: [], isNative: true };
  const after = addSidecars(files(PLAIN), options).text;
  assert.deepEqual(
    objectsOf(after).map(({ kind }) => kind),
    ['A', 'Deployment'],
  );
  assert.throws(
    () => addSidecars(files(deployment()), options),
    /^ConfigError: b.yaml:1: Deployment\/shop: has directives/,
  );
});
