import type { RouteConfig, UpstreamConfig } from '../config/config.ts';
import { loadConfig } from '../config/load-config.ts';
import { CONFIG_FLAGS_HELP, parseConfigFlags } from '../config/text/flags.ts';
import type { Command } from './command.ts';

const help = `Usage: lazypirate check [OPTIONS]

Checks the configuration that \`run\` would use with the same options, and reports every problem. Key files are checked once
the rest is valid.

${CONFIG_FLAGS_HELP}
Exit code 0 if it is valid, 2 if it is not.
`;

export const check: Command = {
  name: 'check',
  summary: 'check a configuration and report every problem',
  help,
  async run(args, { env, stdout }) {
    const { routes, warnings } = loadConfig({ env, flags: parseConfigFlags('check', args) });
    stdout.write(`valid: ${routes.length} ${routes.length === 1 ? 'route' : 'routes'}\n`);
    for (const { name, listener, upstream, retry } of routes) {
      stdout.write(`  ${name}: ${listener.listen} -> ${upstreamWords(upstream)} (${attemptsWords(retry)})\n`);
    }
    for (const warning of warnings) stdout.write(`warning: ${warning}\n`);
    return 0;
  },
};

function attemptsWords({ attempts, timeoutMs, deadlineMs }: RouteConfig['retry']): string {
  return `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'} of ${timeoutMs} ms within ${deadlineMs} ms`;
}

function upstreamWords(upstream: UpstreamConfig): string {
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
