import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { containersOf, objectsOf, podOf } from '../support/objects.ts';
import { Program } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import { lacks, run } from '../support/tools.ts';

const IMAGE = 'ghcr.io/acme/lazypirate';
const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

describe('the charts of a release', { skip: lacks('helm', 'crane') }, () => {
  test('are pushed to a registry, and run the image of the release without any value', async (t) => {
    const registry = Program.start(
      t,
      'sh',
      ['-c', 'exec crane registry serve --address=127.0.0.1:0 2>&1'],
      {},
    );
    const port = await registry.line((line) => /serving on port (\d+)/.exec(line)?.[1]);
    const repository = `127.0.0.1:${port}/acme/lazypirate/charts`;
    const pushed = run('.ci/push-charts', [IMAGE, repository, '--plain-http']);
    assert.match(pushed, /^lazypirate=sha256:[0-9a-f]{64}\nlazypirate-demo=sha256:[0-9a-f]{64}\n$/);
    const [, digest] = pushed
      .trim()
      .split('\n')
      .map((line) => line.split('=')[1]);

    const chart = `oci://${repository}/lazypirate-demo@${digest}`;
    const home = scratch();
    const homes = ['CACHE', 'CONFIG', 'DATA'].map((one) => `HELM_${one}_HOME=${home}`);
    const rendered = run('env', [...homes, 'helm', 'template', 'demo', chart, '--plain-http']);
    const images = objectsOf(rendered).flatMap((object) => {
      const pod = podOf(object);
      return pod === undefined ? [] : containersOf(pod).map(({ image }) => image);
    });
    assert.ok(images.length >= 3);
    assert.deepEqual([...new Set(images)], [`${IMAGE}:${version}`]);
  });
});
