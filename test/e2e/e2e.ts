/*
 * The demo chart in a real cluster, the one of the current kubeconfig: npm run test:e2e -- --image NAME:TAG
 * It makes a namespace, works in it only, and deletes it at the end.
 */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Namespace, type Totals } from '../support/cluster-under-test.ts';
import { Program, type Scope } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import { lacks, run } from '../support/tools.ts';

const CHART = fileURLToPath(new URL('../../helm/lazypirate-demo', import.meta.url));
const UPSTREAM = 'lazypirate-demo-upstream';
const APP = 'lazypirate-demo';
const UPSTREAMS = 3;
/** The kubelet looks after a mounted ConfigMap about each minute; this is far beyond. */
const RELOAD_PATIENCE_MS = 180_000;

const { values: flags } = parseArgs({ options: { image: { type: 'string' } } });
const image = flags.image ?? process.env['LAZYPIRATE_IMAGE'] ?? '';
const missing = whatIsMissing();
if (missing.length > 0) {
  console.error(`The end-to-end test cannot run:\n${missing.map((one) => `- ${one}\n`).join('')}`);
  process.exit(2);
}

function whatIsMissing(): string[] {
  const tools = lacks('kubectl', 'helm');
  if (tools !== false) return [tools, ...(image === '' ? [noImage()] : [])];
  const problems = image === '' ? [noImage()] : [];
  try {
    run('kubectl', ['get', '--raw', '/readyz', '--request-timeout=10s']);
  } catch (error) {
    const why = String(error).trim().split('\n').at(-1);
    problems.push(`no cluster answers behind the current kubeconfig (KUBECONFIG or ~/.kube/config): ${why}`);
  }
  return problems;
}

function noImage(): string {
  return 'no image: give one that the cluster has or can pull, with --image NAME:TAG or LAZYPIRATE_IMAGE';
}

/** Values that make the chart use the image under test. */
function imageValues(): string[] {
  const colon = image.lastIndexOf(':');
  const hasTag = colon > image.lastIndexOf('/');
  const repository = hasTag ? image.slice(0, colon) : image;
  const tag = hasTag ? image.slice(colon + 1) : 'latest';
  return [
    `--set-string=lazypirate.image.repository=${repository}`,
    `--set-string=lazypirate.image.tag=${tag}`,
    `--set=app.requestsPerSecond=100,upstream.replicas=${UPSTREAMS}`,
  ];
}

describe(`the demo chart with ${image}`, () => {
  let namespace: Namespace;
  let app: string;

  before(() => {
    namespace = new Namespace(`lazypirate-e2e-${process.pid}`);
    run('helm', ['dependency', 'build', CHART]);
  });

  after(() => {
    namespace.delete();
    rmSync(`${CHART}/charts`, { recursive: true, force: true });
    rmSync(`${CHART}/Chart.lock`, { force: true });
  });

  /** What the app counted from before `fault` until its work has gone on for a while after it. */
  async function during(fault: () => unknown): Promise<Totals> {
    const start = namespace.totals(app);
    await fault();
    const end = namespace.totals(app);
    let now = end;
    while (now.requests < end.requests + 200) {
      await setTimeout(500);
      now = namespace.totals(app);
    }
    const since = (key: 'requests' | 'replies' | 'failures') => now[key] - start[key];
    return {
      requests: since('requests'),
      replies: since('replies'),
      failures: since('failures'),
      slowestMs: now.slowestMs,
    };
  }

  test('installs under the restricted Pod Security Standard, and becomes ready', (t) => {
    const startMs = performance.now();
    namespace.helm('install', 'demo', CHART, ...imageValues(), '--wait', '--timeout=120s');
    app = namespace.pods(APP)[0] ?? '';
    assert.equal(namespace.pods(UPSTREAM).length, UPSTREAMS);
    t.diagnostic(`ready after ${((performance.now() - startMs) / 1_000).toFixed(1)} s`);
  });

  test('passes its own helm tests', () => {
    const output = namespace.helm('test', 'demo', '--logs', '--timeout=120s');
    assert.match(output, /Phase:\s+Succeeded/);
    assert.match(output, /"requests":200,"replies":200,"failures":0/);
    assert.match(output, new RegExp(`echo: ${UPSTREAMS} of ${UPSTREAMS} endpoints work`));
  });

  test('is in the cluster what its manifest says, so GitOps tools see no difference', () => {
    const manifest = join(scratch(), 'manifest.yaml');
    writeFileSync(manifest, namespace.helm('get', 'manifest', 'demo'));
    // Each ends with 1 if there is a difference.
    for (const how of [['--server-side', '--force-conflicts'], ['--server-side=false']])
      assert.equal(namespace.kubectl('diff', ...how, '--filename', manifest), '');
  });

  test('loses no request while the upstream pods are replaced', async (t) => {
    const old = namespace.pods(UPSTREAM);
    const totals = await during(() => {
      namespace.kubectl('rollout', 'restart', 'deployment/demo-upstream');
      namespace.kubectl('rollout', 'status', 'deployment/demo-upstream', '--timeout=120s');
    });
    t.diagnostic(JSON.stringify(totals));
    assert.ok(namespace.pods(UPSTREAM).every((pod) => !old.includes(pod)));
    assert.equal(totals.failures, 0);
  });

  test('loses no request when upstream pods are killed one after the other', async (t) => {
    const totals = await during(() => {
      for (const pod of namespace.pods(UPSTREAM)) {
        namespace.kubectl('delete', 'pod', pod, '--grace-period=0', '--force');
        namespace.kubectl('rollout', 'status', 'deployment/demo-upstream', '--timeout=120s');
      }
    });
    t.diagnostic(JSON.stringify(totals));
    assert.equal(totals.failures, 0);
  });

  test('counts in its metrics what the app has seen', (t) => {
    const { replies } = namespace.totals(app);
    assert.ok(namespace.metric(app, 'lazypirate_requests_total{route="echo",outcome="ok"}') >= replies);
    for (const outcome of ['timeout', 'lost', 'no_endpoints', 'overloaded'])
      assert.equal(namespace.metric(app, `lazypirate_requests_total{route="echo",outcome="${outcome}"}`), 0);
    assert.equal(namespace.metric(app, 'lazypirate_endpoints{route="echo",state="up"}'), UPSTREAMS);
    const rssBytes = namespace.metric(app, 'process_resident_memory_bytes');
    t.diagnostic(`the sidecar has ${(rssBytes / 1024 / 1024).toFixed(0)} MiB RSS`);
  });

  test('gives the sidecar alone a token, and the token no more than it needs', () => {
    assert.deepEqual(namespace.permissions('demo-app'), [
      'endpointslices.discovery.k8s.io [] [] [list watch]',
    ]);
    const hasToken = (container: string) =>
      namespace.kubectl(
        ...['exec', app, `--container=${container}`, '--', '/nodejs/bin/node', '--print'],
        'fs.existsSync("/var/run/secrets/kubernetes.io/serviceaccount/token")',
      );
    assert.equal(hasToken('lazypirate').trim(), 'true');
    assert.equal(hasToken('app').trim(), 'false');
  });

  test('takes over a change of the configuration without a restart and without losing a request', async (t) => {
    const reloads = 'lazypirate_config_reloads_total{result="success"}';
    assert.equal(namespace.metric(app, reloads), 0);
    const startMs = performance.now();
    const totals = await during(async () => {
      const change = '--set=lazypirate.config.log.level=debug';
      namespace.helm('upgrade', 'demo', CHART, ...imageValues(), change);
      while (namespace.metric(app, reloads) === 0) {
        assert.ok(performance.now() - startMs < RELOAD_PATIENCE_MS, 'the change has not arrived');
        await setTimeout(500);
      }
      t.diagnostic(`in force ${((performance.now() - startMs) / 1_000).toFixed(1)} s after helm upgrade`);
    });
    t.diagnostic(JSON.stringify(totals));
    assert.equal(totals.failures, 0);
    assert.deepEqual(namespace.pods(APP), [app]);
    assert.equal(namespace.restarts(app), 0);
  });

  function deletePod(): void {
    namespace.kubectl('delete', 'pod', app, '--wait', '--timeout=60s');
  }

  /** Ends the pod of the app, and checks its last words and those of its sidecar. */
  async function leave(scope: Scope, end: () => unknown = deletePod): Promise<Totals> {
    const follow = (container: string) => {
      const args = ['logs', app, `--container=${container}`, '--follow', '--tail=1'];
      return Program.start(scope, 'kubectl', ['--namespace', namespace.name, ...args], { ...process.env });
    };
    const logs = { app: follow('app'), sidecar: follow('lazypirate') };
    await logs.app.line((line) => line.includes('"requests"') || undefined);
    end();
    await Promise.all([logs.app.ended, logs.sidecar.ended]);
    const last = JSON.parse(logs.app.stdout.at(-1) ?? '') as Totals;
    assert.equal(last.done, true);
    assert.equal(last.failures, 0);
    assert.equal(last.replies, last.requests);
    assert.equal((await logs.sidecar.logged('drained'))['failed'], 0);
    return last;
  }

  test('leaves after its app, and answers everything until then', async (t) => {
    t.diagnostic(`the app: ${JSON.stringify(await leave(t))}`);
  });

  test('does the same as an ordinary container', async (t) => {
    const values = [...imageValues(), '--set=lazypirate.native=false'];
    namespace.helm('upgrade', 'demo', CHART, ...values, '--wait', '--timeout=120s');
    namespace.kubectl('rollout', 'status', 'deployment/demo-app', '--timeout=120s');
    assert.match(namespace.helm('test', 'demo', '--timeout=120s'), /Phase:\s+Succeeded/);
    app = namespace.pods(APP)[0] ?? '';
    t.diagnostic(`the app: ${JSON.stringify(await leave(t))}`);
  });

  test('goes back to the version before without losing a request', async (t) => {
    namespace.kubectl('rollout', 'status', 'deployment/demo-app', '--timeout=120s');
    app = namespace.pods(APP)[0] ?? '';
    const totals = await leave(t, () => namespace.helm('rollback', 'demo', '--wait', '--timeout=120s'));
    t.diagnostic(`the app before: ${JSON.stringify(totals)}`);
    namespace.kubectl('rollout', 'status', 'deployment/demo-app', '--timeout=120s');
    assert.match(namespace.helm('test', 'demo', '--timeout=120s'), /Phase:\s+Succeeded/);
  });

  test('is gone when it is uninstalled', () => {
    namespace.helm('uninstall', 'demo', '--wait', '--timeout=120s');
    for (const name of [APP, UPSTREAM])
      namespace.kubectl(
        ...['wait', '--for=delete', 'pod', '--timeout=60s', `--selector=app.kubernetes.io/name=${name}`],
      );
    const left = namespace.kubectl('get', 'all,configmap,role,rolebinding,serviceaccount', '--output=name');
    const ours = left.split('\n').filter((name) => name.includes('demo') && !name.endsWith('-test'));
    assert.deepEqual(ours, []);
  });
});
