#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { drainSignals, signalBefore } from './lifecycle/signals.ts';

/* The process itself, which nothing else touches: signals in, exit code out. */

/** As `engines` in package.json has it. */
const NODE_LEAST = 24;
/** What the last replies may take to go out, where their app is slow to take them. */
const LEAVE_MS = 2_000;

const { node } = process.versions;
if (Number.parseInt(node, 10) < NODE_LEAST) {
  process.stderr.write(`lazypirate: needs Node ${NODE_LEAST} or newer, and this is ${node}\n`);
  process.exitCode = 1;
} else void main();

async function main(): Promise<void> {
  // Before all else is loaded: process 1 of a container, which this mostly is, gets no signal that it does not listen for.
  const signals = drainSignals(process, end, signalBefore(textOf('/proc/self/status')));
  const interrupt = new AbortController();
  signals.first.then((signal) => signal !== undefined && interrupt.abort(signal));
  const { commandLine } = await import('./command-line.ts');
  // A signal that came while that was loaded is told of now.
  await setImmediate();
  const { env, stdin, stdout, stderr } = process;
  const code = await commandLine(process.argv.slice(2), {
    env,
    stdin,
    stdout,
    stderr,
    interrupted: interrupt.signal,
    onHangup: (listener) => void process.on('SIGHUP', listener),
    onExit: (listener) => void process.on('exit', listener),
    endWithin: (ms) => endWithin(ms, 0),
    node,
    self: [process.execPath, ...process.execArgv, process.argv[1] ?? ''],
  });
  signals.stop();
  process.exitCode = code;
  // It ends by itself once the last replies are out; this is for those that nobody takes.
  endWithin(LEAVE_MS, code);
}

function endWithin(ms: number, code: number): void {
  setTimeout(() => end(code), ms).unref();
}

/**
 * Ends the process, whatever hangs. `process.exit` waits for the threads of Node, one of which may wait for a disk or a name server;
 * another program in the place of this one does not.
 */
function end(code: number): void {
  if (process.platform === 'linux') {
    process.emit('exit', code);
    process.execve?.(process.execPath, [process.execPath, '--eval', `process.exit(${code})`], {});
  }
  process.exit(code);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
