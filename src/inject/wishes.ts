import { nearest } from '../config/text/spelling.ts';
import { type Cause, Refusal } from './cannot.ts';
import type { Page } from './document-page.ts';
import { offsetAt } from './nodes.ts';
import type { Workload } from './workload.ts';

/* What is asked for, by annotations of the pods and by flags. An annotation wins. */

const PREFIX = 'lazypirate/';
/** Marks pods that have the sidecar, with the version that put it there. */
export const MARK = `${PREFIX}injected`;
/** What can be asked for by a flag too. */
const KEYS = ['upstream', 'listen', 'route', 'config', 'image'] as const;
/** Says of a configuration that cannot be seen that no route of it discovers: then there is no token. */
const DISCOVERY = `${PREFIX}discovery`;
/** What people write. */
const WRITTEN: readonly string[] = [...KEYS.map((key) => `${PREFIX}${key}`), DISCOVERY];
type Key = (typeof KEYS)[number];

export function deniesDiscovery({ annotations }: Workload): boolean {
  return annotations[DISCOVERY] === 'disabled';
}

/** A value, and the annotation or flag that it comes from. */
export interface Wish {
  value: string;
  from: string;
}

export type Wishes = { [K in Key]?: Wish };
export type WishFlags = { [K in Key]?: string | undefined };

/** Whether flags alone ask for a sidecar. */
export function asksForAll({ upstream, config }: WishFlags): boolean {
  return upstream !== undefined || config !== undefined;
}

/**
 * @param flags those that are for this workload
 * @returns `undefined` if nothing asks for a sidecar
 */
export function wishesOf({ annotations }: Workload, flags: WishFlags): Wishes | undefined {
  const own = fromAnnotations(annotations);
  const given = (key: Key): Wishes => {
    const value = flags[key];
    return value === undefined ? {} : { [key]: { value, from: `--${key}` } };
  };
  const image = own.image ? {} : given('image');
  if (own.config !== undefined) return { ...image, ...own };
  const isAsked = Object.keys(own).length > 0 || asksForAll(flags);
  if (!isAsked) return undefined;
  if (own.upstream === undefined && flags.config !== undefined)
    return { ...given('config'), ...image, ...own };
  return { ...given('upstream'), ...given('listen'), ...given('route'), ...image, ...own };
}

function fromAnnotations(annotations: Workload['annotations']): Wishes {
  const found = KEYS.flatMap((key) => {
    const value = annotations[`${PREFIX}${key}`];
    return value === undefined || value === null
      ? []
      : [[key, { value: String(value), from: `${PREFIX}${key}` }]];
  });
  return Object.fromEntries(found);
}

/** What is wrong with how something is asked for. */
export function wrongWishes(page: Page, workload: Workload, wishes: Wishes | undefined): Refusal[] {
  return [...wrongAnnotations(page, workload), ...(wishes ? wrongTogether(page, workload, wishes) : [])];
}

function wrongAnnotations({ root }: Page, workload: Workload): Refusal[] {
  const { annotations, ownAnnotations, path, podPath, kind } = workload;
  const misplaced = Object.keys(ownAnnotations).filter((key) => KEYS.some((one) => key === PREFIX + one));
  const template = [...podPath.slice(path.length), 'metadata', 'annotations'].join('.');
  const isKnown = (key: string) => WRITTEN.includes(key) || key === MARK;
  const wrong = Object.keys(annotations).filter((key) => key.startsWith(PREFIX) && !isKnown(key));
  const notText = KEYS.filter((key) => !['string', 'undefined'].includes(typeof annotations[PREFIX + key]));
  const at = (key: string) => offsetAt(root, [...podPath, 'metadata', 'annotations', key]);
  return [
    ...misplaced.map(
      (key) =>
        new Refusal(
          offsetAt(root, [...path, 'metadata', 'annotations', key]),
          `${key} is an annotation of the ${kind}, but must be one of its pods: put it below ${template}`,
        ),
    ),
    ...wrong.map((key) => new Refusal(at(key), unknownWords(key))),
    ...notText.map(
      (key) => new Refusal(at(PREFIX + key), `${PREFIX}${key} must be a text: put quotes around it`),
    ),
    ...(['disabled', 'enabled', undefined].includes(annotations[DISCOVERY] as string | undefined)
      ? []
      : [new Refusal(at(DISCOVERY), `${DISCOVERY} must be disabled or enabled`)]),
  ];
}

function unknownWords(key: string): string {
  const near = nearest(WRITTEN, key);
  const hint = near === undefined ? `there are ${WRITTEN.join(', ')}` : `did you mean ${near}?`;
  return `${key} is not a known annotation; ${hint}`;
}

function wrongTogether({ root }: Page, workload: Workload, wishes: Wishes): Refusal[] {
  const { upstream, config, image } = wishes;
  const refuse = (wish: Wish | undefined, words: string) =>
    new Refusal(offsetOfWish(root, workload, wish), words);
  const beside = [wishes.upstream, wishes.listen, wishes.route].filter((wish) => wish !== undefined);
  const besideWords = beside.map(({ from }) => from).join(' and ');
  return [
    ...(config && beside.length > 0
      ? [
          refuse(
            [config, ...beside].find(isAnnotation),
            `${config.from} is a whole configuration: remove ${besideWords}, or ${config.from}`,
          ),
        ]
      : []),
    ...(config && !CONFIG_MAP.test(config.value)
      ? [
          new Refusal(
            causeOf(root, workload, config),
            `${config.from}: ${JSON.stringify(config.value)} is not the name of a ConfigMap`,
          ),
        ]
      : []),
    ...(config || upstream
      ? []
      : [
          refuse(
            Object.values(wishes).find(isAnnotation),
            `nothing says where requests go: add the annotation ${PREFIX}upstream or ${PREFIX}config`,
          ),
        ]),
    ...(image
      ? imageProblem(image.value).map(
          (words) => new Refusal(causeOf(root, workload, image), `${image.from}: ${words}`),
        )
      : [
          refuse(
            undefined,
            'no image is named, and none is published: build the Dockerfile, push the image, and name it with --image or the annotation lazypirate/image',
          ),
        ]),
  ];
}

function isAnnotation({ from }: Wish): boolean {
  return from.startsWith(PREFIX);
}

/** The cause if a wish is wrong by itself. */
export function causeOf(root: Page['root'], workload: Workload, wish: Wish | undefined): Cause {
  if (wish !== undefined && !isAnnotation(wish)) return { kind: 'flag' };
  return { kind: 'text', offset: offsetOfWish(root, workload, wish) };
}

/** Where a wish is written; for a flag, where the object is. */
export function offsetOfWish(
  root: Page['root'],
  { path, podPath }: Workload,
  wish: Wish | undefined,
): number {
  const isOwn = wish !== undefined && isAnnotation(wish);
  return offsetAt(root, isOwn ? [...podPath, 'metadata', 'annotations', wish.from] : [...path, 'kind']);
}

const CONFIG_MAP = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/;
const IMAGE =
  /^(?:[A-Za-z0-9.-]+(?::[0-9]+)?\/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/;

function imageProblem(image: string): string[] {
  if (image.length <= 1_000 && IMAGE.test(image)) return [];
  return [
    `${JSON.stringify(image.slice(0, 100))} is not an image: write registry.example.com/lazypirate:0.1.0`,
  ];
}

/** The annotation by which an object asks for a sidecar that has no pods of a kind that is known here. */
export function askingInVain(object: Record<string, unknown>): string | undefined {
  const look = (value: unknown, depth: number): string | undefined => {
    if (typeof value !== 'object' || value === null || depth > 12) return undefined;
    for (const [key, one] of Object.entries(value)) {
      const names = key === 'annotations' && typeof one === 'object' && one !== null ? Object.keys(one) : [];
      const found = names.find((name) => name.startsWith(PREFIX) && name !== MARK) ?? look(one, depth + 1);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return look(object, 0);
}
