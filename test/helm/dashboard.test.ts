import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { stringify } from 'yaml';
import { dashboard } from '../../helm/dashboard/dashboard.ts';
import { version } from '../../src/version.ts';
import { App } from '../support/ask.ts';
import { type Scope, startServe, startSidecar } from '../support/program.ts';
import { type Query, startPrometheus } from '../support/prometheus.ts';
import { scratch } from '../support/scratch.ts';
import { lacks } from '../support/tools.ts';
import { until } from '../support/until.ts';

interface Panel {
  type: string;
  title: string;
  description: string;
  gridPos: { x: number; y: number; w: number; h: number };
  fieldConfig: { defaults: { unit?: string } };
  targets: { expr: string; legendFormat: string; exemplar?: boolean }[];
  /** Of a row that is folded. */
  panels?: Panel[];
}

const { panels: top, annotations } = dashboard() as unknown as {
  panels: Panel[];
  annotations: { list: { name: string; expr: string; titleFormat: string; textFormat: string }[] };
};
const panels = top.flatMap((one) => (one.type === 'row' ? (one.panels ?? []) : [one]));

/** As Grafana asks when everything is chosen, and with shorter times. */
const asked = (expr: string) =>
  expr
    .replaceAll('$__rate_interval', '10s')
    .replaceAll('offset 1m', 'offset 2s')
    .replaceAll(/\$(namespace|pod|route)/g, '.*');

test('panels do not lie upon each other, and none is wider than the dashboard', () => {
  for (const list of [top, ...top.map((one) => one.panels ?? [])]) {
    const taken = new Set<string>();
    for (const { title, gridPos } of list) {
      assert.ok(gridPos.x + gridPos.w <= 24, title);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.ok(!taken.has(`${x} ${y}`), `${title} at ${x} ${y}`);
          taken.add(`${x} ${y}`);
        }
    }
  }
});

test('each panel says in sentences what it shows, and in what unit', () => {
  for (const { title, description, fieldConfig } of panels) {
    assert.match(description, /^[A-Zp][^{}]+\.$/, title);
    assert.ok(fieldConfig.defaults.unit, title);
  }
});

test('latencies show the traces behind them, and nothing else asks for any', () => {
  const asking = panels.filter(({ targets }) => targets.some(({ exemplar }) => exemplar));
  assert.deepEqual(
    asking.map(({ title }) => title),
    ['p99 against the deadline', 'Time to a reply', 'Time of an attempt'],
  );
  for (const { expr, exemplar } of asking.flatMap(({ targets }) => targets))
    assert.equal(exemplar ?? false, expr.startsWith('histogram_quantile('), expr);
});

test('the first row says whether it is broken', () => {
  const [row, ...rest] = top;
  assert.equal(row?.title, 'Is it broken?');
  assert.deepEqual(
    rest
      .slice(
        0,
        rest.findIndex(({ type }) => type === 'row'),
      )
      .map(({ title }) => title),
    [
      'Success ratio',
      'Failures by cause',
      'Usable endpoints',
      'p99 against the deadline',
      'Unaccounted requests',
    ],
  );
});

/** What some panels must show of the faults below: a line by its legend, and its value. */
const SHOWN: readonly [title: string, line: string, is: (value: number) => boolean][] = [
  ['Success ratio', 'orders', (value) => value === 1],
  ['Success ratio', 'broken', (value) => value === 0],
  ['Failures by cause', 'no_endpoints', (value) => value > 0],
  ['Usable endpoints', 'orders', (value) => value === 1],
  ['Usable endpoints', 'broken', (value) => value === 0],
  ['p99 against the deadline', 'deadline: silent', (value) => value === 3],
  ['p99 against the deadline', 'p99: broken', (value) => value < 3],
  ['Unaccounted requests', 'silent', (value) => value === 0],
  ['Attempts by result', 'timeout', (value) => value > 0],
  ['Share of failed attempts', 'silent', (value) => value > 0 && value <= 1],
  ['Attempts per request', 'orders', (value) => value === 1],
  ['Attempts per request', 'silent', (value) => value > 1],
  ['Failures by cause', 'gone: timeout', (value) => value > 0],
  ['Retries', 'timeout', (value) => value > 0],
  ['Retries', 'denied: budget', (value) => value > 0],
  ['Late replies', 'salvaged', (value) => value > 0],
  ['Resets', 'timeout', (value) => value > 0],
  ['Endpoints by state', 'ejected', (value) => value === 1],
  ['Ejections', 'out now: silent', (value) => value === 1],
  ['Adaptive limit', 'limit: orders', (value) => value >= 8],
  ['Discovery failures', 'not_found', (value) => value > 0],
  ['Newest configuration in force', 'demo', (value) => value === 0],
];

/**
 * A route that works and discovers, one with a server that answers nothing, one with a server that is too slow, one with none, and one
 * that no name server knows.
 */
async function startFaults(scope: Scope, directory: string) {
  const [good, another, silent, slow] = await Promise.all([
    startServe(scope),
    startServe(scope),
    startServe(scope, ['--drop', '1']),
    startServe(scope, ['--delay', '150ms']),
  ]);
  const config = join(directory, 'config.yaml');
  const port = Number(good.address.split(':').at(-1));
  const listen = (name: string) => `ipc://${join(directory, name)}.sock`;
  const routes = [
    { name: 'orders', listen: listen('orders'), upstream: { dns: { name: 'localhost', port } } },
    {
      name: 'silent',
      listen: listen('silent'),
      upstream: { endpoints: [another.address, silent.address] },
      timeout: '100ms',
      deadline: '3s',
      ejection: { failures: 2, base: '60s' },
    },
    {
      name: 'late',
      listen: listen('late'),
      upstream: { endpoints: [slow.address] },
      timeout: '100ms',
      attempts: 2,
      budget: { ratio: 0, minPerSecond: 1 },
    },
    {
      name: 'broken',
      listen: listen('broken'),
      upstream: { endpoints: [`ipc://${join(directory, 'nobody')}.sock`] },
      wait: 0,
    },
    {
      name: 'unknown',
      listen: listen('unknown'),
      upstream: { dns: { name: 'lazypirate.invalid', port, interval: '1s' } },
    },
  ];
  writeFileSync(config, stringify({ metrics: { perEndpoint: true }, routes }));
  const { admin } = await startSidecar(scope, ['--config', config]);
  const apps = routes.map(({ listen: address }) => new App(address));
  let isAsking = true;
  const asking = apps.slice(0, 4).map(async (app) => {
    while (isAsking) {
      await app.ask('hello');
      await setTimeout(50);
    }
  });
  const leaving = (async () => {
    while (isAsking) {
      const impatient = new App(listen('late'));
      void impatient.ask('hello').catch(() => undefined);
      await setTimeout(50);
      impatient.close();
    }
  })();
  scope.after(async () => {
    isAsking = false;
    // The sidecar may have gone before: then a reply never comes.
    for (const app of apps) app.close();
    await Promise.allSettled([...asking, leaving]);
  });
  return {
    target: admin.replace('http://', ''),
    /** A change that is refused, and one that is applied. */
    reload: (isGood: boolean) => {
      const log = { level: isGood ? 'debug' : 'loud' };
      writeFileSync(config, stringify({ metrics: { perEndpoint: true }, log, routes }));
    },
  };
}

interface Wanted {
  what: string;
  targets: readonly { expr: string; legendFormat: string }[];
  /** Whether the panel shows enough with this line. A `?` in its legend is a label that it lacks. */
  is: (legend: string, value: number) => boolean;
}

/** Waits until each of them has had a line that is enough. */
async function untilShown(query: Query, wanted: readonly Wanted[]): Promise<void> {
  let left = wanted;
  await until(
    () => `all of them show what they should: ${left.map(({ what }) => what).join(', ')}`,
    async () => {
      const shown = await Promise.all(
        left.map(async ({ targets, is }) => {
          const lines = await Promise.all(targets.map((target) => linesOf(query, target)));
          return lines.flat().some(({ legend, value }) => is(legend, value));
        }),
      );
      left = left.filter((_, at) => !shown[at]);
      if (left.length > 0) await setTimeout(500);
      return left.length === 0;
    },
  );
}

async function linesOf(query: Query, { expr, legendFormat }: Wanted['targets'][number]) {
  const samples = await query(asked(expr));
  return samples
    .filter(({ value }) => value[1] !== 'NaN')
    .map(({ metric, value }) => ({
      legend: legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label: string) => metric[label] ?? '?'),
      value: Number(value[1]),
    }));
}

test('with a real sidecar in trouble behind a real Prometheus, no panel is empty, each shows the trouble, and alerts ask for nothing that is not there', {
  skip: lacks('prometheus'),
}, async (t) => {
  const directory = scratch();
  const faults = await startFaults(t, directory);
  const { query } = await startPrometheus(t, directory, faults.target, { namespace: 'shop', pod: 'demo' });

  const [reloads, rollouts] = ['Reloads', 'Rollouts'].map((name) => {
    const found = annotations.list.find((one) => one.name === name);
    assert.ok(found, name);
    return { expr: found.expr, legendFormat: `${found.titleFormat} ${found.textFormat}` };
  }) as [Wanted['targets'][number], Wanted['targets'][number]];
  const marked = async (target: Wanted['targets'][number], text: string) =>
    await untilShown(query, [
      { what: text, targets: [target], is: (legend) => legend.startsWith(text) && !legend.includes('?') },
    ]);
  await marked(rollouts, `Sidecars started shop: version ${version}`);
  await until('the start is over', async () => (await linesOf(query, rollouts)).length === 0);
  assert.deepEqual(await linesOf(query, reloads), []);
  faults.reload(true);
  await marked(reloads, 'Change of the configuration demo: success');
  faults.reload(false);
  await marked(reloads, 'Change of the configuration demo: failure');

  await untilShown(
    query,
    panels.flatMap(({ title, targets }) =>
      targets.map((target) => ({
        what: `${title}: ${target.legendFormat}`,
        // There is no pod here.
        targets: [{ ...target, legendFormat: target.legendFormat.replace('{{upstream_pod}} ', '') }],
        is: (legend: string) => !legend.includes('?'),
      })),
    ),
  );
  await untilShown(
    query,
    SHOWN.map(([title, line, is]) => ({
      what: `${title}: ${line}`,
      targets: panels.find((one) => one.title === title)?.targets ?? [],
      is: (legend, value) => legend === line && is(value),
    })),
  );

  // The alerts have tests of their own, with series that are made up: here, whether there are such.
  const template = new URL('../../helm/lazypirate/templates/_alerts.tpl', import.meta.url);
  const expressions = [...readFileSync(template, 'utf8').matchAll(/expr:([\s\S]*?)\n {2}for:/g)].join();
  const metrics = [...new Set(expressions.match(/\b(lazypirate|nodejs|process)_\w+/g))];
  assert.ok(metrics.length >= 9);
  await untilShown(
    query,
    metrics.map((expr) => ({ what: expr, targets: [{ expr, legendFormat: '' }], is: () => true })),
  );
});
