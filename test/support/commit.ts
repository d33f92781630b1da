import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The code that was measured: the commit, and whether anything except results was changed since. */
export function commit(): string {
  const git = (...args: string[]) => spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' });
  const head = git('rev-parse', '--short=7', 'HEAD');
  if (head.status !== 0) return 'an unknown commit';
  const isChanged = git('diff', '--quiet', 'HEAD', '--', '.', ':!*.md', ':!test/bench/results').status !== 0;
  return `${head.stdout.trim()}${isChanged ? ' and changes' : ''}`;
}
