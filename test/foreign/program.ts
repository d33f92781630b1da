import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { OWN_LOOPBACK } from '../support/own-loopback.ts';
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

/** A REP and a ROUTER of a peer, in a process that can be killed and started again with the same addresses. */
export class ForeignServers {
  readonly addresses = { REP: `tcp://${OWN_LOOPBACK}:0`, ROUTER: `tcp://${OWN_LOOPBACK}:0` };
  readonly #scope: Scope;
  readonly #peer: Peer;
  #program: Program;

  private constructor(scope: Scope, peer: Peer) {
    this.#scope = scope;
    this.#peer = peer;
    this.#program = this.#spawn();
  }

  static async start(scope: Scope, peer: Peer): Promise<ForeignServers> {
    const servers = new ForeignServers(scope, peer);
    await servers.#serving();
    return servers;
  }

  /** The process that is running now. */
  get program(): Program {
    return this.#program;
  }

  async restart(): Promise<void> {
    this.#program.kill('SIGKILL');
    await this.#program.ended;
    this.#program = this.#spawn();
    await this.#serving();
  }

  #spawn(): Program {
    const { REP, ROUTER } = this.addresses;
    return start(this.#scope, this.#peer, 'serve', 'REP', REP, 'ROUTER', ROUTER);
  }

  async #serving(): Promise<void> {
    for (const type of ['REP', 'ROUTER'] as const)
      this.addresses[type] = await this.#program.line((line) =>
        line.startsWith(`serving ${type} `) ? line.split(' ')[2] : undefined,
      );
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
