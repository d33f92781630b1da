import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TRANSPORT } from '../support/chosen-transport.ts';
import { OWN_LOOPBACK } from '../support/own-loopback.ts';
import { Program, type Scope } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';
import type { Correlate } from './table.ts';

/** What differs between the routes. */
export interface RouteConfig {
  name: string;
  endpoint: string;
  correlate: Correlate;
  heartbeat: 'off' | { interval: string; timeout: string };
}

interface Status {
  routes: { name: string; endpoints: { inFlightLimit: number }[] }[];
}

/** A sidecar process with several routes. It can be killed and started again with the same addresses. */
export class Sidecar {
  readonly #file = join(scratch(), 'config.yaml');
  readonly #routes: readonly RouteConfig[];
  readonly #addresses = new Map<string, string>();
  #program: Program | undefined;
  #inspect = '';

  private constructor(routes: readonly RouteConfig[]) {
    this.#routes = routes;
  }

  static async start(scope: Scope, routes: readonly RouteConfig[]): Promise<Sidecar> {
    const sidecar = new Sidecar(routes);
    await sidecar.#start(scope);
    return sidecar;
  }

  address(route: string): string {
    const address = this.#addresses.get(route);
    if (address === undefined) throw new Error(`no route ${route}`);
    return address;
  }

  /** What `/status` says of the only endpoint of a route. */
  async endpoint(route: string): Promise<{ inFlightLimit: number }> {
    const { routes } = (await (await fetch(`http://${this.#inspect}/status`)).json()) as Status;
    const endpoint = routes.find(({ name }) => name === route)?.endpoints[0];
    if (endpoint === undefined) throw new Error(`no endpoint of ${route}`);
    return endpoint;
  }

  /** Whether it has logged this. */
  hasLogged(message: string): boolean {
    return this.#program?.stdout.some((line) => line.includes(message)) ?? false;
  }

  async restart(scope: Scope): Promise<void> {
    this.#program?.kill('SIGKILL');
    await this.#program?.ended;
    await this.#start(scope);
  }

  async #start(scope: Scope): Promise<void> {
    const routes = this.#routes.map(({ name, endpoint, correlate, heartbeat }) => ({
      name,
      listen: this.#addresses.get(name) ?? `tcp://${OWN_LOOPBACK}:0`,
      upstream: { endpoints: [endpoint] },
      transport: TRANSPORT,
      correlate,
      heartbeat,
      timeout: '5m',
    }));
    writeFileSync(this.#file, JSON.stringify({ admin: { listen: '127.0.0.1:0' }, routes }));
    const program = Program.lazypirate(scope, ['run', '--config', this.#file]);
    this.#program = program;
    for (const { name } of routes)
      this.#addresses.set(name, await program.line((line) => listening(line, name)));
    this.#inspect = String((await program.logged('inspect listening'))['address']);
  }
}

function listening(line: string, name: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  const { msg, route, address } = JSON.parse(line) as { msg: string; route?: string; address?: string };
  return msg === 'listening' && route === name ? address : undefined;
}
