import { parseArguments } from '../config/text/arguments.ts';
import { ConfigError, messageOf, UserError } from '../errors.ts';
import { pause } from '../lifecycle/pause.ts';
import type { Explanation } from '../ops/explain/reason.ts';
import type { StatusPage } from '../ops/status-page.ts';
import type { Command, Terminal } from './command.ts';
import { askSidecar, INSPECT_HELP, inspectAddress } from './inspect.ts';
import { Screen } from './screen.ts';
import { type Poll, statusLines } from './status-lines.ts';

const help = `Usage: lazypirate status [--watch | --json] [OPTIONS]

Asks a running sidecar how its routes and endpoints are, and shows it as a table. \`lazypirate explain\` says why, and what to do.

In Kubernetes: kubectl exec POD -c lazypirate -- lazypirate status

${INSPECT_HELP}
  --watch              show it again every second, until Ctrl-C; rates are those since the last time
  --json               what the sidecar answered, as it is

Without --watch, figures are about the last minute. A route is in the state that the verdict of \`lazypirate explain\` has for it.
Exit code 0 with an answer, whatever it is; 1 if no sidecar answers; 2 if the arguments are wrong.
`;

const EVERY_MS = 1_000;

export const status: Command = {
  name: 'status',
  summary: 'show the routes and endpoints of a running sidecar',
  help,
  async run(args, terminal) {
    const { values } = parseArguments('status', {
      args,
      options: { inspect: { type: 'string' }, json: { type: 'boolean' }, watch: { type: 'boolean' } },
    });
    if (values.json && values.watch) throw new ConfigError(['--json and --watch do not go together']);
    const address = inspectAddress(values.inspect, terminal.env);
    if (values.watch) return await watch(address, terminal);
    if (values.json) terminal.stdout.write(await askSidecar(address, '/status'));
    else new Screen(terminal).print(...statusLines({ now: await poll(address) }, widthOf(terminal)));
    return 0;
  },
};

/** Shows it again and again. A sidecar that does not answer may come back. */
async function watch(address: string, terminal: Terminal): Promise<number> {
  const screen = new Screen(terminal);
  const left = new AbortController();
  terminal.stdout.on('error', () => left.abort());
  const stop = AbortSignal.any([terminal.interrupted, left.signal]);
  let before: Poll | undefined;
  do {
    try {
      const now = await poll(address);
      screen.show(...statusLines({ now, ...(before && { before }) }, widthOf(terminal)));
      before = now;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      if (before === undefined) throw error;
      screen.show(messageOf(error));
    }
  } while (await pause(EVERY_MS, stop));
  return 0;
}

/** The verdict is the sidecar's own: it knows the requests that failed. */
async function poll(address: string): Promise<Poll> {
  const [status = '', explanation = ''] = await Promise.all(
    ['/status', '/explain'].map((path) => askSidecar(address, path)),
  );
  return {
    atMs: performance.now(),
    status: JSON.parse(status) as StatusPage,
    explanation: JSON.parse(explanation) as Explanation,
  };
}

/** In a pipe lines may have any length. */
function widthOf({ stdout }: Terminal): number {
  return (stdout.isTTY && stdout.columns) || Number.POSITIVE_INFINITY;
}
