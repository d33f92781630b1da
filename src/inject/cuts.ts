import { isMap, isScalar, isSeq, type Node, type Pair } from 'yaml';
import { Refusal } from './cannot.ts';
import type { Page } from './document-page.ts';
import { contentEnd, offsetOf, type Path, reach } from './nodes.ts';
import { lineStart, nextLine, type Splice } from './splice.ts';

type Collection = Node & { items: unknown[]; flow?: boolean | undefined };

/** Collects what is to be taken out of a document, and then says which parts of the text that is. */
export class Cuts {
  readonly #page: Page;
  readonly #items = new Map<Collection, Set<unknown>>();

  constructor(page: Page) {
    this.#page = page;
  }

  /**
   * Takes keys out of a map, or items with these names out of a list. If nothing is left of it, its key goes too.
   *
   * @param isKept whether the key of a path stays even so
   */
  take(at: Path, isOurs: (name: unknown) => boolean, isKept: (at: Path) => boolean): void {
    const { node } = this.#at(at);
    if (node === undefined) return;
    for (const item of node.items) if (isOurs(nameOf(item))) this.#take(node, item);
    this.#takeEmptied(at, isKept);
  }

  /** Takes an item out of a list. @returns where the list is, which stays even if it is empty */
  takeItem(at: Path): Path {
    const list = at.slice(0, -1);
    const { node } = this.#at(list);
    const item = node?.items[Number(at.at(-1))];
    if (node !== undefined && item !== undefined) this.#take(node, item);
    return list;
  }

  #takeEmptied(at: Path, isKept: (at: Path) => boolean): void {
    const { node, pair } = this.#at(at);
    const taken = node && this.#items.get(node);
    if (node === undefined || pair === undefined || taken === undefined || taken.size < node.items.length)
      return;
    if (isKept(at)) return;
    const parent = this.#at(at.slice(0, -1)).node;
    if (parent === undefined) return;
    this.#items.delete(node);
    this.#take(parent, pair);
    this.#takeEmptied(at.slice(0, -1), isKept);
  }

  #take(node: Collection, item: unknown): void {
    const taken = this.#items.get(node) ?? new Set();
    this.#items.set(node, taken.add(item));
  }

  #at(at: Path): { node: Collection | undefined; pair: unknown } {
    const { node, pair, missing } = reach(this.#page.root, at, this.#page.anchors);
    const isThere = missing.length === 0 && (isMap(node) || isSeq(node));
    return { node: isThere ? (node as Collection) : undefined, pair };
  }

  /** @throws {Refusal} where that is not possible */
  splices(): Splice[] {
    return [...this.#items].flatMap(([node, taken]) =>
      runsOf(node.items, taken).map((run) => (node.flow ? this.#flowCut(node, run) : this.#blockCut(run))),
    );
  }

  /** Changes the document in memory in the same way. */
  apply(): void {
    for (const [node, taken] of this.#items) {
      node.items = node.items.filter((item) => !taken.has(item));
    }
  }

  #blockCut({ first, last }: Run): Splice {
    const { text } = this.#page;
    const [from, to] = [startOf(first), endOf(last)];
    const line = lineStart(text, from);
    if (!/^[ ]*(?:- +)?$/.test(text.slice(line, from)))
      throw new Refusal(from, 'it does not begin on a line of its own: put it on one');
    const end = nextLine(text, to > 0 && text[to - 1] === '\n' ? to - 1 : to);
    if (end < text.length || text.endsWith('\n')) return { start: line, end, text: '' };
    // The line before becomes the last one, and has no line break at its end either.
    return { start: line - (text[line - 2] === '\r' ? 2 : 1), end, text: '' };
  }

  #flowCut(node: Collection, { first, last }: Run): Splice {
    const { text } = this.#page;
    const index = node.items.indexOf(first);
    if (index > 0) return { start: endOf(node.items[index - 1]), end: endOf(last), text: '' };
    const next = node.items[node.items.indexOf(last) + 1];
    const end = next === undefined ? endOf(last) : text.indexOf(',', endOf(last)) + 1;
    return { start: offsetOf(node) + 1, end, text: '' };
  }
}

interface Run {
  first: unknown;
  last: unknown;
}

function runsOf(items: readonly unknown[], taken: ReadonlySet<unknown>): Run[] {
  const runs: Run[] = [];
  let run: Run | undefined;
  for (const item of items) {
    if (!taken.has(item)) run = undefined;
    else if (run !== undefined) run.last = item;
    else {
      run = { first: item, last: item };
      runs.push(run);
    }
  }
  return runs;
}

/** The key of a pair; or the `name` of an item of a list. */
function nameOf(item: unknown): unknown {
  if (isMap(item)) return item.get('name');
  const key = (item as Pair | null)?.key;
  return isScalar(key) ? key.value : undefined;
}

function startOf(item: unknown): number {
  return offsetOf((item as Pair).key ?? item);
}

function endOf(item: unknown): number {
  const { key, value } = item as Pair<Node, Node | null>;
  if (key === undefined) return contentEnd(item as Node);
  return contentEnd(value ?? key);
}
