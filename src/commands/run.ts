import { version as zeromq } from 'zeromq';
import { CONFIG_FLAGS_HELP, parseConfigFlags } from '../config/flags.ts';
import { loadConfig } from '../config/load.ts';
import { ConfigWatch } from '../config/watch.ts';
import { createLog } from '../ops/log.ts';
import { Sidecar } from '../sidecar.ts';
import { version } from '../version.ts';
import type { Command } from './command.ts';

const help = `Usage: lazypirate [run] [OPTIONS]

Runs the sidecar until SIGTERM or SIGINT, then drains. A second signal ends it at once.
The file is watched, and read anew on SIGHUP: what is valid is put in force without dropping a request, the rest is refused.

${CONFIG_FLAGS_HELP}
Exit codes: 0 drained, 1 runtime failure, 2 invalid configuration, 130 or 143 on a second signal.
`;

export const run: Command = {
  name: 'run',
  summary: 'run the sidecar (this is the default)',
  help,
  async run(args, { env, stdout, interrupted, onHangup, node }) {
    const sources = { env, flags: parseConfigFlags(args) };
    const watch = new ConfigWatch(sources, onHangup);
    const config = loadConfig(sources);
    const log = createLog({ level: config.log.level, version, env, destination: stdout });
    const sidecar = new Sidecar(config, log, { lazypirate: version, node, zeromq }, env);
    await sidecar.run(interrupted, watch);
    return 0;
  },
};
