import { isDeepStrictEqual } from 'node:util';
import { type KubernetesObject, objectText } from './beside.ts';
import { Refusal } from './cannot.ts';
import type { Page } from './document-page.ts';
import { offsetAt } from './nodes.ts';
import { lineBreak, lineStart, type Splice } from './splice.ts';
import { objectId } from './workload.ts';

/** The objects to add, each once, though several workloads may need it. */
export class BesideObjects {
  readonly #all = new Map<string, { object: KubernetesObject; owner: string }>();

  /** @returns those that are not there yet, or which other workload has another one of that name */
  add(
    objects: readonly KubernetesObject[],
    owner: string,
  ): KubernetesObject[] | { object: KubernetesObject; owner: string } {
    const taken = objects.flatMap((object) => {
      const there = this.#all.get(objectId(object));
      return there === undefined || isDeepStrictEqual(there.object, object) ? [] : [there];
    });
    if (taken[0] !== undefined) return taken[0];
    const added = objects.filter((object) => !this.#all.has(objectId(object)));
    for (const object of added) this.#all.set(objectId(object), { object, owner });
    return added;
  }
}

/**
 * Puts documents before one that needs them. Comments above its `---` stay where they are, and so do those that stand right above
 * its first line.
 *
 * @throws {Refusal} if that is not possible
 */
export function documentsBefore({ span, text, root }: Page, objects: readonly KubernetesObject[]): Splice[] {
  if (objects.length === 0) return [];
  const end = lineBreak(text);
  const bodies = objects.map((object) => objectText(object, end));
  const { marker, start } = span;
  if (marker !== undefined) {
    if (/^%/m.test(text.slice(0, marker - start)))
      throw new Refusal(
        0,
        'has directives (%YAML, %TAG), before which no other object can stand: remove them',
      );
    return [{ start: marker, end: marker, text: bodies.map((body) => `---${end}${body}`).join('') }];
  }
  const at = start + firstLine(text, offsetAt(root, []));
  return [{ start: at, end: at, text: bodies.map((body) => `${body}---${end}`).join('') }];
}

/** Where the comment begins that stands right above what begins at an offset, or its own line. */
function firstLine(text: string, offset: number): number {
  let at = lineStart(text, offset);
  while (at > 0) {
    const above = lineStart(text, at - 1);
    if (!/^\uFEFF?[ \t]*#/.test(text.slice(above, at))) break;
    at = above;
  }
  return at === 0 && text.startsWith('\uFEFF') ? 1 : at;
}
