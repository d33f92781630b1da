import { isDeepStrictEqual } from 'node:util';
import { onOneLine } from '../config/text/yaml.ts';
import { ConfigError } from '../errors.ts';
import { version } from '../version.ts';
import { isBeside, namesBeside } from './beside.ts';
import { type Added, Injection, type Problem } from './injection.ts';
import { Selection } from './only.ts';
import { type InputFile, offsetBefore, Source } from './source.ts';
import { spliced } from './splice.ts';
import { type Stripped, strip } from './strip.ts';
import { asksForAll, type WishFlags, wishesOf } from './wishes.ts';
import { idOf, KINDS, mapAt, nameIn, objectId, type Workload } from './workload.ts';

export interface InjectOptions {
  flags: WishFlags;
  /** `KIND/NAME` or `NAMESPACE/KIND/NAME` of those that the flags are for; none: all. */
  only: readonly string[];
  isNative: boolean;
}

/** The text that comes out, and what there is to say about it. */
export interface Outcome {
  text: string;
  notes: string[];
}

/** More are not read by anybody. */
const PROBLEMS_MOST = 100;

/**
 * Puts the sidecar into every object that asks for it. One that has it already gets it anew: of this version, and as it is asked for
 * now.
 *
 * @throws {ConfigError} with everything that cannot be done, `FILE:LINE: OBJECT: words`
 */
export function addSidecars(files: readonly InputFile[], { flags, only, isNative }: InjectOptions): Outcome {
  refuse(flagsTogether(flags));
  const source = new Source(files);
  const selection = new Selection(only);
  const flagsFor = (workload: Workload): WishFlags => (selection.has(workload) ? flags : imageOf(flags));
  const stripped = strip(source.text, (workload) => wishesOf(workload, flagsFor(workload)) !== undefined);
  refuse(
    [],
    linesOf(stripped.problems, (offset) => source.place(offset)),
  );
  const injection = new Injection(spliced(source.text, stripped.splices), flags, isNative, flagsFor);
  refuse(
    selection.problems('object'),
    linesOf(injection.problems, (offset) => source.place(offsetBefore(offset, stripped.splices))),
  );
  const notes = notesOf(injection, stripped);
  if (injection.added.length === 0) notes.push(nothingWords(flags));
  return { text: injection.text(), notes };
}

function imageOf({ image }: WishFlags): WishFlags {
  return image === undefined ? {} : { image };
}

function notesOf({ added, objects, notes }: Injection, before: Stripped): string[] {
  const had = new Map(before.workloads.map((one) => [idOf(one.workload), one]));
  const besides = Map.groupBy(before.objects, (one) => nameIn(mapAt(one, ['metadata'])));
  const were = before.objects.map(objectId);
  const lost = were.filter((id) => !objects.includes(id));
  const fresh = objects.filter((id) => !were.includes(id));
  return [
    ...added.map((one) => addedWords(one, had, besides)),
    ...(fresh.length > 0 ? [`added: ${fresh.join(', ')}`] : []),
    ...(lost.length > 0 ? [`removed: ${lost.join(', ')}`] : []),
    ...notes,
  ];
}

/** What happened to an object that may have had a sidecar before. */
function addedWords(
  { workload, object, beside }: Added,
  before: ReadonlyMap<string, Stripped['workloads'][number]>,
  besides: ReadonlyMap<string, unknown[]>,
): string {
  const id = idOf(workload);
  const had = before.get(id);
  if (had === undefined) return `${id}: sidecar added`;
  if (had.version !== version) return `${id}: sidecar updated from ${had.version} to ${version}`;
  const old = namesBeside(workload)
    .flatMap((name) => besides.get(name) ?? [])
    .filter((one) => isBeside(one, workload));
  const isSame =
    isDeepStrictEqual(had.workload.object, object) &&
    old.length === beside.length &&
    beside.every((one) => old.some((other) => isDeepStrictEqual(one, other)));
  return isSame ? `${id}: already has the sidecar; nothing changes` : `${id}: sidecar updated`;
}

function nothingWords(flags: WishFlags): string {
  if (asksForAll(flags)) return `nothing gets the sidecar: the input has no ${KINDS.join(', ')}`;
  return 'nothing asks for the sidecar: no pod has an annotation lazypirate/upstream or lazypirate/config, and neither --upstream nor --config is given';
}

function flagsTogether({ upstream, listen, route, config }: WishFlags): string[] {
  const beside = Object.entries({ upstream, listen, route }).flatMap(([key, value]) =>
    value === undefined ? [] : [`--${key}`],
  );
  if (config === undefined || beside.length === 0) return [];
  return [`--config is a whole configuration: remove ${beside.join(' and ')}, or --config`];
}

/**
 * Takes the sidecar out again, and what was added because of it.
 *
 * @throws {ConfigError} with everything that cannot be done
 */
export function removeSidecars(files: readonly InputFile[], only: readonly string[]): Outcome {
  const source = new Source(files);
  const selection = new Selection(only);
  const { splices, workloads, objects, problems } = strip(source.text, (workload) => selection.has(workload));
  refuse(
    selection.problems('object with a sidecar of inject'),
    linesOf(problems, (offset) => source.place(offset)),
  );
  const notes = [
    ...workloads.map(({ workload }) => `${idOf(workload)}: sidecar removed`),
    ...(objects.length > 0 ? [`removed: ${objects.map(objectId).join(', ')}`] : []),
    ...(workloads.length === 0 ? ['nothing to remove: no pod has a sidecar that inject added'] : []),
  ];
  return { text: spliced(source.text, splices), notes };
}

/** `FILE:LINE: OBJECT: words`. What is wrong with a flag comes first, and once, not for each object. */
function linesOf(problems: readonly Problem[], place: (offset: number) => string): string[] {
  const flags: string[] = [];
  const objects: { offset: number; parts: string[] }[] = [];
  for (const { id, refusal } of problems) {
    const { at, message } = refusal;
    if (at.kind === 'flag') flags.push(onOneLine(message));
    else objects.push({ offset: at.offset, parts: [place(at.offset), ...(id === '' ? [] : [id]), message] });
  }
  const inOrder = objects.toSorted((one, other) => one.offset - other.offset);
  return [...new Set([...flags, ...inOrder.map(({ parts }) => parts.map(onOneLine).join(': '))])];
}

function refuse(...lists: string[][]): void {
  const lines = lists.flat();
  if (lines.length === 0) return;
  const more = lines.length - PROBLEMS_MOST;
  throw new ConfigError(more > 0 ? [...lines.slice(0, PROBLEMS_MOST), `and ${more} more problems`] : lines);
}
