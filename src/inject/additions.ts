import { isMap, isNode, isScalar, isSeq, type Node, type Pair, stringify } from 'yaml';
import { Refusal } from './cannot.ts';
import type { Page } from './document-page.ts';
import { contentEnd, offsetOf, type Path, type Reached, reach } from './nodes.ts';
import { lineBreak, lineStart, nextLine, type Splice } from './splice.ts';

/** Keys for a map, or items for a list. What is missing on the way is made. */
export interface Addition {
  at: Path;
  value: Record<string, unknown> | readonly unknown[];
  /** Items go behind those of the list, not before them. */
  isLast?: boolean;
}

/** Whether the value of a key is there, but empty: `[]`, `{}`, or nothing. */
export function isEmptyAt({ root, anchors }: Page, at: Path): boolean {
  const { node, pair, missing } = reach(root, at, anchors);
  if (missing.length > 0) return false;
  if (isMap(node) || isSeq(node)) return node.items.length === 0;
  return pair !== undefined && isNothing(node);
}

function isNothing(node: Node | undefined): boolean {
  return node === undefined || (isScalar(node) && node.value === null);
}

/**
 * The text to add. Block style gets whole lines: keys and items go first, below the line of the key above them, so that comments
 * stay with what they are about. Flow style, which JSON is, gets JSON.
 *
 * @throws {Refusal} where that is not possible
 */
export function splicesFor(page: Page, { at, value, isLast = false }: Addition): Splice[] {
  const reached = reach(page.root, at, page.anchors);
  const { node, pair, missing } = reached;
  const wanted = missing.reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Addition['value'];
  if (isNothing(node)) return [intoNothing(page, pair, wanted)];
  if (isMap(node) || isSeq(node)) {
    if (isSeq(node) !== Array.isArray(wanted))
      throw new Refusal(
        offsetOf(node),
        `${at.join('.')} must be ${Array.isArray(wanted) ? 'a list' : 'a map'}`,
      );
    const last: unknown = isLast && missing.length === 0 ? node.items.at(-1) : undefined;
    if (isNode(last)) return [behind(page, node, last, wanted)];
    if (node.flow) return [intoFlow(page, node, wanted)];
    return [intoBlock(page, reached, wanted)];
  }
  throw new Refusal(offsetOf(node), `${at.join('.')} must be ${Array.isArray(wanted) ? 'a list' : 'a map'}`);
}

function intoNothing(page: Page, pair: Reached['pair'], value: Addition['value']): Splice {
  if (pair === undefined) throw new Refusal(0, 'it is empty');
  const { value: node } = pair;
  if (node?.range && node.range[1] > node.range[0])
    throw new Refusal(offsetOf(node), `${String(pair.key)} is null: remove the word`);
  const column = columnOf(page.text, offsetOf(pair.key));
  const inset = Array.isArray(value) && !indentsLists(page) ? 0 : 2;
  return linesBelow(page, pair.key, value, column + inset);
}

function intoBlock(page: Page, { node, pair }: Reached, value: Addition['value']): Splice {
  if (!isMap(node) && !isSeq(node)) throw new Refusal(0, 'it is no collection');
  const column = columnOf(page.text, offsetOf(node));
  if (pair !== undefined) return linesBelow(page, pair.key, value, column);
  // The map is an item of a list, so its first key has the dash before it: the new keys go below a short one.
  const short = (node.items as Pair<Node, Node | null>[]).find((one) => isOneLine(page.text, one));
  if (short === undefined) throw new Refusal(offsetOf(node), 'it has no key that takes one line');
  return linesBelow(page, short.value ?? short.key, value, column);
}

function behind(page: Page, list: Node, last: Node, value: Addition['value']): Splice {
  const end = contentEnd(last);
  if ('flow' in list && list.flow) return { start: end, end, text: `,${JSON.stringify(value).slice(1, -1)}` };
  return linesBelow(page, last, value, columnOf(page.text, offsetOf(list)));
}

function isOneLine(text: string, { key, value }: Pair<Node, Node | null>): boolean {
  if (!isScalar(value) || !value.range || value.type === 'BLOCK_LITERAL' || value.type === 'BLOCK_FOLDED')
    return false;
  return lineStart(text, offsetOf(key)) === lineStart(text, contentEnd(value));
}

/** Below the line on which a node ends. */
function linesBelow(page: Page, above: Node, value: Addition['value'], column: number): Splice {
  const { text } = page;
  const last = contentEnd(above);
  // A text of several lines ends where the next line begins.
  const at = nextLine(text, text[last - 1] === '\n' ? last - 1 : last);
  const end = lineBreak(text);
  const lines = blockLines(value, indentsLists(page)).map((line) => `${' '.repeat(column)}${line}`);
  // The last line of a file may lack its line break, and still lacks it then.
  const isOpen = at === text.length && !text.endsWith('\n');
  return { start: at, end: at, text: isOpen ? `${end}${lines.join(end)}` : `${lines.join(end)}${end}` };
}

/** In words that YAML 1.1 understands too, which Kubernetes reads. */
export function blockLines(value: unknown, indentSeq: boolean): string[] {
  const text = stringify(value, { version: '1.1', lineWidth: 0, indentSeq });
  return text.replace(/\n$/, '').split('\n');
}

function intoFlow({ text }: Page, node: Node & { items: unknown[] }, value: Addition['value']): Splice {
  const start = offsetOf(node);
  const open = text[start];
  if (open !== '[' && open !== '{') throw new Refusal(start, 'it is written in an unusual way');
  const inner = JSON.stringify(value).slice(1, -1);
  const comma = node.items.length > 0 ? ',' : '';
  const [space = ''] = /^[ \t]*\r?\n[ \t]*/.exec(text.slice(start + 1)) ?? [];
  const at = start + 1;
  return { start: at, end: at, text: comma === '' ? inner : `${space}${inner},` };
}

function columnOf(text: string, offset: number): number {
  return offset - lineStart(text, offset);
}

/** Whether the dashes of lists are further right than their key, as they are in most of the lists of the document. */
function indentsLists({ text, root }: Page): boolean {
  let [right, below] = [0, 0];
  const look = (node: unknown, depth: number): void => {
    if (depth > 12) return;
    if (isSeq(node) && !node.flow) for (const item of node.items.slice(0, 3)) look(item, depth + 1);
    if (!isMap(node) || node.flow) return;
    for (const { key, value } of node.items as Pair<Node, Node | null>[]) {
      if (isSeq(value) && !value.flow && value.items.length > 0) {
        if (columnOf(text, offsetOf(value)) > columnOf(text, offsetOf(key))) right++;
        else below++;
      }
      look(value, depth + 1);
    }
  };
  look(root, 0);
  return right >= below;
}
