import { isDeepStrictEqual } from 'node:util';
import { additionsFor, type ConfigMaps, changesOf, plan, Refused } from './add-sidecar.ts';
import type { Addition } from './additions.ts';
import { isBeside, type KubernetesObject, objectsBeside } from './beside.ts';
import { BesideObjects, documentsBefore } from './beside-place.ts';
import { Refusal } from './cannot.ts';
import { type Page, readPage } from './document-page.ts';
import { type DocumentSpan, documentsOf } from './documents.ts';
import { offsetAt } from './nodes.ts';
import { serviceNotes } from './service-notes.ts';
import { type Splice, spliced } from './splice.ts';
import { askingInVain, asksForAll, MARK, type WishFlags, wishesOf, wrongWishes } from './wishes.ts';
import {
  idOf,
  mapAt,
  mentionsWorkload,
  nameIn,
  namespaceIn,
  objectId,
  objectsIn,
  type Workload,
  workloadOf,
} from './workload.ts';

export interface Problem {
  id: string;
  refusal: Refusal;
}

/** An object that got the sidecar. */
export interface Added {
  workload: Workload;
  /** The object as it is now. */
  object: unknown;
  /** What it needs beside it. */
  beside: readonly KubernetesObject[];
}

/** Goes through a text in which nobody who asks for a sidecar has one, and collects what is to be added. */
export class Injection {
  readonly splices: Splice[] = [];
  readonly added: Added[] = [];
  readonly objects: string[] = [];
  readonly problems: Problem[] = [];
  readonly notes: string[] = [];
  readonly #text: string;
  readonly #spans: readonly DocumentSpan[];
  readonly #isNative: boolean;
  readonly #flagsFor: (workload: Workload) => WishFlags;
  readonly #asksForAll: boolean;
  readonly #beside = new BesideObjects();
  readonly #values = new Map<DocumentSpan, unknown>();

  constructor(
    text: string,
    flags: WishFlags,
    isNative: boolean,
    flagsFor: (workload: Workload) => WishFlags,
  ) {
    this.#text = text;
    this.#spans = documentsOf(text);
    this.#isNative = isNative;
    this.#flagsFor = flagsFor;
    this.#asksForAll = asksForAll(flags);
    for (const span of this.#spans) this.#take(span);
  }

  /** What comes out, if there are no problems. */
  text(): string {
    return spliced(this.#text, this.splices);
  }

  #take(span: DocumentSpan): void {
    const text = this.#text.slice(span.start, span.end);
    if (!text.includes('lazypirate/') && !(this.#asksForAll && mentionsWorkload(text))) return;
    const page = this.#guarded(span, '', () => readPage(this.#text, span));
    if (page === undefined) return;
    const additions: Addition[] = [];
    const objects: KubernetesObject[] = [];
    const taken: Omit<Added, 'object'>[] = [];
    const before = this.problems.length;
    for (const one of objectsIn(page.value)) {
      const workload = workloadOf(one);
      if (workload === undefined) this.#noteVain(one.object);
      else taken.push(...this.#takeWorkload(page, workload, additions, objects));
    }
    if (additions.length === 0 || this.problems.length > before) return;
    const [last] = taken.slice(-1);
    this.#guarded(span, last ? idOf(last.workload) : '', () => {
      const { splices, value } = changesOf(page, additions);
      const shifted = splices.map((one) => ({
        ...one,
        start: one.start + span.start,
        end: one.end + span.start,
      }));
      this.splices.push(...documentsBefore(page, objects), ...shifted);
      const now = new Map(objectsIn(value).map(({ object, path }) => [path.join(), object]));
      for (const one of taken) this.added.push({ ...one, object: now.get(one.workload.path.join()) });
    });
  }

  #takeWorkload(
    page: Page,
    workload: Workload,
    additions: Addition[],
    objects: KubernetesObject[],
  ): Omit<Added, 'object'>[] {
    const id = idOf(workload);
    const wishes = wishesOf(workload, this.#flagsFor(workload));
    const mark = workload.annotations[MARK];
    if (wishes === undefined) {
      this.#guarded(page.span, id, () => {
        const wrong = wrongWishes(page, workload, undefined);
        if (wrong.length > 0) throw new Refused(wrong);
      });
      if (mark !== undefined)
        this.notes.push(
          `${id}: has the sidecar (${String(mark).replace(/;.*/, '')}), but nothing asks for it any more; it stays. --remove takes it out`,
        );
      return [];
    }
    const taken = this.#guarded(page.span, id, () => {
      const config = plan(page, workload, wishes, this.#isNative, this.#configMaps);
      const image = wishes.image?.value ?? '';
      additions.push(...additionsFor(page, workload, image, this.#isNative, config));
      const beside = objectsBeside(workload, config);
      const mine = this.#addBeside(page, workload, beside);
      objects.push(...mine);
      this.objects.push(...mine.map(objectId));
      this.notes.push(...serviceNotes(workload, config, (...place) => this.#find('Service', ...place)));
      if (config.parsed === undefined)
        this.notes.push(
          `${id}: ConfigMap ${config.configMap} is not in the input, so it was not checked, and no Role was added`,
        );
      return { workload, beside };
    });
    return taken === undefined ? [] : [taken];
  }

  #addBeside(page: Page, workload: Workload, objects: readonly KubernetesObject[]): KubernetesObject[] {
    const refuse = (words: string) => new Refusal(offsetAt(page.root, [...workload.path, 'kind']), words);
    const others = (id: string, owner: string) =>
      `needs ${id}, which ${owner} needs with other content: rename one of them, or give both a configuration of your own (lazypirate/config)`;
    const missing = objects.filter((object) => {
      const { kind, metadata } = object;
      const there = this.#find(kind, metadata.namespace, metadata.name);
      if (there === undefined) return true;
      // Of an object of this name that keeps the sidecar that it has.
      if (isDeepStrictEqual(there, object)) return false;
      if (isBeside(there, workload)) throw refuse(others(objectId(object), 'another object of this name'));
      throw refuse(
        `needs ${objectId(object)}, but the input has one already that is not of inject: rename it`,
      );
    });
    const added = this.#beside.add(missing, idOf(workload));
    if (Array.isArray(added)) return added;
    throw refuse(others(objectId(added.object), added.owner));
  }

  readonly #configMaps: ConfigMaps = (namespace, name) => {
    const found = this.#find('ConfigMap', namespace, name);
    if (found === undefined) return undefined;
    const text = mapAt(found, ['data'])['config.yaml'];
    return typeof text === 'string' ? text : null;
  };

  #find(kind: string, namespace: string | undefined, name: string): Record<string, unknown> | undefined {
    for (const span of this.#spans) {
      const text = this.#text.slice(span.start, span.end);
      if (!text.includes(name) || !text.includes(kind)) continue;
      const objects = objectsIn(this.#value(span));
      const found = objects.find(({ object }) => {
        const metadata = mapAt(object, ['metadata']);
        return object['kind'] === kind && nameIn(metadata) === name && namespaceIn(metadata) === namespace;
      });
      if (found !== undefined) return found.object;
    }
    return undefined;
  }

  /** Of a document that is only looked at; nothing if it is not YAML. */
  #value(span: DocumentSpan): unknown {
    if (!this.#values.has(span)) {
      let value: unknown;
      try {
        value = readPage(this.#text, span).value;
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
      }
      this.#values.set(span, value);
    }
    return this.#values.get(span);
  }

  #noteVain(object: Record<string, unknown>): void {
    const annotation = askingInVain(object);
    if (annotation !== undefined)
      this.notes.push(
        `${objectId(object)}: has the annotation ${annotation}, but inject does not know this kind: it stays as it is`,
      );
  }

  #guarded<T>(span: DocumentSpan, id: string, run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      const refusals =
        error instanceof Refused ? error.refusals : error instanceof Refusal ? [error] : undefined;
      if (refusals === undefined) throw error;
      this.problems.push(...refusals.map((refusal) => ({ id, refusal: refusal.within(span.start) })));
      return undefined;
    }
  }
}
