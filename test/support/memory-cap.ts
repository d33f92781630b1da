import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';

/** Where memory is capped, and the names of its files: version 2 of control groups, or version 1. */
const HIERARCHIES = [
  {
    root: '/sys/fs/cgroup',
    limit: 'memory.max',
    peak: 'memory.peak',
    events: 'memory.events',
  },
  {
    root: '/sys/fs/cgroup/memory',
    limit: 'memory.limit_in_bytes',
    peak: 'memory.max_usage_in_bytes',
    events: 'memory.oom_control',
  },
] as const;

let groups = 0;

/** A control group of its own that lets the processes in it have so much memory, as a container's limit does. */
export class MemoryCap {
  /** What a program is started through so that it is in the group. */
  readonly through: readonly string[];
  readonly #path: string;
  readonly #names: (typeof HIERARCHIES)[number];

  private constructor(path: string, names: (typeof HIERARCHIES)[number]) {
    this.#path = path;
    this.#names = names;
    this.through = ['sh', '-c', 'echo $$ > "$0"/cgroup.procs && exec "$@"', path];
  }

  /** `undefined` where this machine does not let us. */
  static of(bytes: number): MemoryCap | undefined {
    for (const names of HIERARCHIES) {
      const path = `${names.root}/lazypirate-test-${process.pid}-${groups++}`;
      try {
        mkdirSync(path);
      } catch {
        continue;
      }
      try {
        writeFileSync(`${path}/${names.limit}`, String(bytes), { flag: 'r+' });
        return new MemoryCap(path, names);
      } catch {
        rmdirSync(path);
      }
    }
    return undefined;
  }

  get peakMiB(): number {
    return Number(readFileSync(`${this.#path}/${this.#names.peak}`, 'utf8')) / 1024 ** 2;
  }

  /** How many processes the kernel has killed in it. */
  get kills(): number {
    const events = readFileSync(`${this.#path}/${this.#names.events}`, 'utf8');
    return Number(/oom_kill (\d+)/.exec(events)?.[1]);
  }

  /** When no process is in it any more. */
  remove(): void {
    rmdirSync(this.#path);
  }
}
