import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { Program, type Scope } from './program.ts';
import { until } from './until.ts';

interface Sample {
  metric: Record<string, string>;
  value: [time: number, value: string];
}

/** Asks for an expression as of now. */
export type Query = (expr: string) => Promise<Sample[]>;

interface SeriesExemplars {
  seriesLabels: Record<string, string>;
  exemplars: { labels: Record<string, string>; value: string; timestamp: number }[];
}

/** Asks for the exemplars of the series in an expression, of the last hour. */
type QueryExemplars = (expr: string) => Promise<SeriesExemplars[]>;

/**
 * A Prometheus of its own process that scrapes one sidecar each second.
 *
 * @param directory where it keeps its files
 * @param labels which the series of the sidecar get, as from a PodMonitor
 */
export async function startPrometheus(
  scope: Scope,
  directory: string,
  target: string,
  labels: Record<string, string>,
): Promise<{ query: Query; exemplars: QueryExemplars }> {
  const config = join(directory, 'prometheus.yaml');
  const job = { job_name: 'shop/demo', static_configs: [{ targets: [target], labels }] };
  const global = { scrape_interval: '1s', scrape_timeout: '1s' };
  writeFileSync(config, stringify({ global, scrape_configs: [job] }));
  const program = Program.start(scope, 'prometheus', [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(directory, 'tsdb')}`,
    '--web.listen-address=127.0.0.1:0',
    '--enable-feature=exemplar-storage',
  ]);
  // It logs to stderr, and each line again is what `line` waits for.
  const address = await new Promise<string>((resolve, reject) => {
    program.child.stderr?.on('data', () => {
      const found = /Listening on" address=(\S+)/.exec(program.stderr.join('\n'));
      if (found) resolve(found[1] ?? '');
    });
    void program.ended.then(() => reject(new Error(program.stderr.join('\n'))));
  });
  await until('it answers', async () => (await fetch(`http://${address}/-/ready`)).ok);
  const ask = async <T>(path: string, parameters: Record<string, string>): Promise<T> => {
    const url = `http://${address}/api/v1/${path}?${new URLSearchParams(parameters)}`;
    const answer = (await (await fetch(url)).json()) as { data?: T; error?: string };
    assert.ok(answer.data, `${url}: ${answer.error}`);
    return answer.data;
  };
  return {
    query: async (query) => (await ask<{ result: Sample[] }>('query', { query })).result,
    exemplars: async (query) => {
      const end = Date.now() / 1_000 + 60;
      return await ask('query_exemplars', { query, start: `${end - 3_600}`, end: `${end}` });
    },
  };
}
