import assert from 'node:assert/strict';
import { parse } from 'yaml';
import { ConfigError } from '../../../src/errors.ts';
import { addSidecars, type InjectOptions, removeSidecars } from '../../../src/inject/sidecars.ts';
import { find, type KubernetesObject, objectsOf, type PodSpec, podOf } from '../../support/objects.ts';

export const IMAGE = 'registry.example.com/lazypirate:0.1.0';

export function run(text: string, options: Partial<InjectOptions> = {}) {
  const { flags, ...rest } = options;
  return addSidecars([{ name: 'app.yaml', text }], {
    flags: { image: IMAGE, ...flags },
    only: [],
    isNative: true,
    ...rest,
  });
}

export function removed(text: string, only: string[] = []): string {
  return removeSidecars([{ name: 'app.yaml', text }], only).text;
}

/** The pods of an object of the text. */
export function podIn(text: string, name = 'shop', kind = 'Deployment'): PodSpec {
  return podOf(find(objectsOf(text), kind, name)) ?? assert.fail(`${kind} ${name} has no pods`);
}

/** The configuration in a ConfigMap, as far as tests look into it. */
export function configIn({ data }: KubernetesObject): Configuration {
  return parse((data as Record<string, string>)['config.yaml'] ?? '');
}

interface Configuration {
  drain?: { timeout: string };
  routes: { name: string; listenMode?: string }[];
}

export function namesOf(all: readonly { name: string }[] = []): string[] {
  return all.map(({ name }) => name);
}

/** The lines of the one text that are not in the other, in order; fails if the other is not the one with lines added. */
export function addedLines(before: string, after: string): string[] {
  const lines = before.replace(/^\uFEFF/, '').split('\n');
  let next = 0;
  const added: string[] = [];
  for (const line of after.replace(/^\uFEFF/, '').split('\n')) {
    if (line === lines[next]) next++;
    else added.push(line);
  }
  assert.equal(next, lines.length, `line ${next + 1} is not there any more: ${lines[next]}`);
  return added;
}

/** Injects, and checks what holds always: lines are only added, a second time changes nothing, and it can be undone. */
export function injected(text: string, options: Partial<InjectOptions> = {}): string {
  const after = run(text, options).text;
  addedLines(text, after);
  assert.equal(run(after, options).text, after);
  assert.equal(removed(after), text);
  return after;
}

export function problemsOf(text: string, options: Partial<InjectOptions> = {}): readonly string[] {
  try {
    run(text, options);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.lines;
  }
  return assert.fail('nothing was refused');
}
