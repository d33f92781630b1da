import { parseArguments } from '../config/text/arguments.ts';
import { ConfigError } from '../errors.ts';
import type { Explanation } from '../ops/explain/reason.ts';
import type { Command, Terminal } from './command.ts';
import { explanationLines, wrapped } from './explanation-lines.ts';
import { askSidecar, INSPECT_HELP, inspectAddress } from './inspect.ts';
import { Screen } from './screen.ts';

const help = `Usage: lazypirate explain [OPTIONS] [REQUEST-ID]

Asks a running sidecar what is wrong now, and why: the verdict in one line, then the causes, the most likely one first, with
figures, what to do, and what follows from them. With the id of a request, as in failure replies and log lines, it tells what
happened to that request; the last failed and slow ones are kept.

  BROKEN     Most requests fail, or none can be sent. Act now.
  DEGRADED   Some requests fail, or something is wrong that may make them fail. The verdict says if it can wait until morning.
  DRAINING, STARTING, IDLE, WORKING   Nothing to do.

In Kubernetes: kubectl exec POD -c lazypirate -- lazypirate explain

${INSPECT_HELP}
  --json               what the sidecar answered, as it is

Exit code 0 with an answer, whatever it is (a script reads verdict.state of --json); 1 if no sidecar answers or the request is not kept; 2 if the arguments are wrong.
`;

/** Where a pipe leads is not known, and this reads well anywhere. */
const COLUMNS = 100;

export const explain: Command = {
  name: 'explain',
  summary: 'ask a running sidecar what is wrong, and why',
  help,
  async run(args, terminal) {
    const { values, positionals } = parseArguments('explain', {
      args,
      options: { inspect: { type: 'string' }, json: { type: 'boolean' } },
      allowPositionals: true,
    });
    const [id, other] = positionals;
    if (other !== undefined)
      throw new ConfigError([`unexpected argument ${other}; try lazypirate explain --help`]);
    const query = id === undefined ? '' : `?request=${encodeURIComponent(id)}`;
    const answer = await askSidecar(inspectAddress(values.inspect, terminal.env), `/explain${query}`);
    if (values.json) terminal.stdout.write(answer);
    else print(answer, id !== undefined, terminal);
    return 0;
  },
};

function print(answer: string, isRequest: boolean, terminal: Terminal): void {
  const screen = new Screen(terminal);
  const columns = (terminal.stdout.isTTY && terminal.stdout.columns) || COLUMNS;
  if (isRequest) {
    const { text } = JSON.parse(answer) as { text: string[] };
    screen.print(...text.flatMap((line) => wrapped(line, columns)));
  } else screen.print(...explanationLines(JSON.parse(answer) as Explanation, columns));
}
