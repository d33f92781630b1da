import { isMap, isNode, isScalar, type Pair, parse, type Range, type YAMLMap } from 'yaml';
import type { Path, YamlDocument } from './yaml.ts';

/* Edits of YAML that leave every other byte as it is: comments, order, quotes, indentation. */

/** What to write in place of a part of the text. */
interface Edit {
  start: number;
  end: number;
  text: string;
}

export class YamlEdits {
  /** Whether the text is JSON, and must stay so: other programs may read it. */
  readonly isJson: boolean;
  readonly #text: string;
  readonly #document: YamlDocument;
  readonly #edits: Edit[] = [];

  constructor(text: string, document: YamlDocument) {
    this.#text = text;
    this.#document = document;
    this.isJson = isJson(text);
  }

  /** @returns whether it could: not if the key is in what an alias stands for */
  rename(path: Path, name: string): boolean {
    const map = mapAt(this.#document, path.slice(0, -1));
    const range = rangeOf(pairOf(map, path.at(-1))?.key);
    if (map === undefined || range === undefined || pairOf(map, name) !== undefined) return false;
    const quote = /["']/.exec(this.#text[range[0]] ?? '')?.[0] ?? '';
    this.#edits.push({ start: range[0], end: range[1], text: `${quote}${name}${quote}` });
    return true;
  }

  /** @returns whether it could: not if the value is in what an alias stands for, or a block of lines */
  replace(path: Path, value: string): boolean {
    const node: unknown = this.#document.getIn(path, true);
    const range = rangeOf(node);
    const open = this.#text[range?.[0] ?? 0] ?? '';
    if (!isScalar(node) || range === undefined || /[|>]/.test(open)) return false;
    const quote = /["']/.exec(open)?.[0] ?? '';
    this.#edits.push({ start: range[0], end: range[1], text: `${quote}${value}${quote}` });
    return true;
  }

  /**
   * Adds a key to a map, which is made if there is none.
   *
   * @returns whether it could: not if an alias stands for the map, or something else than a map is there
   */
  add([...path]: readonly string[], value: string): boolean {
    const name = (key = '') => (this.isJson ? JSON.stringify(key) : key);
    let entry = `${name(path.pop())}: ${this.isJson ? JSON.stringify(parse(value)) : value}`;
    let map = mapAt(this.#document, path);
    const missing = path.at(-1);
    if (map === undefined && missing !== undefined) {
      map = mapAt(this.#document, path.slice(0, -1));
      if (pairOf(map, missing) !== undefined) return false;
      entry = `${name(missing)}: { ${entry} }`;
    }
    const [edit] = map === undefined ? [] : this.#insertion(map, entry);
    if (edit !== undefined) this.#edits.push(edit);
    return edit !== undefined;
  }

  toString(): string {
    let [result, from] = ['', 0];
    // What is added in front of something that is replaced comes first.
    const inOrder = this.#edits.toSorted((one, other) => one.start - other.start || one.end - other.end);
    for (const { start, end, text } of inOrder) {
      result += this.#text.slice(from, start) + text;
      from = end;
    }
    return result + this.#text.slice(from);
  }

  /** Behind the last key of the map. */
  #insertion(map: YAMLMap, entry: string): Edit[] {
    const [first, last] = [map.items[0], map.items.at(-1)];
    const firstKey = rangeOf(first?.key);
    if (map.range && last === undefined)
      return [{ start: map.range[0], end: map.range[1], text: `{ ${entry} }` }];
    const end = (rangeOf(last?.value) ?? rangeOf(last?.key))?.[1];
    if (firstKey === undefined || end === undefined) return [];
    const newline = this.#text.includes('\r\n') ? '\r\n' : '\n';
    const before = this.#text.slice(this.#lineStart(firstKey[0]), firstKey[0]);
    const isOnItsLine = before.trim() === '';
    if (map.flow) return [{ start: end, end, text: `,${isOnItsLine ? newline + before : ' '}${entry}` }];
    const indent = ' '.repeat(before.length);
    const at = this.#lineEnd(end);
    const above = this.#text[at - 1] === '\n' ? '' : newline;
    return [{ start: at, end: at, text: `${above}${indent}${entry}${newline}` }];
  }

  #lineStart(offset: number): number {
    return this.#text.lastIndexOf('\n', offset - 1) + 1;
  }

  /** The start of the next line, unless a line starts here. */
  #lineEnd(offset: number): number {
    if (this.#text[offset - 1] === '\n') return offset;
    const end = this.#text.indexOf('\n', offset);
    return end < 0 ? this.#text.length : end + 1;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Follows no alias. */
function mapAt(document: YamlDocument, path: Path): YAMLMap | undefined {
  const node: unknown = path.length === 0 ? document.contents : document.getIn(path, true);
  return isMap(node) ? node : undefined;
}

function pairOf(map: YAMLMap | undefined, name: PropertyKey | undefined): Pair | undefined {
  return map?.items.find(({ key }) => isScalar(key) && String(key.value) === String(name));
}

function rangeOf(node: unknown): Range | undefined {
  return (isNode(node) && node.range) || undefined;
}
