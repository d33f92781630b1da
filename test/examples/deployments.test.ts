/* The examples of ways to deploy, as their pages say: the blocks of commands are run, with stand-ins for what needs a cluster. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load-config.ts';
import { build } from '../support/built.ts';
import { Charts, helmSkip, restrictedProblems, schemaSkip } from '../support/charts.ts';
import { copyOf, EXAMPLES, pathWith } from '../support/example.ts';
import { kustomize, kustomizeSkip } from '../support/kustomize.ts';
import { containersOf, find, objectsOf, podOf } from '../support/objects.ts';
import { commandsOn } from '../support/pages.ts';
import { Program, startServe, startSidecar } from '../support/program.ts';
import { rulesFor } from '../support/roles.ts';

const OBJECTS = 'objects.yaml';
/** Keeps what is applied, and answers with the name of a pod. */
const KUBECTL = `case "$*" in
  "get pod "*) echo pod/orders-1 ;;
  *"--filename -") cat > ${OBJECTS} ;;
  *) echo "kubectl $*" ;;
esac`;

const charts = schemaSkip === false ? new Charts() : undefined;

/** The last thing that a page says. */
const REMOVED = /\nkubectl delete namespace shop\n$/;

/** Runs everything that the page of the example in this folder says, and returns what was printed. */
function follow(folder: string, programs: Record<string, string>): string {
  const script = commandsOn(join(folder, 'README.md')).join('');
  assert.notEqual(script, '');
  const env = { ...process.env, PATH: pathWith(programs) };
  const { status, stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', script], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  assert.equal(status, 0, `${stdout}${stderr}`);
  return stdout;
}

/** The app's pod has the sidecar, which finds its configuration and may look for its endpoints, and no other pod has it. */
function checkSidecar(yaml: string, image: string, account: string): void {
  const objects = objectsOf(yaml);
  const pods = objects.flatMap((object) => podOf(object) ?? []);
  const names = pods.map((pod) => containersOf(pod).map(({ name }) => name));
  assert.deepEqual(
    names.filter((containers) => containers.includes('lazypirate')),
    [['lazypirate', 'shop']],
  );
  const pod = podOf(find(objects, 'Deployment', 'shop'));
  const sidecars = pod?.initContainers ?? [];
  assert.deepEqual(
    sidecars.map((one) => [one.image, one.restartPolicy]),
    [[image, 'Always']],
  );
  assert.deepEqual(restrictedProblems({ containers: sidecars }), []);
  assert.equal(pod?.serviceAccountName ?? 'default', account);
  const volume = pod?.volumes?.find(({ name }) => name === 'lazypirate-config');
  const { name } = (volume?.['configMap'] ?? {}) as { name: string };
  const { data } = find(objects, 'ConfigMap', name) as unknown as { data: Record<string, string> };
  const { routes } = loadConfig({ env: {}, flags: {}, text: data['config.yaml'] ?? '' });
  assert.deepEqual(
    routes.map((route) => route.name),
    ['orders'],
  );
  const role = objects.find(({ kind }) => kind === 'Role');
  assert.deepEqual(role?.['rules'], rulesFor('service'));
  const binding = objects.find(({ kind }) => kind === 'RoleBinding') as unknown as {
    subjects: { name: string }[];
  };
  assert.deepEqual(
    binding.subjects.map((subject) => subject.name),
    [account],
  );
  if (charts !== undefined) assert.deepEqual(charts.problems(yaml), []);
}

interface Compose {
  services: {
    lazypirate: { build: string; environment: Record<string, string> };
    app: { entrypoint: string[]; network_mode: string; volumes: string[] };
    orders: { command: string[] };
  };
}

describe('the example with', () => {
  const image = 'registry.example.com/lazypirate:0.1.0';

  test('plain YAML gets the sidecar from lazypirate inject', () => {
    const folder = copyOf('kubernetes');
    assert.match(follow(folder, { kubectl: KUBECTL, docker: 'echo "docker $*"' }), REMOVED);
    checkSidecar(readFileSync(join(folder, OBJECTS), 'utf8'), image, 'default');
  });

  test('plain YAML has an app that gets its replies', async (t) => {
    const serve = await startServe(t);
    const sidecar = await startSidecar(t, ['--listen', 'tcp://127.0.0.1:0', '--upstream', serve.address]);
    const objects = objectsOf(readFileSync(join(EXAMPLES, 'kubernetes/shop.yaml'), 'utf8'));
    const command = podOf(find(objects, 'Deployment', 'shop'))?.containers[0]?.['command'] as string[];
    const [node, ...args] = command.map((word) =>
      word.replace('/lazypirate/dist', join(build(), '..')).replace('tcp://127.0.0.1:5555', sidecar.address),
    );
    assert.equal(node, 'node');
    const app = Program.start(t, process.execPath, args);
    await app.line((line) => (line === 'reply: order 2' ? true : undefined));
    app.kill('SIGTERM');
    assert.deepEqual(await app.ended, { code: 0, signal: null });
  });

  test('Kustomize gets the sidecar from the component', { skip: kustomizeSkip }, () => {
    const folder = copyOf('kustomize');
    const printed = follow(folder, { kubectl: KUBECTL });
    assert.match(printed, /^kubectl apply --kustomize \.$/m);
    assert.match(printed, REMOVED);
    checkSidecar(kustomize(folder), image, 'default');
  });

  test('Helm gets the sidecar from the library chart', { skip: helmSkip }, () => {
    const folder = copyOf('helm');
    const helm = spawnSync('sh', ['-c', 'command -v helm'], { encoding: 'utf8' }).stdout.trim();
    const stub = `home=$(pwd)/home
export HELM_CACHE_HOME="$home" HELM_CONFIG_HOME="$home" HELM_DATA_HOME="$home"
case "$*" in
  "upgrade --install "*) shift 2; exec ${helm} template --kube-version 1.34.0 "$@" > ${OBJECTS} ;;
  "uninstall "*) echo "helm $*" ;;
  *) exec ${helm} "$@" ;;
esac`;
    const printed = follow(folder, { helm: stub, kubectl: KUBECTL });
    assert.match(printed, /^helm uninstall shop --namespace shop$/m);
    assert.match(printed, REMOVED);
    checkSidecar(readFileSync(join(folder, OBJECTS), 'utf8'), image, 'shop');
  });

  test('Docker Compose has a sidecar in the network of the app, which finds the servers by their name', () => {
    const folder = copyOf('compose');
    const file = join(folder, 'compose.yaml');
    const { services } = parse(readFileSync(file, 'utf8')) as Compose;
    const { lazypirate, app, orders } = services;
    assert.equal(app.network_mode, 'service:lazypirate');
    assert.ok(existsSync(join(EXAMPLES, 'compose', lazypirate.build, 'Dockerfile')));
    const [route] = loadConfig({ env: lazypirate.environment, flags: {} }).routes;
    assert.equal(route?.listener.listen, 'tcp://127.0.0.1:5555');
    const port = /:(\d+)$/.exec(orders.command[1] ?? '')?.[1];
    assert.equal(lazypirate.environment['LAZYPIRATE_UPSTREAM'], `dns/orders:${port}`);
    const [source = '', target] = app.volumes[0]?.split(':') ?? [];
    assert.ok(existsSync(join(folder, source, 'app.mjs')));
    assert.ok(app.entrypoint.includes(`${target}/app.mjs`));
    const docker = `case "$*" in "compose ps "*) echo 1234 ;; *) echo "docker $*" ;; esac`;
    const printed = follow(folder, { docker });
    assert.match(printed, /^docker kill 1234$/m);
    assert.match(printed, /\ndocker compose down\n$/);
  });
});
