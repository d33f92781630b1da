import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';

/** The control group directory and its file names, for version 2 and version 1. */
const HIERARCHIES = [
  { root: '/sys/fs/cgroup', limit: 'memory.max', peak: 'memory.peak', events: 'memory.events' },
  {
    root: '/sys/fs/cgroup/memory',
    limit: 'memory.limit_in_bytes',
    peak: 'memory.max_usage_in_bytes',
    events: 'memory.oom_control',
  },
] as const;

type Hierarchy = (typeof HIERARCHIES)[number];

let groups = 0;

function make({ root }: Hierarchy): string {
  const path = `${root}/lazypirate-test-${process.pid}-${groups++}`;
  mkdirSync(path);
  return path;
}

/** Whether a group can be created there with a limit. */
function isUsable(hierarchy: Hierarchy): boolean {
  let path: string | undefined;
  try {
    path = make(hierarchy);
    writeFileSync(`${path}/${hierarchy.limit}`, String(2 ** 30), { flag: 'r+' });
    return true;
  } catch {
    return false;
  } finally {
    if (path !== undefined) rmdirSync(path);
  }
}

const hierarchy = HIERARCHIES.find(isUsable);

/** A control group with a memory limit for its processes, like that of a container. */
export class MemoryCap {
  /** Whether this machine lets us create one. */
  static readonly isPossible = hierarchy !== undefined;
  /** The command that starts a program in the group. */
  readonly through: readonly string[];
  readonly #hierarchy: Hierarchy;
  readonly #path: string;

  constructor(bytes: number) {
    if (hierarchy === undefined) throw new Error('this machine lets us make no control group');
    this.#hierarchy = hierarchy;
    this.#path = make(hierarchy);
    writeFileSync(`${this.#path}/${hierarchy.limit}`, String(bytes), { flag: 'r+' });
    this.through = ['sh', '-c', 'echo $$ > "$0"/cgroup.procs && exec "$@"', this.#path];
  }

  get peakMiB(): number {
    return Number(this.#read(this.#hierarchy.peak)) / 1024 ** 2;
  }

  /** How many processes the kernel has killed in it. */
  get kills(): number {
    return Number(/oom_kill (\d+)/.exec(this.#read(this.#hierarchy.events))?.[1]);
  }

  /** Call this when no process is in the group any more. */
  remove(): void {
    rmdirSync(this.#path);
  }

  #read(file: string): string {
    return readFileSync(`${this.#path}/${file}`, 'utf8');
  }
}
