import { isDeepStrictEqual } from 'node:util';
import { ConfigError } from '../errors.ts';
import { version } from '../version.ts';
import { type Addition, isEmptyAt, splicesFor } from './additions.ts';
import { asksIn, nameBeside } from './beside.ts';
import { Refusal } from './cannot.ts';
import { type Page, readPage } from './document-page.ts';
import { offsetAt } from './nodes.ts';
import { configFromText, configFromWishes, configUnseen, type PodConfig } from './pod-config.ts';
import { configMisfits, graceMsOf, type Misfit, podMisfits } from './pod-fit.ts';
import { runMount, sidecarContainer, sidecarVolumes } from './sidecar-parts.ts';
import { type Splice, spliced } from './splice.ts';
import { mountsName } from './strip.ts';
import {
  causeOf,
  deniesDiscovery,
  MARK,
  offsetOfWish,
  type Wish,
  type Wishes,
  wrongWishes,
} from './wishes.ts';
import { isMap, mapsIn, type Workload } from './workload.ts';

/** The text in a ConfigMap of the input: `undefined` if there is no such object, `null` if it has no such key. */
export type ConfigMaps = (namespace: string | undefined, name: string) => string | null | undefined;

/**
 * The configuration that is asked for, if the pod can have it.
 *
 * @throws {Refused} with everything that is wrong
 */
export function plan(
  page: Page,
  workload: Workload,
  wishes: Wishes,
  isNative: boolean,
  maps: ConfigMaps,
): PodConfig {
  const refusal = ({ at, words }: Misfit) =>
    new Refusal(
      offsetAt(page.root, at.length === 0 ? [...workload.path, 'kind'] : [...workload.podPath, ...at]),
      words,
    );
  const wrong = [...wrongWishes(page, workload, wishes), ...podMisfits(workload, isNative).map(refusal)];
  if (wrong.length > 0) throw new Refused(wrong);
  const config = configOf(page, workload, wishes, maps);
  const misfits = [...configMisfits(workload, config), ...subjectMisfits(workload, config)];
  if (misfits.length > 0) throw new Refused(misfits.map(refusal));
  return config;
}

export class Refused extends Error {
  readonly refusals: readonly Refusal[];

  constructor(refusals: readonly Refusal[]) {
    super(refusals.map(({ message }) => message).join('\n'));
    this.refusals = refusals;
  }
}

function configOf(page: Page, workload: Workload, wishes: Wishes, maps: ConfigMaps): PodConfig {
  const { config } = wishes;
  const refuse = (wish: Wish, words: string) => new Refusal(offsetOfWish(page.root, workload, wish), words);
  const problems = (error: unknown, wordsOf: (line: string) => Refusal): never => {
    if (error instanceof ConfigError) throw new Refused(error.lines.map(wordsOf));
    throw error;
  };
  if (config === undefined) {
    try {
      return configFromWishes(nameBeside(workload.name), wishes, graceMsOf(workload));
    } catch (error) {
      return problems(error, (line) => {
        const wish = Object.values(wishes).find(({ from }) => line.startsWith(`${from}: `));
        return new Refusal(causeOf(page.root, workload, wish), line);
      });
    }
  }
  const name = config.value;
  const text = maps(workload.namespace, name);
  if (text === undefined) return configUnseen(name, !deniesDiscovery(workload));
  if (text === null) throw new Refused([refuse(config, `ConfigMap ${name} has no key config.yaml`)]);
  try {
    return configFromText(name, text);
  } catch (error) {
    return problems(error, (line) => refuse(config, `ConfigMap ${name}: ${line}`));
  }
}

/** A RoleBinding elsewhere has to say in which namespace the service account is. */
function subjectMisfits({ namespace }: Workload, config: PodConfig): Misfit[] {
  const other = asksIn(config).find((one) => one.namespace !== undefined)?.namespace;
  if (namespace !== undefined || other === undefined) return [];
  const words = `asks in the namespace ${other}, where a RoleBinding must name the namespace of the pods: write metadata.namespace`;
  return [{ at: [], words }];
}

/** Everything that is put into the pod. */
export function additionsFor(
  page: Page,
  workload: Workload,
  image: string,
  isNative: boolean,
  config: PodConfig,
): Addition[] {
  const { podPath, spec } = workload;
  const mounts = config.hasSocket
    ? mapsIn(spec, 'containers').map((container, index) => ({
        at: [...podPath, 'spec', 'containers', index, 'volumeMounts'],
        value: [runMount()],
        name: mountsName(container['name']),
      }))
    : [];
  const volumes = { at: [...podPath, 'spec', 'volumes'], value: sidecarVolumes(config), name: 'volumes' };
  const key = isNative ? 'initContainers' : 'containers';
  const container = {
    at: [...podPath, 'spec', key],
    value: [sidecarContainer({ image, isNative, config })],
    name: key,
    // The first ordinary container is the one that kubectl takes if none is named.
    isLast: !isNative,
  };
  const annotations = [...podPath, 'metadata', 'annotations'];
  const empty = [
    ...[...mounts, volumes, container].flatMap(({ at, name }) => (isEmptyAt(page, at) ? [name] : [])),
    ...['annotations', 'metadata'].filter((name) =>
      isEmptyAt(page, name === 'metadata' ? annotations.slice(0, -1) : annotations),
    ),
  ];
  const mark = empty.length === 0 ? version : `${version}; were empty: ${empty.join(', ')}`;
  return [{ at: annotations, value: { [MARK]: mark } }, ...mounts, container, volumes];
}

/**
 * The changes of the text, and what the document means with them.
 *
 * @throws {Refusal} if that changes anything else
 */
export function changesOf(page: Page, additions: readonly Addition[]): { splices: Splice[]; value: unknown } {
  const splices = additions.flatMap((one) => splicesFor(page, one));
  const text = spliced(page.text, splices);
  const value = structuredClone(page.value);
  for (const one of additions) apply(value, one);
  if (!isDeepStrictEqual(readAgain(text), value))
    throw new Refusal(
      0,
      'is written in a way that cannot be changed here: write the pod in the usual block style',
    );
  return { splices, value };
}

function readAgain(text: string): unknown {
  try {
    return readPage(text, { start: 0, end: text.length, marker: undefined }).value;
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

function apply(root: unknown, { at, value, isLast = false }: Addition): void {
  let parent = root as Record<string | number, unknown>;
  for (const part of at.slice(0, -1)) {
    parent[part] ??= {};
    parent = parent[part] as typeof parent;
  }
  const last = at.at(-1) ?? '';
  const there = parent[last];
  const items = Array.isArray(there) ? there : [];
  if (Array.isArray(value)) parent[last] = isLast ? [...items, ...value] : [...value, ...items];
  else parent[last] = { ...(isMap(there) ? there : {}), ...(value as Record<string, unknown>) };
}
