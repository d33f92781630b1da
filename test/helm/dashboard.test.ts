import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { stringify } from 'yaml';
import { dashboard } from '../../helm/dashboard.ts';
import { App } from '../support/ask.ts';
import { Program, type Scope, startServe, startSidecar } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import { lacks } from '../support/tools.ts';
import { until } from '../support/until.ts';

interface Panel {
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets: { expr: string; legendFormat: string }[];
}

interface Result {
  metric: Record<string, string>;
  value: [time: number, value: string];
}

const panels = dashboard()['panels'] as Panel[];

/** A Prometheus of its own process that scrapes one sidecar each second. */
async function startPrometheus(scope: Scope, directory: string, target: string) {
  const config = join(directory, 'prometheus.yaml');
  const labels = { namespace: 'shop', pod: 'demo' };
  const job = { job_name: 'shop/demo', static_configs: [{ targets: [target], labels }] };
  const global = { scrape_interval: '1s', scrape_timeout: '1s' };
  writeFileSync(config, stringify({ global, scrape_configs: [job] }));
  const program = Program.start(scope, 'prometheus', [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(directory, 'tsdb')}`,
    '--web.listen-address=127.0.0.1:0',
  ]);
  // It logs to stderr, and each line again is what `line` waits for.
  const address = await new Promise<string>((resolve, reject) => {
    program.child.stderr?.on('data', () => {
      const found = /Listening on" address=(\S+)/.exec(program.stderr.join('\n'));
      if (found) resolve(found[1] ?? '');
    });
    void program.ended.then(() => reject(new Error(program.stderr.join('\n'))));
  });
  return async (query: string): Promise<Result[]> => {
    const url = `http://${address}/api/v1/query?query=${encodeURIComponent(query)}`;
    const answer = (await (await fetch(url)).json()) as { data?: { result: Result[] }; error?: string };
    assert.ok(answer.data, `${query}: ${answer.error}`);
    return answer.data.result;
  };
}

test('panels do not lie upon each other', () => {
  const cells = panels.map(({ gridPos: { x, y } }) => `${x} ${y}`);
  assert.equal(new Set(cells).size, panels.length);
  for (const { gridPos } of panels) assert.ok(gridPos.x + gridPos.w <= 24);
});

test('no panel is empty with a real sidecar behind a real Prometheus', {
  skip: lacks('prometheus'),
}, async (t) => {
  const directory = scratch();
  const serve = await startServe(t);
  const port = serve.address.split(':').at(-1);
  const config = join(directory, 'config.yaml');
  const upstream = { dns: { name: 'localhost', port: Number(port) } };
  writeFileSync(config, stringify({ routes: [{ name: 'orders', listen: 'tcp://127.0.0.1:0', upstream }] }));
  const { address, admin } = await startSidecar(t, ['--config', config]);
  const query = await startPrometheus(t, directory, admin.replace('http://', ''));

  const app = new App(address);
  let isAsking = true;
  const asking = (async () => {
    while (isAsking) {
      await app.ask('hello');
      await setTimeout(5);
    }
    app.close();
  })();

  const queries = panels.flatMap(({ title, targets }) =>
    targets.map(({ expr, legendFormat }) => ({ title, expr, legendFormat })),
  );
  assert.ok(queries.length >= panels.length);
  let empty = queries;
  const names = () => `no panel is empty: ${empty.map(({ title }) => title).join(', ')}`;
  await until(names, async () => {
    const results = await Promise.all(
      empty.map(({ expr }) =>
        query(expr.replaceAll('$__rate_interval', '10s').replaceAll(/\$(namespace|pod|route)/g, '.*')),
      ),
    );
    empty = empty.filter(({ legendFormat }, at) => {
      const labels = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label ?? '');
      return !results[at]?.some(
        ({ metric, value }) => value[1] !== 'NaN' && labels.every((one) => metric[one]),
      );
    });
    return empty.length === 0;
  });
  isAsking = false;
  await asking;

  const alerts = readFileSync(
    new URL('../../helm/lazypirate/templates/_alerts.tpl', import.meta.url),
    'utf8',
  );
  const expressions = [...alerts.matchAll(/expr:([\s\S]*?)\n {2}for:/g)].map(([, expr]) => expr ?? '').join();
  const metrics = new Set(expressions.match(/\b(lazypirate|nodejs|process)_\w+/g));
  assert.ok(metrics.size >= 9);
  for (const metric of metrics) assert.notEqual((await query(metric)).length, 0, `no series of ${metric}`);
});
