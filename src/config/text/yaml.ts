import {
  Document,
  type ErrorCode,
  isCollection,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
  visit,
} from 'yaml';
import { ConfigError } from '../../errors.ts';

export type Path = readonly PropertyKey[];
export type YamlDocument = ReturnType<typeof parseDocument>;

/** A configuration as it was written, and the place of each value in it. */
export interface WrittenConfig {
  value: unknown;
  /** `FILE:LINE:COLUMN`, or the flag or variable that a value came from; `undefined` if it was not set anywhere. */
  place(path: Path): string | undefined;
}

/**
 * Reads YAML 1.2.
 *
 * @param name the file name, to show places in error messages
 * @throws {ConfigError} with every syntax error
 */
export function parseYaml(text: string, name: string): WrittenConfig {
  return parseDocumentOf(text, name).written;
}

/** The same, with the nodes and their places in the text. */
export function parseDocumentOf(
  text: string,
  name: string,
): { document: YamlDocument; written: WrittenConfig } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${name}:${line}:${col}`;
  };
  const faults = [...document.errors, ...document.warnings].map(({ pos, code, message }) => ({
    offset: pos[0],
    message: CLEARER_MESSAGES[code] ?? CLEARER_WORDS[message] ?? message,
  }));
  const all = faults.length > 0 ? faults : faultsOf(document.contents);
  if (all.length > 0) {
    throw new ConfigError(
      all.slice(0, FAULTS_MOST).map(({ offset, message }) => `${at(offset)}: ${onOneLine(message)}`),
    );
  }
  const written = {
    value: plainValue(document, name),
    place: (path: Path) => {
      const node = nodeAt(document.contents, path);
      return node?.range ? at(node.range[0]) : `${name}:1:1`;
    },
  };
  return { document, written };
}

/** Writes YAML, with comments behind some of the values. Lists of plain values take one line. */
export function writeYaml(value: unknown, comments: readonly { path: Path; comment: string }[]): string {
  const document = new Document(value);
  visit(document, {
    Seq(_, list) {
      list.flow = !list.items.some(isCollection);
    },
  });
  for (const { path, comment } of comments) {
    const node = document.getIn(path, true);
    if (isNode(node)) node.comment = ` ${onOneLine(comment)}`;
  }
  return document.toString({ lineWidth: 0 });
}

/** Replacements for parser messages that are too technical, or do not name the likely cause. */
const CLEARER_MESSAGES: Partial<Record<ErrorCode, string>> = {
  MULTIPLE_DOCS: 'A second document starts here, but only one is read: remove the ---',
  BLOCK_AS_IMPLICIT_KEY:
    'This cannot be a key: check the indentation of the next line, or put a value with a colon and a space in quotes',
  MULTILINE_IMPLICIT_KEY: 'A key needs a colon and a space after it, on the same line',
};

/** Codes that stand for several faults. */
const CLEARER_WORDS: Readonly<Record<string, string>> = {
  'Implicit map keys need to be followed by map values': 'A key needs a colon and a space after it',
  'All mapping items must start at the same column':
    'The keys of an object must start at the same column: check the indentation',
};

/** Later errors are mostly caused by earlier ones. */
const FAULTS_MOST = 20;
const ALIASES_MOST = 100;
/** The schema checks each value, which takes time. */
const VALUES_MOST = 20_000;

/**
 * Finds what YAML allows but a configuration does not: duplicate keys, keys that are not plain text, and too many aliases. The
 * parser could find duplicates itself, but it compares each key with every other. It takes seconds for some thousands of any of these.
 */
function faultsOf(root: ParsedNode | null): { offset: number; message: string }[] {
  const faults: { offset: number; message: string }[] = [];
  const anchors = new Set<string>();
  let aliases = 0;
  const add = (node: unknown, message: string) => {
    faults.push({ offset: (isNode(node) ? node.range?.[0] : undefined) ?? 0, message });
  };
  visit(root, {
    Alias(_, node) {
      if (!anchors.has(node.source)) add(node, `This alias has no anchor &${node.source} before it`);
      if (++aliases <= ALIASES_MOST) return undefined;
      add(node, `At most ${ALIASES_MOST} aliases are allowed`);
      return visit.BREAK;
    },
    Scalar: (_, { anchor }) => void anchors.add(anchor ?? ''),
    Seq: (_, { anchor }) => void anchors.add(anchor ?? ''),
    Map(_, { anchor, items }) {
      anchors.add(anchor ?? '');
      const keys = new Set<string>();
      for (const { key } of items) {
        if (faults.length === FAULTS_MOST) return visit.BREAK;
        if (!isScalar(key)) add(key, 'Map keys must be plain text');
        else if (keys.has(String(key.value))) add(key, `Map keys must be unique: ${key.value}`);
        else keys.add(String(key.value));
      }
      return undefined;
    },
  });
  return faults;
}

/** The target of an alias counts each time it is used, so that a small file cannot become a huge value. */
function plainValue(document: YamlDocument, name: string): unknown {
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: ALIASES_MOST });
  } catch (error) {
    throw new ConfigError([`${name}: ${error instanceof Error ? error.message : error}`], { cause: error });
  }
  if (!hasAtMost(value, VALUES_MOST)) throw new ConfigError([`${name}: has more than ${VALUES_MOST} values`]);
  return value;
}

/** Uses a loop with a limit, because an alias may refer to a value that contains it: recursion would never end. */
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

/** Cuts long text and escapes control characters: a line break in a key or value would split a message into two lines. */
export function onOneLine(text: string): string {
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
  return cut.replace(/\p{Cc}/gu, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The node at a path, or at the longest part of it that exists. In a map it is the key, because that is what people look for. */
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
