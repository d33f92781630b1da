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

/** @throws {Refusal} if it is not YAML, or too large */
export function readPage(whole: string, span: DocumentSpan): Page {
  const text = whole.slice(span.start, span.end);
  if (text.length > CHARACTERS_MOST)
    throw new Refusal(0, `the document has more than ${CHARACTERS_MOST / 1024 ** 2} MiB: split it`);
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

export function plainValue(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MOST });
  } catch (error) {
    throw new Refusal(0, `is not YAML that can be read: ${messageOf(error)}`);
  }
}
