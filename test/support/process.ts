import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** CPU time that a process has used so far. */
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ');
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

/** Resident memory of a process. */
export function rssMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/**
 * Open descriptors of a process.
 *
 * @param limit counts only numbers below it: an inherited descriptor may have a higher number
 */
export function descriptors(pid: number, limit = Number.POSITIVE_INFINITY): number {
  return readdirSync(`/proc/${pid}/fd`).filter((number) => Number(number) < limit).length;
}

/** A process and all its descendants. */
export function family(pid: number): number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(family)];
}

/** The peak resident memory of a process, since its start or since the peak was reset. */
export function peakRssMiB(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

export function forgetPeakRss(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}
