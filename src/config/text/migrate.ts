import { allChanges, type Change } from '../schema/changes.ts';
import { problemLine } from './problems.ts';
import { type Path, parseDocumentOf, type WrittenConfig } from './yaml.ts';
import { YamlEdits } from './yaml-edit.ts';

/** A configuration of an earlier version, as today's version reads it. */
export interface Migrated {
  /** The same bytes if nothing had to change. */
  text: string;
  /** The new one. Places are those in the old text. */
  written: WrittenConfig;
  /** What has changed in it, a line each. */
  changes: string[];
  /** What means something else now, though the text is the same, a line each. */
  notes: string[];
}

/**
 * Changes only what today's version would refuse. Nobody can tell from a file which version it was written for, so what has another meaning
 * or default now is only noted.
 *
 * @throws {ConfigError} with every syntax error
 */
export function migrate(text: string, name: string, table: readonly Change[] = allChanges()): Migrated {
  const { document, written } = parseDocumentOf(text, name);
  const edits = new YamlEdits(text, document);
  const renamed: { before: Path; after: Path }[] = [];
  const [changes, notes]: [string[], string[]] = [[], []];
  const note = (places: readonly Place[], what: string, words: string) =>
    notes.push(...noteOf(written, places, what, words));
  for (const change of table) {
    const places = placesOf(written.value, change.key);
    const [given, missing] = [places.filter(({ isSet }) => isSet), places.filter(({ isSet }) => !isSet)];
    if (change.kind === 'renamed') {
      for (const { path } of given) {
        if (!edits.rename(path, change.to)) continue;
        renamed.push({ before: path, after: path.with(-1, change.to) });
        changes.push(problemLine(written, path, `is now ${change.to}`));
      }
    }
    if (change.kind === 'refused') {
      for (const { path, now } of change.rewrite?.(written.value) ?? [])
        if (edits.replace(path, now)) changes.push(problemLine(written, path, `is now ${now}`));
    }
    if (change.kind === 'meaning') note(given, 'has another meaning', meaningWords(change));
    if (change.kind !== 'default') continue;
    const path = change.key.split('.');
    if (change.isNeeded?.(written.value) && missing.length > 0 && edits.add(path, change.keep))
      changes.push(
        problemLine(written, path, `is now ${change.keep}, because a listener has its default, ${change.is}`),
      );
    else note(missing, 'is not set', defaultWords(change));
  }
  const migrated = edits.toString();
  // Throws rather than give out a file that other programs cannot read any more.
  if (edits.isJson) JSON.parse(migrated);
  const { value } = parseDocumentOf(migrated, name).written;
  return {
    text: migrated,
    written: { value, place: (path) => written.place(oldPath(path, renamed)) },
    changes,
    notes,
  };
}

function defaultWords({ was, is, keep }: Extract<Change, { kind: 'default' }>): string {
  return `the default was ${was}; now it is ${is}. For the old behaviour write ${keep}`;
}

function meaningWords({ was, is }: Extract<Change, { kind: 'meaning' }>): string {
  return `before: ${was}; now: ${is}`;
}

interface Place {
  path: Path;
  isSet: boolean;
}

/** Where a key such as `routes[].limits.queue` is, or could be. */
function placesOf(config: unknown, key: string): Place[] {
  let places: { path: Path; value: unknown }[] = [{ path: [], value: config }];
  for (const part of key.split('.')) {
    const name = part.replace('[]', '');
    places = places.map(({ path, value }) => ({ path: [...path, name], value: ownValue(value, name) }));
    if (part === name) continue;
    places = places.flatMap(({ path, value }) =>
      Array.isArray(value) ? value.map((one, index) => ({ path: [...path, index], value: one })) : [],
    );
  }
  return places.map(({ path, value }) => ({ path, isSet: value !== undefined }));
}

function ownValue(value: unknown, name: string): unknown {
  const isOwn = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
  return isOwn ? (value as Record<string, unknown>)[name] : undefined;
}

/** One for all routes, with the first place. */
function noteOf(
  written: WrittenConfig,
  [first, ...others]: readonly Place[],
  what: string,
  words: string,
): string[] {
  if (first === undefined) return [];
  const more =
    others.length === 0
      ? ''
      : ` (here and in ${others.length} other ${others.length === 1 ? 'route' : 'routes'})`;
  return [problemLine(written, first.path, `${what}${more}: ${words}`)];
}

function oldPath(path: Path, renamed: readonly { before: Path; after: Path }[]): Path {
  const found = renamed.find(({ after }) => after.every((part, index) => part === path[index]));
  return found === undefined ? path : [...found.before, ...path.slice(found.before.length)];
}
