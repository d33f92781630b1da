import { isMap, isNode, isScalar, LineCounter, type Node, type ParsedNode, parseDocument, visit } from 'yaml';
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
  const faults = [...document.errors, ...document.warnings].map(({ pos, message }) => ({
    offset: pos[0],
    message,
  }));
  if (faults.length === 0) faults.push(...keysTwice(document.contents));
  if (faults.length > 0) {
    throw new ConfigError(
      faults.slice(0, FAULTS_MOST).map(({ offset, message }) => `${at(offset)}: ${message}`),
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

/** Those behind are mostly of the first one's making. */
const FAULTS_MOST = 20;

/** Keys that a map has already. The parser compares each with each, which takes seconds where there are thousands. */
function keysTwice(root: ParsedNode | null): { offset: number; message: string }[] {
  const faults: { offset: number; message: string }[] = [];
  visit(root, {
    Map(_, { items }) {
      const keys = new Set<string>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        if (keys.has(name)) faults.push({ offset: key.range?.[0] ?? 0, message: 'Map keys must be unique' });
        keys.add(name);
      }
    },
  });
  return faults;
}

/** Aliases are counted, so that a small file cannot become a huge value. */
function plainValue(document: ReturnType<typeof parseDocument>, name: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new ConfigError([`${name}: ${error instanceof Error ? error.message : error}`], { cause: error });
  }
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
