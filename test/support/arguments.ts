import { parseArgs } from 'node:util';

/** The options of a command line, each a whole number from 1 on. For anything else the process ends, with one line and 2. */
export function wholeNumbers<N extends string>(usage: string, names: readonly N[]): { [name in N]?: number } {
  const text = { type: 'string' } as const;
  try {
    const options = {
      ...Object.fromEntries(names.map((name) => [name, text])),
      help: { type: 'boolean' },
    } as const;
    const { help, ...given } = parseArgs({ options }).values;
    if (help) end(`usage: ${usage}`, 0);
    for (const [name, value] of Object.entries(given))
      if (!/^[1-9]\d{0,14}$/.test(String(value)))
        throw new Error(`--${name} must be a whole number from 1 on, and ${value} is not`);
    const numbers = Object.entries(given).map(([name, value]) => [name, Number(value)]);
    return Object.fromEntries(numbers) as { [name in N]?: number };
  } catch (error) {
    return end(`${error instanceof Error ? error.message : error}; usage: ${usage}`, 2);
  }
}

/** With 0 it is what was asked for. */
export function end(words: string, code: 0 | 2): never {
  console[code === 0 ? 'log' : 'error'](words);
  process.exit(code);
}
