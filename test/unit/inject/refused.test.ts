import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { InjectOptions } from '../../../src/inject/sidecars.ts';
import { find, objectsOf } from '../../support/objects.ts';
import { configIn, IMAGE, injected, namesOf, podIn, problemsOf, run } from './injected.ts';

const ASK = '{ lazypirate/upstream: "service/orders:zmq" }';

interface Parts {
  kind?: string;
  apiVersion?: string;
  metadata?: string;
  annotations?: string;
  spec?: string;
  containers?: string;
}

/** A workload in which each thing stands on its own line. */
function workload(parts: Parts = {}): string {
  const { kind = 'Deployment', apiVersion = 'apps/v1', metadata = '{ name: shop }' } = parts;
  const { annotations = ASK, spec = '', containers = '[{ name: app, image: x }]' } = parts;
  return `apiVersion: ${apiVersion}
kind: ${kind}
metadata: ${metadata}
spec:
  template:
    metadata:
      annotations: ${annotations}
    spec:
      containers: ${containers}
${spec}`;
}

const CONFIG_MAP = (config: string) => `---
apiVersion: v1
kind: ConfigMap
metadata: { name: mine }
data:
  config.yaml: |
    ${config.replaceAll('\n', '\n    ')}
`;
const ROUTE =
  '{ name: a, listen: "tcp://127.0.0.1:5555", upstream: { kubernetes: { service: a, port: 1 } } }';
const MINE = { annotations: '{ lazypirate/config: mine }' };

const REFUSED: Record<string, [text: string, line: number, words: RegExp, options?: Partial<InjectOptions>]> =
  {
    'the network of the node': [
      workload({ spec: '      hostNetwork: true\n' }),
      10,
      /hostNetwork puts the ports .* onto the node/,
    ],
    'the network of the node, in a word that Kubernetes takes for true': [
      workload({ spec: '      hostNetwork: yes\n' }),
      10,
      /hostNetwork puts the ports .* onto the node/,
    ],
    'a port of the app where a route listens': [
      workload({ containers: '[{ name: app, image: x, ports: [{ containerPort: 5555 }] }]' }),
      9,
      /port 5555 is taken by the container app, but the sidecar listens for the route orders there: set another port with lazypirate\/listen/,
    ],
    'a port of the app where health is served': [
      workload({ containers: '[{ name: app, image: x, ports: [{ containerPort: 9555, protocol: TCP }] }]' }),
      9,
      /port 9555 is taken .* health and metrics there: .*lazypirate\/config/,
    ],
    'a port of the app where status is served': [
      workload({ containers: '[{ name: app, image: x, ports: [{ containerPort: 9556 }] }]' }),
      9,
      /port 9556 is taken .* its status/,
    ],
    'a container of that name': [
      workload({ spec: '      initContainers:\n        - name: lazypirate\n' }),
      11,
      /has a container lazypirate that inject did not add/,
    ],
    'a volume of that name': [
      workload({ spec: '      volumes:\n        - name: lazypirate-config\n' }),
      11,
      /has a volume lazypirate-config that inject did not add: rename it/,
    ],
    'pods on Windows': [workload({ spec: '      os: { name: windows }\n' }), 10, /run on Windows/],
    'pods on Windows, by a selector': [
      workload({ spec: '      nodeSelector: { kubernetes.io/os: windows }\n' }),
      10,
      /run on Windows/,
    ],
    'a grace period that leaves no time': [
      workload({ spec: '      terminationGracePeriodSeconds: 1\n' }),
      10,
      /cannot finish its requests in 1 s: raise terminationGracePeriodSeconds to 2 or more/,
    ],
    'no containers': [workload({ containers: '[]' }), 9, /has no containers/],
    'no name': [workload({ metadata: '{ labels: {} }' }), 2, /has no name/],
    'no image': [
      workload(),
      2,
      /no image is named, and none is published.*--image/,
      { flags: { image: undefined } },
    ],
    'an image that is none': [
      workload({ annotations: '{ lazypirate/upstream: "service/orders:zmq", lazypirate/image: "-x" }' }),
      7,
      /lazypirate\/image: "-x" is not an image/,
    ],
    'a job whose sidecar would never end': [
      workload({ kind: 'Job', apiVersion: 'batch/v1' }),
      2,
      /pods of a Job would never end: do not use --no-native here/,
      { isNative: false },
    ],
    'an upstream that is none': [
      workload({ annotations: '{ lazypirate/upstream: "service/orders" }' }),
      7,
      /lazypirate\/upstream: service\/orders has no port: write service\/orders:PORT/,
    ],
    'an upstream that does not say what it is': [
      workload({ annotations: '{ lazypirate/upstream: "orders:70" }' }),
      7,
      /lazypirate\/upstream: "orders:70" is not an upstream: write service\/NAME:PORT for a Service, dns\/NAME:PORT/,
    ],
    'an upstream with a name for an address': [
      workload({ annotations: '{ lazypirate/upstream: "tcp://orders:70" }' }),
      7,
      /lazypirate\/upstream: tcp:\/\/orders:70: orders is not an IP address: write dns\/orders:70, or service/,
    ],
    'a listener that is none': [
      workload({ annotations: `{ lazypirate/upstream: "service/orders:zmq", lazypirate/listen: "5555" }` }),
      7,
      /lazypirate\/listen: "5555" is not an address/,
    ],
    'a listener that others reach': [
      workload({
        annotations: `{ lazypirate/upstream: "service/orders:zmq", lazypirate/listen: "tcp://0.0.0.0:1" }`,
      }),
      7,
      /lazypirate\/listen: can be reached from other machines/,
    ],
    'a socket where no volume is': [
      workload({
        annotations: `{ lazypirate/upstream: "service/orders:zmq", lazypirate/listen: "ipc:///tmp/a" }`,
      }),
      2,
      /listen \(ipc:\/\/\/tmp\/a\) is in no volume of the sidecar: put the socket directly into \/run\/lazypirate/,
    ],
    'another volume where the sockets are': [
      workload({
        annotations: `{ lazypirate/upstream: "service/orders:zmq", lazypirate/listen: "ipc:///run/lazypirate/a" }`,
        containers: '[{ name: app, image: x, volumeMounts: [{ name: x, mountPath: /run/lazypirate/ }] }]',
      }),
      9,
      /the container app has another volume at \/run\/lazypirate: mount it elsewhere/,
    ],
    'an endpoint where no volume is': [
      workload({ annotations: '{ lazypirate/upstream: "ipc:///tmp/a" }' }),
      2,
      /upstream.endpoints \(ipc:\/\/\/tmp\/a\) is in no volume of the sidecar: put the socket directly into/,
    ],
    'a route whose name is none': [
      workload({ annotations: `{ lazypirate/upstream: "service/orders:zmq", lazypirate/route: "A B" }` }),
      7,
      /lazypirate\/route: must be of lower-case letters/,
    ],
    'an annotation that nobody knows': [
      workload({ annotations: '{ lazypirate/upstreams: "service/orders:zmq" }' }),
      7,
      /lazypirate\/upstreams is not a known annotation; did you mean lazypirate\/upstream\?/,
    ],
    'an annotation like the one that marks what has the sidecar': [
      workload({ annotations: '{ lazypirate/upstream: "service/orders:zmq", lazypirate/inject: enabled }' }),
      7,
      /lazypirate\/inject is not a known annotation; there are lazypirate\/upstream, .*, lazypirate\/discovery$/,
    ],
    'a word for discovery that is none': [
      workload({ annotations: '{ lazypirate/config: mine, lazypirate/discovery: off }' }),
      7,
      /lazypirate\/discovery must be disabled or enabled/,
    ],
    'a ConfigMap without a name': [
      workload({ annotations: '{ lazypirate/config: "" }' }),
      7,
      /lazypirate\/config: "" is not the name of a ConfigMap/,
    ],
    'an annotation that is no text': [
      workload({ annotations: '{ lazypirate/upstream: "service/orders:zmq", lazypirate/route: 7 }' }),
      7,
      /lazypirate\/route must be a text: put quotes around it/,
    ],
    'a listener and no upstream': [
      workload({ annotations: '{ lazypirate/listen: "tcp://127.0.0.1:1" }' }),
      7,
      /nothing says where requests go: add the annotation lazypirate\/upstream or lazypirate\/config/,
    ],
    'a configuration and an upstream': [
      workload({ annotations: '{ lazypirate/config: mine, lazypirate/upstream: "service/orders:zmq" }' }),
      7,
      /lazypirate\/config is a whole configuration: remove lazypirate\/upstream, or lazypirate\/config/,
    ],
    'a namespace that is another one, where its own is not said': [
      workload({ annotations: '{ lazypirate/upstream: "service/other/orders:zmq" }' }),
      2,
      /asks in the namespace other, .*: write metadata.namespace/,
    ],
    'an alias in place of what is to be changed': [
      `x: &pod { containers: [{ name: app, image: x }] }\n${workload().replace(/spec:\n {6}containers.*\n/, 'spec: *pod\n')}`,
      9,
      /spec is an alias \(\*pod\): write it out here/,
    ],
    'something that is used elsewhere too': [
      `${workload().replace('    spec:', '    spec: &pod')}other: *pod\n`,
      9,
      /spec is used elsewhere as \*pod, and would be changed there as well/,
    ],
    'keys from elsewhere': [
      `x: &pod { volumes: [] }\n${workload({ spec: '      <<: *pod\n' })}`,
      11,
      /spec takes keys from elsewhere \(<<\): write them out here/,
    ],
    'a key that is there twice': [
      workload({ spec: '      volumes: []\n      volumes: []\n' }),
      11,
      /volumes is there twice: remove one of them/,
    ],
    'a value that is no list': [
      workload({ spec: '      volumes: 7\n' }),
      10,
      /spec.template.spec.volumes must be a list/,
    ],
    'the word null': [workload({ spec: '      volumes: null\n' }), 10, /volumes is null: remove the word/],
    'an anchor on a line of its own, below which nothing can be added': [
      workload().replace('    spec:\n', '    spec:\n      &pod\n'),
      1,
      /is written in a way that cannot be changed here/,
    ],
    'what is not YAML': [`${workload()}  - : [`, 10, /is not YAML: /],
    'a template of a chart': [
      workload({ spec: '      {{- with .Values.x }}\n' }),
      10,
      /is not YAML: .* `helm template`/,
    ],
    directives: [`%YAML 1.2\n---\n${workload()}`, 1, /has directives/],
    'the name of an object that is there': [
      `${workload()}---\nkind: ConfigMap\napiVersion: v1\nmetadata: { name: shop-lazypirate }\n`,
      2,
      /needs ConfigMap\/shop-lazypirate, but the input has one already that is not of inject: rename it/,
    ],
    'one name for two configurations': [
      `${workload()}---\n${workload({ kind: 'StatefulSet', annotations: '{ lazypirate/upstream: "service/other:zmq" }' })}`,
      12,
      /StatefulSet\/shop: needs ConfigMap\/shop-lazypirate, which Deployment\/shop needs with other content/,
    ],
    'a configuration without its key': [
      `${workload(MINE)}---\nkind: ConfigMap\napiVersion: v1\nmetadata: { name: mine }\ndata: { other: x }\n`,
      7,
      /ConfigMap mine has no key config.yaml/,
    ],
    'a configuration that is wrong': [
      workload(MINE) + CONFIG_MAP('routes:\n  - nme: a\n'),
      7,
      /ConfigMap mine: config.yaml:2:5: routes\[0\].nme: is not a known key here; did you mean name\?/,
    ],
    'a configuration that drains longer than the pod lives': [
      workload({ ...MINE, spec: '      terminationGracePeriodSeconds: 20\n' }) +
        CONFIG_MAP(`routes: [${ROUTE}]`),
      10,
      /drain.timeout \(25s\) must be at least a second below the grace period of the pod \(20s\)/,
    ],
    'health on loopback': [
      workload(MINE) + CONFIG_MAP(`admin: { listen: "127.0.0.1:9555" }\nroutes: [${ROUTE}]`),
      2,
      /admin.listen \(127.0.0.1:9555\) must not be loopback: the kubelet/,
    ],
    'health on one address': [
      workload(MINE) + CONFIG_MAP(`admin: { listen: "10.0.0.1:9555" }\nroutes: [${ROUTE}]`),
      2,
      /admin.listen \(10.0.0.1:9555\) must be every address of the pod/,
    ],
    'headers in a file': [
      workload(MINE) +
        CONFIG_MAP(`tracing: { endpoint: "http://c:4318", headersFile: /k/headers }\nroutes: [${ROUTE}]`),
      2,
      /tracing.headersFile \(\/k\/headers\) is in no volume of the sidecar: inject adds none, so use the Helm chart/,
    ],
    'keys in files': [
      workload(MINE) +
        CONFIG_MAP(
          `routes: [${ROUTE.replace('} } }', '} }, curve: { serverKeyFile: /k/a, publicKeyFile: /k/b, secretKeyFile: /k/c } }')}]`,
        ),
      2,
      /routes\[0\].curve.serverKeyFile \(\/k\/a\) is in no volume of the sidecar: inject adds none, so use the Helm chart/,
    ],
  };

describe('inject refuses', () => {
  for (const [title, [text, line, words, options]] of Object.entries(REFUSED))
    test(title, () => {
      const problems = problemsOf(text, options);
      const found = problems.find((one) => words.test(one));
      assert.ok(found, problems.join('\n'));
      assert.match(
        found,
        new RegExp(
          `^app.yaml:${line}: (Deployment|StatefulSet|Job)/(shop)?: |^app.yaml:${line}: is not YAML`,
        ),
      );
    });

  for (const [title, before, line] of [
    ['an empty line', '\n', 2],
    ['a comment', '# licence\n', 2],
    ['the line ---', 'kind: A\n---\n', 3],
    ['three dots', 'kind: A\n...\n', 3],
    ['another one', '\uFEFF', 1],
  ] as const)
    test(`a byte order mark behind ${title}`, () => {
      const words = 'has a byte order mark (U+FEFF) that is not at the start of the file: remove it';
      assert.deepEqual(problemsOf(`${before}\uFEFF${workload()}`), [`app.yaml:${line}: ${words}`]);
      assert.deepEqual(problemsOf(`${before}\uFEFF---\n${workload()}`), [`app.yaml:${line}: ${words}`]);
    });

  test('everything that is wrong at once, in the order of the input', () => {
    const text = [
      workload({ spec: '      hostNetwork: true\n' }),
      workload({ metadata: '{ name: two }', annotations: '{ lazypirate/upstream: "service/a" }' }),
    ].join('---\n');
    assert.deepEqual(
      problemsOf(text).map((one) => one.slice(0, 26)),
      ['app.yaml:10: Deployment/sho', 'app.yaml:18: Deployment/two'].map((one) => one.slice(0, 26)),
    );
  });

  test('a whole configuration and a part of one as flags', () => {
    const flags = { upstream: 'dns/orders:70', listen: 'tcp://127.0.0.1:1', config: 'mine' };
    assert.deepEqual(problemsOf(workload(), { flags }), [
      '--config is a whole configuration: remove --upstream and --listen, or --config',
    ]);
  });

  test('a flag that is wrong once, however many objects it is for', () => {
    const text = ['one', 'two'].map((name) => workload({ metadata: `{ name: ${name} }` })).join('---\n');
    assert.deepEqual(problemsOf(text, { flags: { listen: '5555' } }), [
      '--listen: "5555" is not an address: write tcp://127.0.0.1:5555 or ipc:///run/some.sock',
    ]);
  });

  test('a flag that is wrong for one object only with the place of that object', () => {
    const annotations = '{ lazypirate/listen: "tcp://127.0.0.1:1" }';
    assert.deepEqual(problemsOf(workload({ annotations }), { flags: { config: 'mine' } }), [
      'app.yaml:7: Deployment/shop: --config is a whole configuration: remove lazypirate/listen, or --config',
    ]);
  });

  test('with the lines of the input, also where it had the sidecar', () => {
    const before = run(workload()).text;
    const line = before.split('\n').findIndex((one) => one.includes('containers: [{')) + 1;
    const wrong = before.replace('name: app,', 'name: app, ports: [{ containerPort: 5555 }],');
    assert.match(problemsOf(wrong)[0] ?? '', new RegExp(`^app.yaml:${line}: Deployment/shop: port 5555`));
  });
});

const SERVICE = `---
apiVersion: v1
kind: Service
metadata: { name: orders }
spec: { selector: { app: orders }, ports: [{ name: zmq, port: 7000 }] }
`;
const labelled = (name: string) =>
  workload({ metadata: `{ name: ${name} }`, annotations: '{}' }).replace(
    'annotations: {}',
    `labels: { app: ${name} }`,
  );

describe('inject', () => {
  test('says which pods would send requests to themselves', () => {
    const flags = { upstream: 'service/orders:zmq' };
    const { notes } = run(`${labelled('shop')}---\n${labelled('orders')}${SERVICE}`, { flags });
    const [words = '', ...more] = notes.filter((one) => one.includes('its own pods'));
    assert.deepEqual(more, []);
    assert.match(
      words,
      /^Deployment\/orders: its own pods are the servers of Service\/orders, .*--only KIND\/NAME$/,
    );
  });

  test('says that a Service of the input has no such port', () => {
    const notesOf = (port: string) =>
      run(labelled('shop') + SERVICE, { flags: { upstream: `service/orders:${port}` } }).notes.join('\n');
    assert.match(
      notesOf('zqm'),
      /Deployment\/shop: Service\/orders has no port zqm, .* it has zmq \(7000\)$/m,
    );
    for (const port of ['zmq', '7000']) assert.doesNotMatch(notesOf(port), /Service\/orders/);
  });

  test('says that a Service of the input has no such port on its pods', () => {
    const notesOf = (port: number, targetPort: string) => {
      const service = SERVICE.replace('port: 7000', `port: 80, targetPort: ${targetPort}`);
      return run(labelled('shop') + service, { flags: { upstream: `service/orders:${port}` } }).notes.join(
        '\n',
      );
    };
    for (const port of [80, 5555])
      assert.match(
        notesOf(port, '7000'),
        new RegExp(
          `^Deployment/shop: a number is a port of the pods, and Service/orders has none that is ${port} there; it has zmq \\(80, on the pods 7000\\)$`,
          'm',
        ),
      );
    assert.doesNotMatch(notesOf(7000, '7000'), /Service\/orders/);
    assert.doesNotMatch(notesOf(80, 'zmq'), /Service\/orders/, 'a port that the containers name');
  });

  test('says that there is nothing with pods, if flags ask for all', () => {
    const { notes } = run(SERVICE, { flags: { upstream: 'service/orders:zmq' } });
    assert.match(notes.join('\n'), /^nothing gets the sidecar: the input has no Pod, Deployment, /);
  });

  test('lets the app have other ports, and one of UDP', () => {
    const ports = '[{ containerPort: 80 }, { containerPort: 5555, protocol: UDP }]';
    const containers = `[{ name: app, image: x, ports: ${ports} }]`;
    assert.match(run(workload({ containers })).notes[0] ?? '', /sidecar added/);
  });

  test('takes --image for an object that asks by itself, though --only names another one', () => {
    const text = `${workload()}---\n${workload({ metadata: '{ name: two }', annotations: '{}' })}`;
    const { notes } = run(text, { flags: { upstream: 'service/a:1' }, only: ['Deployment/two'] });
    assert.deepEqual(notes.slice(0, 2), ['Deployment/shop: sidecar added', 'Deployment/two: sidecar added']);
  });

  test('lets a short grace period shorten the drain of a configuration that it makes', () => {
    const [configMap] = objectsOf(run(workload({ spec: '      terminationGracePeriodSeconds: 5\n' })).text);
    assert.deepEqual(configMap && configIn(configMap).drain, { timeout: '4s' });
    const [long] = objectsOf(run(workload()).text);
    assert.equal(long && configIn(long).drain, undefined);
  });

  test('mounts the directory of a socket in every container, which every user may use', () => {
    const annotations =
      '{ lazypirate/upstream: "dns/orders:70", lazypirate/listen: "ipc:///run/lazypirate/a.sock" }';
    const containers =
      '\n        - name: app\n          image: x\n        - name: two # second\n          image: x\n          volumeMounts:\n            - { name: x, mountPath: /x }';
    const text = workload({
      annotations: `\n        ${annotations.slice(2, -2).replace(', ', '\n        ')}`,
      containers,
    });
    const after = injected(text);
    const spec = podIn(after);
    const mount = { name: 'lazypirate-run', mountPath: '/run/lazypirate' };
    for (const { volumeMounts } of spec.containers) assert.deepEqual(volumeMounts?.[0], mount);
    assert.deepEqual(spec.initContainers?.[0]?.volumeMounts?.at(-1), mount);
    assert.deepEqual(spec.volumes?.at(-1), { name: 'lazypirate-run', emptyDir: {} });
    const configMap = find(objectsOf(after), 'ConfigMap', 'shop-lazypirate');
    assert.equal(configIn(configMap).routes[0]?.listenMode, '777');
  });

  test('mounts that directory for the socket of a server in the pod, too', () => {
    const annotations = '{ lazypirate/upstream: "ipc:///run/lazypirate/server.sock" }';
    const { initContainers, containers, volumes } = podIn(run(workload({ annotations })).text);
    for (const { volumeMounts } of [...(initContainers ?? []), ...containers])
      assert.equal(volumeMounts?.at(-1)?.mountPath, '/run/lazypirate');
    assert.deepEqual(volumes?.at(-1), { name: 'lazypirate-run', emptyDir: {} });
  });

  test('takes a configuration of the input, with the Role that it needs and its own admin port', () => {
    const text = workload(MINE) + CONFIG_MAP(`admin: { listen: "0.0.0.0:8080" }\nroutes: [${ROUTE}]`);
    const after = run(text).text;
    assert.deepEqual(
      objectsOf(after).map(({ kind, metadata }) => `${kind}/${metadata.name}`),
      ['Role/shop-lazypirate', 'RoleBinding/shop-lazypirate', 'Deployment/shop', 'ConfigMap/mine'],
    );
    const { initContainers, volumes } = podIn(after);
    assert.equal(initContainers?.[0]?.ports?.[0]?.containerPort, 8080);
    assert.deepEqual(volumes?.[0]?.['configMap'], { name: 'mine' });
  });

  test('takes a configuration that it cannot see, and says that nobody has checked it', () => {
    const { text, notes } = run(workload(MINE));
    assert.deepEqual(namesOf(podIn(text).volumes), ['lazypirate-config', 'lazypirate-token']);
    assert.match(
      notes.join('\n'),
      /ConfigMap mine is not in the input, so it was not checked, and no Role was added/,
    );
    const none = run(
      workload({ annotations: '{ lazypirate/config: mine, lazypirate/discovery: disabled }' }),
    );
    assert.deepEqual(namesOf(podIn(none.text).volumes), ['lazypirate-config']);
  });

  test('binds the Role of another namespace to the account of the pods in their own', () => {
    const text = workload({
      metadata: '{ name: shop, namespace: till }',
      annotations: '{ lazypirate/upstream: "service/other/orders:zmq" }',
      spec: '      serviceAccountName: seller\n',
    });
    const objects = objectsOf(run(text).text);
    const binding = objects.find(({ kind }) => kind === 'RoleBinding');
    assert.deepEqual(
      [binding?.metadata.name, binding?.metadata.namespace],
      ['till-shop-lazypirate', 'other'],
    );
    assert.deepEqual(binding?.['subjects'], [{ kind: 'ServiceAccount', name: 'seller', namespace: 'till' }]);
  });

  test('shares what two objects of one name both need', () => {
    const text = `${workload()}---\n${workload({ kind: 'StatefulSet' })}`;
    assert.equal(objectsOf(run(text).text).filter(({ kind }) => kind === 'ConfigMap').length, 1);
    const after = run(text).text;
    assert.equal(run(after).text, after);
  });

  test('takes an image by digest, and an annotation in place of the flag', () => {
    const image = `localhost:5000/team/lazypirate@sha256:${'a'.repeat(64)}`;
    const text = workload({
      annotations: `{ lazypirate/upstream: "service/orders:zmq", lazypirate/image: "${image}" }`,
    });
    assert.equal(podIn(run(text, { flags: { image: IMAGE } }).text).initContainers?.[0]?.image, image);
  });
});

test('a wrong path of a socket is one problem, and not also one of the mode that inject gives it', () => {
  const annotations = (path: string) =>
    `{ lazypirate/upstream: "service/orders:zmq", lazypirate/listen: "ipc:///run/lazypirate/${path}" }`;
  const start = 'app.yaml:7: Deployment/shop: lazypirate/listen: ipc:///run/lazypirate/';
  assert.deepEqual(problemsOf(workload({ annotations: annotations('../a') })), [
    `${start}../a: write the path without .., ipc:///run/a if it has no symbolic links`,
  ]);
  assert.deepEqual(problemsOf(workload({ annotations: annotations('') })), [
    `${start}: the path is a directory: add the name of the socket`,
  ]);
});
