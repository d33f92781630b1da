import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Scope } from './program.ts';
import { scratch } from './scratch.ts';

/** A directory like a mounted ConfigMap: the file is a link into a directory behind another link, which an update swaps. */
export class MountedConfig {
  readonly path: string;
  readonly #directory: string;
  #version = 0;

  constructor(_scope: Scope, config: object) {
    this.#directory = scratch();
    this.path = join(this.#directory, 'config.yaml');
    this.write(JSON.stringify(config));
    symlinkSync('..data/config.yaml', this.path);
  }

  write(text: string): void {
    const version = `..version-${++this.#version}`;
    mkdirSync(join(this.#directory, version));
    writeFileSync(join(this.#directory, version, 'config.yaml'), text);
    symlinkSync(version, join(this.#directory, '..data_tmp'));
    renameSync(join(this.#directory, '..data_tmp'), join(this.#directory, '..data'));
    if (this.#version > 1)
      rmSync(join(this.#directory, `..version-${this.#version - 1}`), { recursive: true });
  }
}

/** Configurations of one route, one for each kind of change; `undefined` stands for an invalid one. */
export function configsFor(endpoints: readonly string[]): (object | undefined)[] {
  const route = (keys: object = {}, upstream: object = { endpoints }) => ({
    name: 'orders',
    listen: 'tcp://127.0.0.1:0',
    upstream,
    ...keys,
  });
  const config = (routes: object[], keys: object = {}) => ({
    admin: { listen: '127.0.0.1:0' },
    ...keys,
    routes,
  });
  const second = { name: 'prices', listen: 'tcp://127.0.0.1:0', upstream: { endpoints } };
  return [
    config([route()]),
    config([route({ timeout: '2s', attempts: 4 })]),
    config([route({}, { endpoints: endpoints.slice(1) })]),
    config([route({}, { endpoints: endpoints.slice(0, 1) })]),
    config([route({ correlate: true })]),
    undefined,
    config([route({ correlate: true, heartbeat: { interval: '500ms', timeout: '2s' } })]),
    config([route(), second]),
    config([route({ limits: { inFlight: 100, inFlightPerEndpoint: 4, messageBytes: '1MiB' } }), second]),
    config([route({ wait: 0, budget: { ratio: 0.5 } })], { log: { level: 'warn' } }),
    config([route({ failureReply: { format: 'multipart' }, ejection: { failures: 2 } })]),
    config([route({ retryOn: ['unsent'], salvage: false }, { endpoints, subset: 2 })]),
    config([route({ wait: 0, correlate: true }, { endpoints: endpoints.toReversed() })], {
      drain: { quiet: '100ms' },
    }),
    config([route({ wait: 0 }, { endpoints: endpoints.slice(0, 1) })]),
    config([route({ wait: 0 }, { endpoints: endpoints.slice(1, 2) })]),
  ];
}
