import { version } from '../version.ts';
import { additionsFor, type ConfigMaps, plan, Refused, splicesOf } from './add-sidecar.ts';
import type { Addition } from './additions.ts';
import { type KubernetesObject, objectsBeside } from './beside.ts';
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
  objectId,
  objectsIn,
  type Workload,
  workloadOf,
} from './workload.ts';

export interface Problem {
  id: string;
  refusal: Refusal;
}

/** Goes through a text in which nobody who asks for a sidecar has one, and collects what is to be added. */
export class Injection {
  readonly splices: Splice[] = [];
  readonly added: Workload[] = [];
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
    const before = this.problems.length;
    for (const one of objectsIn(page.value)) {
      const workload = workloadOf(one);
      if (workload === undefined) this.#noteVain(one.object);
      else this.#takeWorkload(page, workload, additions, objects);
    }
    if (additions.length === 0 || this.problems.length > before) return;
    this.#guarded(span, this.added.slice(-1).map(idOf).join(), () => {
      const inPage = splicesOf(page, additions);
      const shifted = inPage.map((one) => ({
        ...one,
        start: one.start + span.start,
        end: one.end + span.start,
      }));
      this.splices.push(...documentsBefore(page, objects), ...shifted);
    });
  }

  #takeWorkload(page: Page, workload: Workload, additions: Addition[], objects: KubernetesObject[]): void {
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
      return;
    }
    this.#guarded(page.span, id, () => {
      const config = plan(page, workload, wishes, this.#isNative, this.#configMaps);
      const image = wishes.image?.value ?? '';
      additions.push(...additionsFor(page, workload, image, this.#isNative, config));
      const mine = this.#addBeside(page, workload, objectsBeside(workload, config));
      objects.push(...mine);
      this.objects.push(...mine.map(objectId));
      this.added.push(workload);
      this.notes.push(...serviceNotes(workload, config, (...place) => this.#find('Service', ...place)));
      if (config.parsed === undefined)
        this.notes.push(
          `${id}: ConfigMap ${config.configMap} is not in the input, so it was not checked, and no Role was added`,
        );
    });
  }

  #addBeside(page: Page, workload: Workload, objects: readonly KubernetesObject[]): KubernetesObject[] {
    const refuse = (words: string) => new Refusal(offsetAt(page.root, [...workload.path, 'kind']), words);
    for (const object of objects) {
      const { kind, metadata } = object;
      const taken = this.#find(kind, metadata.namespace, metadata.name);
      if (taken !== undefined)
        throw refuse(
          `needs ${objectId(object)}, but the input has one already that is not of inject: rename it`,
        );
    }
    const added = this.#beside.add(objects, idOf(workload));
    if (Array.isArray(added)) return added;
    const words = `needs ${objectId(added.object)}, which ${added.owner} needs with other content: rename one of them, or give both a configuration of your own (lazypirate/config)`;
    throw refuse(words);
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
        return (
          object['kind'] === kind &&
          nameIn(metadata) === name &&
          (metadata['namespace'] ?? undefined) === namespace
        );
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

/** What happened to an object that had a sidecar before, if it did. */
export function addedWords(workload: Workload, before: string | undefined, isChanged: boolean): string {
  const id = idOf(workload);
  if (before === undefined) return `${id}: sidecar added`;
  if (before !== version) return `${id}: sidecar updated from ${before} to ${version}`;
  return isChanged ? `${id}: sidecar updated` : `${id}: already has the sidecar; nothing changes`;
}
