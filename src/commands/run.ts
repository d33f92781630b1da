import { version as zeromq } from 'zeromq';
import { CONFIG_FLAGS_HELP, parseConfigFlags } from '../config/flags.ts';
import { loadConfig } from '../config/load.ts';
import { createLog } from '../ops/log.ts';
import { Sidecar } from '../sidecar.ts';
import { version } from '../version.ts';
import type { Command } from './command.ts';

const help = `Usage: lazypirate [run] [OPTIONS]

Runs the sidecar until SIGTERM or SIGINT, then drains. A second signal ends it at once.

${CONFIG_FLAGS_HELP}
Exit codes: 0 drained, 1 runtime failure, 2 invalid configuration, 130 or 143 on a second signal.
`;

export const run: Command = {
  name: 'run',
  summary: 'run the sidecar (this is the default)',
  help,
  async run(args, { env, stdout, interrupted, node }) {
    const config = loadConfig({ env, flags: parseConfigFlags(args) });
    const log = createLog({ level: config.log.level, version, env, destination: stdout });
    const sidecar = new Sidecar(config, log, { lazypirate: version, node, zeromq });
    await sidecar.run(interrupted);
    return 0;
  },
};
