import { isDeepStrictEqual } from 'node:util';
import { isScalar } from 'yaml';
import { isBeside, MANAGER } from './beside.ts';
import { Refusal } from './cannot.ts';
import { Cuts } from './cuts.ts';
import { type Page, plainValue, readPage } from './document-page.ts';
import { type DocumentSpan, documentsOf } from './documents.ts';
import { offsetAt, type Path, reach } from './nodes.ts';
import { CONTAINER, VOLUMES } from './sidecar-parts.ts';
import { inOrder, lineStart, nextLine, type Splice, spliced } from './splice.ts';
import { MARK } from './wishes.ts';
import { idOf, mapsIn, objectsIn, type Workload, workloadOf } from './workload.ts';

/** A text without sidecars. */
export interface Stripped {
  splices: Splice[];
  /** The objects that had one, and the version that put it there. */
  workloads: { workload: Workload; version: string }[];
  /** The objects beside them that are gone. */
  objects: unknown[];
  problems: { id: string; refusal: Refusal }[];
}

/** Finds what `inject` has added to the objects that are chosen, and to the input because of them. */
export function strip(text: string, isChosen: (workload: Workload) => boolean): Stripped {
  const stripped: Stripped = { splices: [], workloads: [], objects: [], problems: [] };
  const spans = documentsOf(text);
  const staying: Workload[] = [];
  const pages: { page: Page; chosen: Workload[] }[] = [];
  for (const span of spans) {
    const part = text.slice(span.start, span.end);
    if (!part.includes(MARK) && !part.includes(MANAGER)) continue;
    let page: Page;
    try {
      page = readPage(text, span);
    } catch (error) {
      stripped.problems.push(problemIn(span, '', error));
      continue;
    }
    const marked = objectsIn(page.value)
      .flatMap((one) => workloadOf(one) ?? [])
      .filter(({ annotations }) => annotations[MARK] !== undefined);
    const chosen = marked.filter(isChosen);
    staying.push(...marked.filter((one) => !chosen.includes(one)));
    pages.push({ page, chosen });
  }
  const all = pages.flatMap(({ chosen }) => chosen);
  const isGone = (value: unknown) => {
    const isOf = (workload: Workload) => isBeside(value, workload);
    return all.some(isOf) && !staying.some(isOf);
  };
  const documents = new Map<DocumentSpan, Page>();
  for (const { page, chosen } of pages) {
    const gone = objectsIn(page.value).filter(({ object }) => isGone(object));
    stripped.objects.push(...gone.map(({ object }) => object));
    if (gone.some(({ path }) => path.length === 0)) documents.set(page.span, page);
    else stripPage(page, chosen, gone, stripped);
  }
  stripped.splices = inOrder([...stripped.splices, ...documentCuts(text, spans, documents)]);
  return stripped;
}

function problemIn({ start }: DocumentSpan, id: string, error: unknown): Stripped['problems'][number] {
  if (!(error instanceof Refusal)) throw error;
  return { id, refusal: error.within(start) };
}

/** @param gone the items of a List that were added because of an object */
function stripPage(
  page: Page,
  chosen: readonly Workload[],
  gone: readonly { path: Path }[],
  stripped: Stripped,
): void {
  if (chosen.length === 0 && gone.length === 0) return;
  const cuts = new Cuts(page);
  const kept: Path[] = [];
  for (const workload of chosen) {
    const version = String(workload.annotations[MARK]);
    try {
      kept.push(...takeSidecar(cuts, workload, version));
      stripped.workloads.push({ workload, version: version.replace(/;.*/, '') });
    } catch (error) {
      stripped.problems.push(problemIn(page.span, idOf(workload), error));
      return;
    }
  }
  try {
    for (const { path } of gone) kept.push(cuts.takeItem(path));
    stripped.splices.push(...checked(page, cuts, kept));
  } catch (error) {
    stripped.problems.push(problemIn(page.span, chosen[0] ? idOf(chosen[0]) : '', error));
  }
}

/** @returns the keys that were there, and empty, before the sidecar */
function takeSidecar(cuts: Cuts, { podPath, spec }: Workload, version: string): Path[] {
  const names = /; were empty: (.*)$/.exec(version)?.[1]?.split(', ') ?? [];
  const kept: Path[] = [];
  const take = (at: Path, name: string, isOurs: (name: unknown) => boolean) => {
    const path = [...podPath, ...at];
    cuts.take(path, isOurs, (one) => {
      // What stands above it is kept by its own name.
      const isKept = names.includes(one.length === path.length ? name : String(one.at(-1)));
      if (isKept) kept.push(one);
      return isKept;
    });
  };
  for (const key of ['initContainers', 'containers']) take(['spec', key], key, (name) => name === CONTAINER);
  take(['spec', 'volumes'], 'volumes', (name) => VOLUMES.includes(String(name)));
  mapsIn(spec, 'containers').forEach(({ name: container }, index) => {
    if (container === CONTAINER) return;
    take(['spec', 'containers', index, 'volumeMounts'], mountsName(container), (name) =>
      VOLUMES.includes(String(name)),
    );
  });
  take(['metadata', 'annotations'], 'annotations', (name) => name === MARK);
  return kept;
}

/** How the empty `volumeMounts` of a container are remembered. */
export function mountsName(container: unknown): string {
  return `volumeMounts of ${container}`;
}

/** The splices, once it is certain that they change nothing else. */
function checked(page: Page, cuts: Cuts, kept: readonly Path[]): Splice[] {
  const splices = cuts.splices();
  cuts.apply();
  const { span } = page;
  const text = spliced(page.text, splices);
  const after = readPage(text, { start: 0, end: text.length, marker: undefined });
  for (const at of kept) {
    const { pair, node } = reach(after.root, at, after.anchors);
    // A key without a value, and not an empty list.
    if (pair && isScalar(node)) page.document.setIn(at, null);
  }
  if (!isDeepStrictEqual(after.value, plainValue(page.document)))
    throw new Refusal(0, 'is written in a way that cannot be changed here: take the sidecar out by hand');
  return splices.map((one) => ({ ...one, start: one.start + span.start, end: one.end + span.start }));
}

/** Whole documents, each with the line `---` that came with it. */
function documentCuts(
  text: string,
  spans: readonly DocumentSpan[],
  gone: ReadonlyMap<DocumentSpan, Page>,
): Splice[] {
  const splices: Splice[] = [];
  for (let index = 0; index < spans.length; index++) {
    const span = spans[index];
    const page = span && gone.get(span);
    if (span === undefined || page === undefined) continue;
    let last = index;
    while (last + 1 < spans.length && gone.has(spans[last + 1] as DocumentSpan)) last++;
    const next = spans[last + 1];
    const start = span.marker ?? span.start + contentStart(page);
    const marker = next?.marker;
    const end =
      marker === undefined
        ? (spans[last]?.end ?? start)
        : span.marker === undefined
          ? nextLine(text, marker)
          : marker;
    splices.push({ start, end, text: '' });
    index = last;
  }
  return splices;
}

/** The line on which the first key stands, without a byte order mark. */
function contentStart({ text, root }: Page): number {
  const line = lineStart(text, offsetAt(root, []));
  return line === 0 && text.startsWith('\uFEFF') ? 1 : line;
}
