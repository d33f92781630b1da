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
): Promise<Query> {
  const config = join(directory, 'prometheus.yaml');
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
  await until('it answers', async () => (await fetch(`http://${address}/-/ready`)).ok);
  return async (query) => {
    const url = `http://${address}/api/v1/query?query=${encodeURIComponent(query)}`;
    const answer = (await (await fetch(url)).json()) as { data?: { result: Sample[] }; error?: string };
    assert.ok(answer.data, `${query}: ${answer.error}`);
    return answer.data.result;
  };
}
