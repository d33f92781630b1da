import { PassThrough, Writable } from 'node:stream';
import { commandLine } from '../../src/command-line.ts';
import type { Terminal } from '../../src/commands/command.ts';

/** Runs a command that needs no process of its own to its end: to start one takes half a second. */
export async function inThisProcess(...args: string[]) {
  return await onTerminal({}, ...args);
}

/** The same, where something about the terminal is different. */
export async function onTerminal(different: Partial<Terminal>, ...args: string[]) {
  const [stdout, stderr] = [new Lines(), new Lines()];
  const code = await commandLine(args, {
    ...{ env: {}, stdin: new PassThrough().end('from standard input'), stdout, stderr },
    interrupted: new AbortController().signal,
    onHangup: () => undefined,
    onUserSignal: () => undefined,
    onExit: () => undefined,
    endWithin: () => undefined,
    node: process.versions.node,
    self: [process.execPath],
    ...different,
  });
  return { code, stdout: stdout.lines, stderr: stderr.lines };
}

/** Keeps what is written to it. */
class Lines extends Writable {
  #text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#text += chunk;
    done();
  }

  get lines(): string[] {
    return this.#text.split('\n').slice(0, -1);
  }
}
