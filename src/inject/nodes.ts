import { isAlias, isMap, isNode, isScalar, isSeq, type Node, type Pair, type ParsedNode, visit } from 'yaml';
import { Refusal } from './cannot.ts';

export type Path = readonly (string | number)[];

/** For each alias the parser goes through the whole document. */
const STEPS_MOST = 10_000_000;

/**
 * The names of the anchors that something refers to.
 *
 * @throws {Refusal} if there are so many that the document takes long to read
 */
export function usedAnchors(root: ParsedNode | null): ReadonlySet<string> {
  const used = new Set<string>();
  let [nodes, aliases] = [0, 0];
  visit(root, {
    Node: () => void nodes++,
    Alias(_, { source }) {
      nodes++;
      aliases++;
      used.add(source);
    },
  });
  if (nodes * aliases > STEPS_MOST) throw new Refusal(0, `has too many aliases (${aliases}) for its size`);
  return used;
}

export function offsetOf(node: unknown): number {
  return (isNode(node) ? node.range?.[0] : undefined) ?? 0;
}

/** Where a path is, or the longest part of it that exists. In a map it is the key, because that is what people look for. */
export function offsetAt(root: Node | null, path: Path): number {
  let node: unknown = root;
  let found: unknown = root;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (pair === undefined) break;
      found = pair.key;
      node = pair.value;
    } else {
      const item: unknown = isSeq(node) ? node.items[Number(part)] : undefined;
      if (item === undefined) break;
      found = node = item;
    }
  }
  return offsetOf(found);
}

/** Where a value ends, without the comments and empty lines below it. */
export function contentEnd(node: Node): number {
  if ((isMap(node) || isSeq(node)) && !node.flow) {
    const last: unknown = node.items.at(-1);
    if (isNode(last)) return contentEnd(last);
    const { key, value } = (last ?? {}) as Partial<Pair>;
    if (isNode(value) && value.range && value.range[1] > value.range[0]) return contentEnd(value);
    // Behind the colon of a key without a value.
    if (isNode(value) && value.range) return value.range[0];
    if (isNode(key)) return contentEnd(key);
  }
  return node.range?.[1] ?? 0;
}

/** How far a path exists, and what is there. */
export interface Reached {
  node: Node | undefined;
  /** The pair whose value it is, unless it is an item of a list or the root. */
  pair: Pair<Node, Node | null> | undefined;
  /** The part of the path that does not exist. */
  missing: Path;
}

/**
 * Goes along a path for which the text is to be changed.
 *
 * @throws {Refusal} where a change would change something else too, or would itself be overruled
 */
export function reach(root: Node | null, path: Path, anchors: ReadonlySet<string>): Reached {
  let node: Node | undefined = root ?? undefined;
  let pair: Reached['pair'];
  const check = (one: Node | undefined, name: string) => {
    if (isAlias(one))
      throw new Refusal(offsetOf(one), `${name} is an alias (*${one.source}): write it out here`);
    const anchor = one !== undefined && 'anchor' in one ? one.anchor : undefined;
    if (anchor !== undefined && anchors.has(anchor)) {
      const words = `${name} is used elsewhere as *${anchor}, and would be changed there as well: write it out there`;
      throw new Refusal(offsetOf(one), words);
    }
    if (isMap(one)) refuseMerge(one as never, name);
  };
  check(node, 'the object');
  for (const [index, part] of path.entries()) {
    const found: Found = typeof part === 'number' ? itemOf(node, part) : valueAt(node, part);
    if (found === undefined) return { node, pair, missing: path.slice(index) };
    ({ node, pair } = found);
    check(node, String(part));
  }
  return { node, pair, missing: [] };
}

type Found = Pick<Reached, 'node' | 'pair'> | undefined;

function itemOf(node: Node | undefined, index: number): Found {
  const item = isSeq(node) ? node.items[index] : undefined;
  return isNode(item) ? { node: item, pair: undefined } : undefined;
}

function valueAt(node: Node | undefined, key: string): Found {
  const pair = pairOf(node, key);
  return pair && { node: pair.value ?? undefined, pair };
}

/** @throws {Refusal} if the key is there twice: which one counts depends on the reader */
export function pairOf(node: unknown, key: string): Pair<Node, Node | null> | undefined {
  if (!isMap(node)) return undefined;
  const [pair, second] = (node.items as Pair<Node, Node | null>[]).filter(
    (one) => isScalar(one.key) && one.key.value === key,
  );
  if (second !== undefined)
    throw new Refusal(offsetOf(second.key), `${key} is there twice: remove one of them`);
  return pair;
}

function refuseMerge({ items }: { items: Pair[] }, name: string): void {
  const merge = items.find(({ key }) => isScalar(key) && (key.value === '<<' || key.source === '<<'));
  if (merge !== undefined)
    throw new Refusal(offsetOf(merge.key), `${name} takes keys from elsewhere (<<): write them out here`);
}
