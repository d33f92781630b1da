import { parseArgs } from 'node:util';

/** Parses options that are whole numbers of at least 1. On anything else the process ends with one line and exit code 2. */
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
        throw new Error(`--${name} must be a whole number of at least 1, not ${value}`);
    const numbers = Object.entries(given).map(([name, value]) => [name, Number(value)]);
    return Object.fromEntries(numbers) as { [name in N]?: number };
  } catch (error) {
    return end(`${error instanceof Error ? error.message : error}; usage: ${usage}`, 2);
  }
}

/** Prints to standard output with code 0, which means that the user asked for it; otherwise to standard error. */
export function end(words: string, code: 0 | 2): never {
  console[code === 0 ? 'log' : 'error'](words);
  process.exit(code);
}
