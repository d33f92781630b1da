import { type Document, isNode, type ParsedNode, parseDocument } from 'yaml';
import { messageOf } from '../errors.ts';
import { Refusal } from './cannot.ts';
import type { DocumentSpan } from './documents.ts';
import { usedAnchors } from './nodes.ts';

/** One document, as it is written and as it is meant. Offsets in it are those of its own text. */
export interface Page {
  span: DocumentSpan;
  text: string;
  document: Document.Parsed;
  root: ParsedNode | null;
  /** The names of the anchors that something refers to. */
  anchors: ReadonlySet<string>;
  value: unknown;
}

/** Takes about 5 s to read. */
const CHARACTERS_MOST = 4 * 1024 * 1024;
const ALIASES_MOST = 100;
/** At the start of a line that is not the first, or a second one at the start. */
const LATE_MARK = /(?<=[\r\n]|^\uFEFF)\uFEFF/;

/** @throws {Refusal} if it is not YAML, or too large */
export function readPage(whole: string, span: DocumentSpan): Page {
  const text = whole.slice(span.start, span.end);
  if (text.length > CHARACTERS_MOST)
    throw new Refusal(0, `the document has more than ${CHARACTERS_MOST / 1024 ** 2} MiB: split it`);
  refuseLateMark(text, span.start);
  const document = parseDocument(text, {
    uniqueKeys: false,
    prettyErrors: false,
    merge: true,
    logLevel: 'silent',
  });
  const [error] = document.errors;
  if (error !== undefined) {
    const hint = text.includes('{{')
      ? '. If it is a template of a Helm chart, inject what `helm template` prints'
      : '';
    throw new Refusal(error.pos[0], `is not YAML: ${error.message.replace(/\s+/g, ' ')}${hint}`);
  }
  const root = isNode(document.contents) ? document.contents : null;
  return { span, text, document, root, anchors: usedAnchors(root), value: plainValue(document) };
}

/**
 * Kubernetes ignores a byte order mark at the start of any line. The parser here reads one that is below `---` as a part of the
 * first key, and so would not see what the object is.
 */
function refuseLateMark(text: string, start: number): void {
  const at = start > 0 && text.startsWith('\uFEFF') ? 0 : text.search(LATE_MARK);
  if (at >= 0)
    throw new Refusal(at, 'has a byte order mark (U+FEFF) that is not at the start of the file: remove it');
}

export function plainValue(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MOST });
  } catch (error) {
    throw new Refusal(0, `is not YAML that can be read: ${messageOf(error)}`);
  }
}
