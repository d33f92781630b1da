import {
  type ErrorCode,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
  visit,
} from 'yaml';
import { ConfigError } from '../errors.ts';

export type Path = readonly PropertyKey[];

/** A configuration as it was written, and where in it each value stands. */
export interface Source {
  value: unknown;
  /** `FILE:LINE:COLUMN`, or the flag or variable that a value came from; `undefined` where nobody wrote anything. */
  place(path: Path): string | undefined;
}

/**
 * Reads YAML 1.2.
 *
 * @param name of the file, for the places
 * @throws {ConfigError} with every error of syntax
 */
export function sourceOf(text: string, name: string): Source {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const faults = [...document.errors, ...document.warnings].map(({ pos, code, message }) => ({
    offset: pos[0],
    message: PLAINER[code] ?? message,
  }));
  const all = faults.length > 0 ? faults : unwanted(document.contents);
  if (all.length > 0) {
    throw new ConfigError(
      all.slice(0, FAULTS_MOST).map(({ offset, message }) => `${at(offset)}: ${shown(message)}`),
    );
  }
  return {
    value: plainValue(document, name),
    place: (path) => {
      const node = nodeAt(document.contents, path);
      return node?.range ? at(node.range[0]) : `${name}:1:1`;
    },
  };
}

/** Where the parser's words are for programmers, or leave out the likely cause. */
const PLAINER: Partial<Record<ErrorCode, string>> = {
  MULTIPLE_DOCS: 'A second document begins here, and only one is read: take the --- away',
  MULTILINE_IMPLICIT_KEY: 'A key needs a colon and a space behind it, on the same line',
};

/** Those behind are mostly of the first one's making. */
const FAULTS_MOST = 20;
const ALIASES_MOST = 100;
/** Each is looked at by the schema. */
const VALUES_MOST = 20_000;

/**
 * What is YAML, and no configuration: keys that a map has already or that are no words, and more aliases than anybody writes. The
 * parser would find the first by comparing each with each, and takes seconds over some thousands of any of these.
 */
function unwanted(root: ParsedNode | null): { offset: number; message: string }[] {
  const faults: { offset: number; message: string }[] = [];
  const anchors = new Set<string>();
  let aliases = 0;
  const add = (node: unknown, message: string) => {
    faults.push({ offset: (isNode(node) ? node.range?.[0] : undefined) ?? 0, message });
  };
  visit(root, {
    Alias(_, node) {
      if (!anchors.has(node.source)) add(node, `No anchor &${node.source} stands before this alias`);
      if (++aliases <= ALIASES_MOST) return undefined;
      add(node, `Aliases must be ${ALIASES_MOST} at most`);
      return visit.BREAK;
    },
    Scalar: (_, { anchor }) => void anchors.add(anchor ?? ''),
    Seq: (_, { anchor }) => void anchors.add(anchor ?? ''),
    Map(_, { anchor, items }) {
      anchors.add(anchor ?? '');
      const keys = new Set<string>();
      for (const { key } of items) {
        if (faults.length === FAULTS_MOST) return visit.BREAK;
        if (!isScalar(key)) add(key, 'Map keys must be words');
        else if (keys.has(String(key.value))) add(key, `Map keys must be unique: ${key.value}`);
        else keys.add(String(key.value));
      }
      return undefined;
    },
  });
  return faults;
}

/** What aliases stand for is counted each time, so that a small file cannot become a huge value. */
function plainValue(document: ReturnType<typeof parseDocument>, name: string): unknown {
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: ALIASES_MOST });
  } catch (error) {
    throw new ConfigError([`${name}: ${error instanceof Error ? error.message : error}`], { cause: error });
  }
  if (!hasAtMost(value, VALUES_MOST)) throw new ConfigError([`${name}: has more than ${VALUES_MOST} values`]);
  return value;
}

/** An alias may stand for what it is in itself: there is no end to that, and no call stack for it. */
function hasAtMost(value: unknown, most: number): boolean {
  const left = [value];
  let count = 0;
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    for (const one of Object.values(next)) {
      if (++count > most) return false;
      if (typeof one === 'object' && one !== null) left.push(one);
    }
  }
  return true;
}

const LONGEST = 300;

/** Keys and values may be of any length, and a line break in one would make a second line of it. */
export function shown(text: string): string {
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
  return cut.replace(/\p{Cc}/gu, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The node of a path, or of the part of it that is there. For a key that a map has it is the key, which people look for. */
function nodeAt(root: ParsedNode | null, path: Path): Node | undefined {
  let node: Node | undefined = root ?? undefined;
  let found = node;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (pair === undefined) return found;
      found = isNode(pair.key) ? pair.key : found;
      node = isNode(pair.value) ? pair.value : undefined;
    } else {
      const items: unknown[] = node !== undefined && 'items' in node ? (node.items as unknown[]) : [];
      const item = items[Number(part)];
      if (!isNode(item)) return found;
      node = found = item;
    }
  }
  return found;
}
