import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { Program, type Scope } from '../support/program.ts';
import type { Peer, Type } from './peers.ts';

const FOLDER = process.env['LAZYPIRATE_FOREIGN'];

/** Why the tests with this peer are skipped, or false. */
export function isMissing({ id }: Peer): string | false {
  if (FOLDER === undefined)
    return 'LAZYPIRATE_FOREIGN is not set: eval "$(.ci/foreign DIRECTORY)" builds the peers';
  try {
    accessSync(join(FOLDER, id), constants.X_OK);
    return false;
  } catch {
    return `there is no ${join(FOLDER, id)}: .ci/foreign builds it`;
  }
}

function start(scope: Scope, { id }: Peer, ...args: string[]): Program {
  return Program.start(scope, join(FOLDER ?? '', id), args);
}

/** A REP and a ROUTER of a peer, in a process that can be killed. */
export class ForeignServers {
  readonly #peer: Peer;
  readonly program: Program;
  readonly addresses: Record<'REP' | 'ROUTER', string>;

  private constructor(peer: Peer, program: Program, addresses: Record<'REP' | 'ROUTER', string>) {
    this.#peer = peer;
    this.program = program;
    this.addresses = addresses;
  }

  static async start(
    scope: Scope,
    peer: Peer,
    at = { REP: 'tcp://127.0.0.1:0', ROUTER: 'tcp://127.0.0.1:0' },
  ): Promise<ForeignServers> {
    const program = start(scope, peer, 'serve', 'REP', at.REP, 'ROUTER', at.ROUTER);
    const address = (type: string) =>
      program.line((line) => (line.startsWith(`serving ${type} `) ? line.split(' ')[2] : undefined));
    return new ForeignServers(peer, program, { REP: await address('REP'), ROUTER: await address('ROUTER') });
  }

  /** Kills the process, and starts another one with the same addresses. */
  async restart(scope: Scope): Promise<ForeignServers> {
    this.program.kill('SIGKILL');
    await this.program.ended;
    return ForeignServers.start(scope, this.#peer, this.addresses);
  }
}

/** An app of a peer: one process, one socket at a time. */
export class ForeignApp {
  readonly #program: Program;
  #answered = 0;

  constructor(scope: Scope, peer: Peer) {
    this.#program = start(scope, peer, 'app');
  }

  /** Opens another socket, and closes the one before. */
  async open(type: Type, address: string, heartbeatMs?: number): Promise<void> {
    const answer = await this.#command(`open ${type} ${address} ${heartbeatMs ?? ''}`.trim());
    if (answer !== 'opened') throw new Error(`open: ${answer}`);
  }

  /** @returns `right`, or what is wrong */
  ask(sizes: readonly number[], count = 1, patienceMs = 60_000): Promise<string> {
    const late = setTimeout(patienceMs, `nothing within ${patienceMs} ms`, { ref: false });
    return Promise.race([this.#command(`ask ${count} ${sizes.join(',')}`), late]);
  }

  #command(line: string): Promise<string> {
    this.#program.child.stdin?.write(`${line}\n`);
    let before = this.#answered++;
    return this.#program.line((answer) => (before-- === 0 ? answer : undefined));
  }
}
