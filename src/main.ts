#!/usr/bin/env node
import { readFileSync, readlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { drainSignals, signalBefore } from './lifecycle/signals.ts';

/* Everything that touches the process itself: signals in, exit code out. */

/** The same as `engines` in package.json. */
const NODE_LEAST = 24;
/** How long the last replies may take to go out if their app is slow to read. */
const LEAVE_MS = 2_000;

const { node } = process.versions;
if (Number.parseInt(node, 10) < NODE_LEAST) {
  process.stderr.write(`lazypirate: needs Node ${NODE_LEAST} or newer, but this is ${node}\n`);
  process.exitCode = 1;
} else void main();

async function main(): Promise<void> {
  // Before anything else is loaded: this is usually process 1 of a container, which gets only the signals that it listens for.
  const signals = drainSignals(process, end, signalBefore(textOf('/proc/self/status')));
  const interrupt = new AbortController();
  signals.first.then((signal) => signal !== undefined && interrupt.abort(signal));
  const { commandLine } = await import('./command-line.ts');
  // Lets a signal through that arrived during the load.
  await setImmediate();
  const { env, stdin, stdout, stderr } = process;
  const code = await commandLine(process.argv.slice(2), {
    env,
    stdin,
    stdout,
    isOutputClosed: () => seemsClosed(1),
    stderr,
    interrupted: interrupt.signal,
    onHangup: (listener) => void process.on('SIGHUP', listener),
    onUserSignal: (listener) => void process.on('SIGUSR1', listener),
    onExit: (listener) => void process.on('exit', listener),
    endWithin: (ms) => endWithin(ms, 0),
    node,
    self: [process.execPath, ...process.execArgv, process.argv[1] ?? ''],
  });
  signals.stop();
  process.exitCode = code;
  // The process ends by itself when the last replies are sent. This is for replies that nobody reads.
  endWithin(LEAVE_MS, code);
}

function endWithin(ms: number, code: number): void {
  setTimeout(() => end(code), ms).unref();
}

/**
 * Ends the process, whatever hangs. `process.exit` waits for Node's threads, and one of them may wait for a disk or a name server.
 * Replacing this program with another one (exec) does not wait.
 */
function end(code: number): void {
  if (process.platform === 'linux') {
    process.emit('exit', code);
    process.execve?.(process.execPath, [process.execPath, '--eval', `process.exit(${code})`], {});
  }
  process.exit(code);
}

/**
 * Where a standard stream is closed, Node opens /dev/null to read and write. A shell and systemd open it to write only. Python's DEVNULL,
 * the stdio `ignore` of Node and daemon(3) open it as Node does, and nothing that a process can see of itself tells them apart.
 */
function seemsClosed(descriptor: number): boolean {
  const isNull = attempt(() => readlinkSync(`/proc/self/fd/${descriptor}`)) === '/dev/null';
  return isNull && /^flags:\s*\d*2$/m.test(textOf(`/proc/self/fdinfo/${descriptor}`));
}

function textOf(file: string): string {
  return attempt(() => readFileSync(file, 'latin1'));
}

function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
