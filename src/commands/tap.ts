import { once } from 'node:events';
import { parseArguments } from '../config/text/arguments.ts';
import type { TapLine } from '../ops/tap/tap-events.ts';
import type { Command } from './command.ts';
import { INSPECT_HELP, inspectAddress, streamFrom } from './inspect.ts';
import { needOutput } from './needed-output.ts';
import { Screen } from './screen.ts';
import { TapText } from './tap-text.ts';

const help = `Usage: lazypirate tap [OPTIONS]

Shows the requests of a running sidecar as they come and go, a line for each event: received, sent, attempt (what came of it), late (a
reply after its timeout), outcome (what the app got). Ctrl-C ends it. It disturbs nothing: if it is too slow, it loses lines and says
how many.

In Kubernetes: kubectl exec POD -c lazypirate -- lazypirate tap

  --route NAME         only the requests of this route
  --sample SHARE       only this share of the requests, each of them whole: 0.01 is one in a hundred
  --limit N            end after so many lines
  --json               each line as JSON, as the sidecar sends it
${INSPECT_HELP}

Bodies are not shown, unless admin.tapBodies of the sidecar's configuration says how many bytes of them.
Exit code 0; 1 if no sidecar answers, or it is killed; 2 if the arguments are wrong.
`;

export const tap: Command = {
  name: 'tap',
  summary: 'show the requests of a running sidecar as they come and go',
  help,
  async run(args, terminal) {
    const text = { type: 'string' } as const;
    const options = {
      route: text,
      sample: text,
      limit: text,
      inspect: text,
      json: { type: 'boolean' },
    } as const;
    const { values } = parseArguments('tap', { args, options });
    const { stdout, stderr, interrupted, env } = terminal;
    needOutput(terminal);
    const address = inspectAddress(values.inspect, env);
    const left = new AbortController();
    stdout.on('error', () => left.abort());
    const stop = AbortSignal.any([interrupted, left.signal]);
    const screen = new Screen(terminal);
    const forPeople = new TapText();
    // Or nobody could tell an idle sidecar from a tap that does not work.
    if (stdout.isTTY && !values.json) stderr.write(`tapping ${address}; Ctrl-C ends it\n`);
    let lines = 0;
    for await (const line of streamFrom(address, `/tap${queryOf(values)}`, stop)) {
      lines++;
      if (values.json) stdout.write(`${line}\n`);
      else screen.print(forPeople.line(JSON.parse(line) as TapLine));
      // The sidecar does the waiting for whoever does not read this, and counts what is lost.
      if (stdout.writableNeedDrain) await once(stdout, 'drain', { signal: stop }).catch(() => undefined);
    }
    if (!stop.aborted && lines !== Number(values.limit))
      stderr.write('the sidecar has ended: it was drained\n');
    return 0;
  },
};

function queryOf(given: { route?: string; sample?: string; limit?: string }): string {
  const query = new URLSearchParams();
  for (const key of ['route', 'sample', 'limit'] as const) {
    const value = given[key];
    if (value !== undefined) query.set(key, value);
  }
  return query.size === 0 ? '' : `?${query}`;
}
