import { ConfigWatch } from '../config/config-watch.ts';
import { CONFIG_FLAGS_HELP, parseConfigFlags } from '../config/text/flags.ts';
import { createLog } from '../ops/log/log.ts';
import { Sidecar } from '../sidecar/sidecar.ts';
import { libzmqVersion, version } from '../version.ts';
import type { Command } from './command.ts';

const help = `Usage: lazypirate [run] [OPTIONS]

Runs the sidecar. SIGTERM or SIGINT drains it: it finishes what is in flight, then exits. A second signal ends it at once.
It watches the configuration file, and SIGHUP forces a reload. A valid change takes effect without dropping a request; an
invalid one is logged and changes nothing. SIGUSR1 turns debug lines on for 10 minutes, or off again.

${CONFIG_FLAGS_HELP}
Exit code 0 after draining, 1 on a runtime failure, 2 if the configuration is invalid, 130 or 143 after a second signal.
`;

/** Beyond the drain: with what it takes to end, at most a second. */
const LEAVE_MS = 700;

export const run: Command = {
  name: 'run',
  summary: 'run the sidecar (the default)',
  help,
  async run(args, { env, stdout, interrupted, onHangup, onUserSignal, endWithin, node }) {
    // It was told to end while it was loaded: there is nobody to serve yet.
    if (interrupted.aborted) return 0;
    const watch = new ConfigWatch({ env, flags: parseConfigFlags('run', args) }, onHangup);
    const config = watch.read();
    const log = createLog({ ...config.log, version, env, destination: stdout });
    const sidecar = new Sidecar(config, log, { lazypirate: version, node, zeromq: libzmqVersion }, env);
    onUserSignal(() => sidecar.toggleDebug('SIGUSR1'));
    const limit = () => endWithin(sidecar.drainTimeoutMs + LEAVE_MS);
    interrupted.addEventListener('abort', limit, { once: true });
    await sidecar.run(interrupted, watch);
    return 0;
  },
};
