import { jsonSchema } from '../config/schema.ts';
import { ConfigError } from '../errors.ts';
import type { Command } from './command.ts';

const help = `Usage: lazypirate schema

Prints the JSON Schema (2020-12) of the configuration, for editors and other tools.
`;

export const schema: Command = {
  name: 'schema',
  summary: 'print the JSON Schema of the configuration',
  help,
  async run([first], { stdout }) {
    if (first !== undefined) throw new ConfigError([`schema takes no arguments, and ${first} is one`]);
    stdout.write(`${JSON.stringify(jsonSchema(), null, 2)}\n`);
    return 0;
  },
};
