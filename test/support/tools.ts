import { spawnSync } from 'node:child_process';

/** Runs a program to its end and returns its output. If it fails, throws with its output. */
export function run(program: string, args: readonly string[], input?: string): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    ...(input !== undefined && { input }),
  });
  if (error !== undefined) throw error;
  if (status !== 0)
    throw new Error(`${program} ${args.join(' ')} has ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

/** The reason to skip a test that needs these programs; false if all are on the PATH. */
export function lacks(...programs: string[]): string | false {
  const missing = programs.filter((program) => {
    const looked = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program]);
    return looked.status !== 0;
  });
  return missing.length > 0 && `not on the PATH: ${missing.join(', ')}`;
}
