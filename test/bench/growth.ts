import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Benchmark } from './bench.ts';

/** What an event of the data path costs as there are more of its kind: nothing may grow faster than what it holds. */
export const growth: Benchmark = async (scope) => {
  const main = fileURLToPath(new URL('growth-main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--expose-gc', main], { stdio: 'inherit' });
  scope.after(() => child.kill());
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`growth-main.ts ended with ${code}`);
};
