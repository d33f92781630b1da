import { jsonSchema } from '../config/schema/config-schema.ts';
import { parseArguments } from '../config/text/arguments.ts';
import type { Command } from './command.ts';
import { needOutput } from './needed-output.ts';

const help = `Usage: lazypirate schema

Prints the JSON Schema (draft 2020-12) of the configuration file, for editors and other tools.
`;

export const schema: Command = {
  name: 'schema',
  summary: 'print the JSON Schema of the configuration file',
  help,
  async run(args, terminal) {
    parseArguments('schema', { args });
    needOutput(terminal);
    terminal.stdout.write(`${JSON.stringify(jsonSchema(), null, 2)}\n`);
    return 0;
  },
};
