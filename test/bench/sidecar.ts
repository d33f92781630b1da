import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { AS_IN_IMAGE, build } from '../support/built.ts';
import { type RunningSidecar, type Scope, startSidecar } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';

let files = 0;

/** Starts the bundled sidecar with these routes and defaults for everything else. */
export function startBuilt(scope: Scope, ...routes: object[]): Promise<RunningSidecar> {
  return startConfigured(scope, {}, ...routes);
}

/** The same, with these sections of the configuration beside the routes. */
export function startConfigured(scope: Scope, config: object, ...routes: object[]): Promise<RunningSidecar> {
  const file = join(scratch(), `${files++}.yaml`);
  const listen = 'tcp://127.0.0.1:0';
  const named = routes.map((route, index) => ({ name: `r${index}`, listen, ...route }));
  writeFileSync(file, JSON.stringify({ ...config, routes: named }));
  return startSidecar(scope, ['--config', file], { main: build(), env: AS_IN_IMAGE });
}

/** Waits until its first route is connected to so many endpoints. */
export async function connected({ metric }: RunningSidecar, endpoints: number): Promise<void> {
  while ((await metric('lazypirate_endpoints{route="r0",state="up"}')) < endpoints) await setTimeout(100);
}
