import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/load-config.ts';
import { parseArguments } from '../config/text/arguments.ts';
import { CONFIG_FLAGS_HELP, CONFIG_OPTIONS, configFlagsOf } from '../config/text/flags.ts';
import type { DiscoverySettings } from '../discovery/discovery-settings.ts';
import { formatDuration } from '../duration.ts';
import { ConfigError } from '../errors.ts';
import type { RetryPolicy } from '../proxy/settings.ts';
import { discoveryOf, transportOf } from '../sidecar/implementations.ts';
import { printMigrated } from './check-migrate.ts';
import type { Command, Terminal } from './command.ts';
import { checkRoute } from './live-check.ts';
import { linesOf, problemsOf } from './live-check-words.ts';
import { parseTime } from './time-argument.ts';

const WITHIN = '10s';

const OPTIONS = {
  ...CONFIG_OPTIONS,
  live: { type: 'boolean' },
  all: { type: 'boolean' },
  within: { type: 'string' },
  migrate: { type: 'boolean' },
  inspect: { type: 'string' },
} as const;

const help = `Usage: lazypirate check [--live [--all] [--within D] | --migrate] [OPTIONS]

Checks the configuration that \`run\` would use with the same options, and reports every problem. Key files are checked once
the rest is valid.

      --live            then asks discovery of each route for its endpoints, connects to each and shakes hands, as the sidecar
                        does. It sends no request and binds no listener, so it can run beside a sidecar or before one.
      --all             every endpoint has to work, not only one of each route
      --within D        most time that all of --live may take (${WITHIN})
      --migrate         prints the file of an earlier version as this version needs it, with comments and order kept. What has
                        changed, in the file or in what it means, is told on standard error. The file itself is not written.

--live prints a line for each endpoint: what it is and how long it took to connect, or FAILS and why. Problems and warnings
come last. If no endpoint of a route works, that is a problem; if some fail, that is a warning, or with --all a problem.

${CONFIG_FLAGS_HELP}
Exit code 0 if the configuration is valid; with --live, only if at least one endpoint of every route works (with --all, all of
them). 1 if not, or if --live is interrupted. 2 if the configuration is not valid; with --migrate, if the new one would not be,
and nothing is printed.
`;

export const check: Command = {
  name: 'check',
  summary: 'check a configuration and report every problem; --live connects to the endpoints too',
  help,
  async run(args, terminal) {
    const { env, stdout } = terminal;
    const { values } = parseArguments('check', { args, options: OPTIONS });
    const { live = false, all = false, migrate = false, within } = values;
    if (live && migrate) throw new ConfigError(['--live and --migrate do not work together']);
    if (values.inspect !== undefined)
      throw new ConfigError([
        '--inspect asks a running sidecar, and check asks none: use it with explain, status or tap',
      ]);
    if (within !== undefined && !live) throw new ConfigError(['--within works only with --live']);
    if (all && !live) throw new ConfigError(['--all works only with --live']);
    const withinMs = parseTime('--within', within ?? WITHIN, 1);
    const sources = { env, flags: configFlagsOf(values) };
    if (migrate) return printMigrated(sources, terminal);
    const config = loadConfig(sources);
    const { routes, warnings } = config;
    stdout.write(`valid: ${routes.length} ${routes.length === 1 ? 'route' : 'routes'}\n`);
    for (const { name, listener, upstream, requests } of routes) {
      const [from, to] = [listener.listen, upstreamWords(upstream.discovery)];
      stdout.write(`  ${name}: ${from} -> ${to} (${attemptsWords(requests.retry)})\n`);
    }
    for (const warning of warnings) stdout.write(`warning: ${warning}\n`);
    return live ? checkLive(config, { withinMs, isEveryNeeded: all }, terminal) : 0;
  },
};

/** @returns the exit code */
async function checkLive(
  { routes }: Config,
  { withinMs, isEveryNeeded }: { withinMs: number; isEveryNeeded: boolean },
  terminal: Terminal,
): Promise<number> {
  const { env, stdout, stderr, interrupted } = terminal;
  const timeIsUp = new AbortController();
  const timer = setTimeout(() => timeIsUp.abort(), withinMs);
  const over = AbortSignal.any([timeIsUp.signal, interrupted]);
  const zone = env['LAZYPIRATE_ZONE'] || undefined;
  const checking = routes.map(async (route) => {
    const transport = await transportOf(route.transport);
    return {
      route,
      checked: await checkRoute(route, discoveryOf(route.upstream.discovery, zone), transport, over),
    };
  });
  const results = await Promise.all(checking);
  clearTimeout(timer);
  if (interrupted.aborted) {
    stderr.write('lazypirate: interrupted\n');
    return 1;
  }
  for (const { route, checked } of results)
    for (const line of linesOf(route, checked)) stdout.write(`${line}\n`);
  const problems = results
    .flatMap(({ route, checked }) => problemsOf(route, checked, formatDuration(withinMs)))
    .map(({ isFatal, text }) => ({ isFatal: isFatal || isEveryNeeded, text }));
  for (const { isFatal, text } of problems) stdout.write(`${isFatal ? 'problem' : 'warning'}: ${text}\n`);
  return problems.some(({ isFatal }) => isFatal) ? 1 : 0;
}

function attemptsWords({ attempts, timeoutMs, deadlineMs }: RetryPolicy): string {
  return `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'} of ${formatDuration(timeoutMs)} within ${formatDuration(deadlineMs)}`;
}

function upstreamWords(upstream: DiscoverySettings): string {
  switch (upstream.kind) {
    case 'static':
      return upstream.endpoints.join(', ');
    case 'dns':
      return `dns ${upstream.name}:${upstream.port}`;
    case 'kubernetes': {
      const { select, namespace, port } = upstream;
      const what = select.kind === 'service' ? `service/${select.name}` : `pods ${select.selector}`;
      return `${what}:${port}${namespace === undefined ? '' : ` in ${namespace}`}`;
    }
  }
}
