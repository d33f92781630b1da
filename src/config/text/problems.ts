import type { z } from 'zod';
import { allChanges, type Change, newWordFor } from '../schema/changes.ts';
import { jsonSchema } from '../schema/config-schema.ts';
import { nearest } from './spelling.ts';
import { onOneLine, type Path, type WrittenConfig } from './yaml.ts';

type Issue = z.core.$ZodIssue;

/** Nobody reads more, and finding the places takes time. */
const MOST = 100;

/** The problems that zod found, one line each: the place, the key, what is wrong. */
export function problemsOf(
  issues: readonly Issue[],
  written: WrittenConfig,
  changes: readonly Change[] = allChanges(),
): string[] {
  const found = issues
    .flatMap((one) => issuesInside(one, written.value))
    .flatMap((issue): { path: Path; words: () => string }[] => {
      const { path } = issue;
      if (issue.code !== 'unrecognized_keys') return [{ path, words: () => wordsOf(issue, written.value) }];
      return issue.keys.map((key) => ({
        path: [...path, key],
        words: () => newWordFor(keyText([...path, key]), changes) ?? unknownKey(path, key),
      }));
    });
  const lines = found.slice(0, MOST).map(({ path, words }) => problemLine(written, path, words()));
  // In the order of the file.
  lines.sort((one, other) => one.localeCompare(other, 'en', { numeric: true }));
  return found.length > MOST ? [...lines, andMore(written, found.length - MOST)] : lines;
}

/** Where a word or an object may stand and there is an object: what is wrong inside it. */
function issuesInside(issue: Issue, value: unknown): Issue[] {
  if (issue.code !== 'invalid_union' || !isObject(valueAt(value, issue.path))) return [issue];
  const all = issue.errors.find((issues) => issues.every(({ code }) => code !== 'invalid_value')) ?? [];
  return all.length === 0 ? [issue] : all.map((one) => ({ ...one, path: [...issue.path, ...one.path] }));
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The first hundred, and how many more there are. */
export function firstProblems(problems: readonly string[], written: WrittenConfig): string[] {
  if (problems.length <= MOST) return [...problems];
  return [...problems.slice(0, MOST), andMore(written, problems.length - MOST)];
}

function andMore(written: WrittenConfig, count: number): string {
  return problemLine(written, [], `and ${count} more problems`);
}

/** `FILE:LINE:COLUMN: PATH: words`, always on one line. For the value of a flag, variable or annotation: `--timeout: words`. */
export function problemLine(written: WrittenConfig, path: Path, words: string): string {
  const place = written.place(path);
  const isOption = /^(--|LAZYPIRATE_|lazypirate\/[a-z]+$)/.test(place ?? '');
  const where = isOption ? keyWithin(path) : pathText(path);
  return [...(place ? [place] : []), ...(where === '' ? [] : [where]), words].map(onOneLine).join(': ');
}

/** The part of a flag's value that is meant, as the port of `--upstream service/orders:PORT`. */
function keyWithin(path: Path): string {
  const last = path.at(-1);
  const isWhole = path.length <= (path[0] === 'routes' ? 3 : 2);
  return isWhole || typeof last === 'number' ? '' : String(last);
}

/** `routes[0].limits.queue` */
export function pathText(path: Path): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}

/** `routes[].limits.queue` */
function keyText(path: Path): string {
  return pathText(path).replace(/\[\d+\]/g, '[]');
}

function wordsOf(issue: Issue, value: unknown): string {
  if (valueAt(value, issue.path) === undefined && issue.code !== 'custom') return 'is missing';
  if (issue.code !== 'invalid_type') return issue.message;
  if (issue.expected !== 'object' || !issue.message.startsWith('Invalid input')) return issue.message;
  const found = valueAt(value, issue.path);
  if (found === null) return 'is empty: remove it, or indent its keys below it';
  const isGlued = typeof found === 'string' && /^\w+:\S/.test(found);
  return `must be an object with its own keys${isGlued ? '; a key needs a space after its colon' : ''}`;
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (at, part) =>
      typeof at === 'object' && at !== null ? (at as Record<PropertyKey, unknown>)[part] : undefined,
    value,
  );
}

function unknownKey(at: Path, key: string): string {
  const node = nodeAt(keysKnown(), at);
  const form = node.oneOf?.find(({ properties }) => Object.hasOwn(properties ?? {}, key));
  if (form !== undefined) return `is allowed only with format: ${form.properties?.['format']?.const}`;
  if (key === '<<') return 'merge keys are not supported; an alias can stand for a whole value only';
  if (/^\w+:\S/.test(key)) return 'is not a known key here; a key needs a space after its colon';
  const near = nearest(keysOf(node), key);
  const homes = homesOf(node, key);
  const words = 'is not a known key here';
  if (homes.length > 0) return `${words}; it belongs in ${homes.join(' or ')}`;
  // Most likely it is indented too far.
  const above = at.findLastIndex((_, index) => keysOf(nodeAt(keysKnown(), at.slice(0, index))).includes(key));
  if (above >= 0) return `${words}; it belongs in ${pathText(at.slice(0, above)) || 'the top level'}`;
  return near === undefined ? words : `${words}; did you mean ${near}?`;
}

function keysOf(node: SchemaNode): string[] {
  return [node, ...(node.oneOf ?? []), ...(node.anyOf ?? [])].flatMap(({ properties }) =>
    Object.keys(properties ?? {}),
  );
}

/** The objects below that have this key. */
function homesOf(node: SchemaNode, key: string): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, { properties, items }]) => {
    if (Object.hasOwn(properties ?? {}, key)) return [name];
    return Object.hasOwn(items?.properties ?? {}, key) ? [`${name}[]`] : [];
  });
}

/** Made once, when it is first needed: that takes as long as all else about a wrong file. */
let known: SchemaNode | undefined;

function keysKnown(): SchemaNode {
  known ??= jsonSchema() as SchemaNode;
  return known;
}

interface SchemaNode {
  properties?: Record<string, SchemaNode>;
  items?: SchemaNode;
  oneOf?: SchemaNode[];
  anyOf?: SchemaNode[];
  const?: unknown;
}

/** The part of the schema for a path. */
function nodeAt(schema: SchemaNode, path: Path): SchemaNode {
  let node: SchemaNode | undefined = schema;
  for (const part of path) node = typeof part === 'number' ? node?.items : node?.properties?.[String(part)];
  return node ?? {};
}
