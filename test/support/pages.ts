import { readFileSync } from 'node:fs';

/** The blocks of commands (```sh) on a page, in their order. */
export function commandsOn(page: string): string[] {
  return [...readFileSync(page, 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
}
