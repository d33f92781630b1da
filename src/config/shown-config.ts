import { createRequire } from 'node:module';
import { hostPort } from '../tcp-address.ts';
import type { Config, HostPort } from './config.ts';
import type { Parsed } from './schema/config-schema.ts';
import { pathText } from './text/problems.ts';
import { type Path, type WrittenConfig, writeYaml } from './text/yaml.ts';
import { tracesUrl } from './values/collector.ts';

/** A value as people write it. */
type Shown = string | number | boolean | null | readonly Shown[] | { readonly [key: string]: Shown };

const HASH_DIGITS = 12;
const DEFAULT = 'default';

/**
 * A configuration as people would write it, with every default filled in. Key files are named, and never shown. A duration is a number of
 * ms, a size a number of bytes.
 */
export class ShownConfig {
  /** The file that was read, if there was one. */
  readonly file: string | undefined;
  readonly values: Shown;
  /** Where the values that are not defaults came from, by path: `FILE:LINE:COLUMN`, a variable, or a flag. */
  readonly #places: ReadonlyMap<string, string>;
  #hash: string | undefined;

  constructor(
    file: string | undefined,
    parsed: Parsed,
    config: Omit<Config, 'shown'>,
    written: WrittenConfig,
  ) {
    this.file = file;
    this.values = plain(filledIn(parsed, config));
    this.#places = new Map([...placesOf(written), ...variablesOf(parsed, config)]);
  }

  /** Equal for configurations that mean the same, wherever they came from. What is in a key file does not count. */
  get hash(): string {
    this.#hash ??= hashOf(this.values);
    return this.#hash;
  }

  /** Where each value came from, by its path. */
  origins(): Record<string, string> {
    const paths = leavesOf(this.values).map(pathText);
    return Object.fromEntries(paths.map((path) => [path, this.#places.get(path) ?? DEFAULT]));
  }

  /** A configuration that means the same. Comments say where the values came from that are not defaults. */
  yaml(): string {
    const placed = leavesOf(this.values).flatMap((path) => {
      const place = this.#places.get(pathText(path));
      return place === undefined ? [] : [{ path, comment: place }];
    });
    return writeYaml(this.values, placed);
  }
}

/** With the defaults that depend on other keys. */
function filledIn(
  parsed: Parsed,
  { routes: completed, tracing: traced }: Pick<Config, 'routes' | 'tracing'>,
) {
  const { admin, tracing, routes } = parsed;
  return {
    ...parsed,
    admin: { ...admin, listen: addressOf(admin.listen), inspect: addressOf(admin.inspect) },
    // Variables may have switched it on or off.
    tracing: (traced ?? tracing) && { ...tracing, endpoint: traced?.url, sample: traced?.sample },
    routes: routes.map((route, index) => {
      const { transport, requests } = completed[index] ?? {};
      return { ...route, transport, deadline: requests?.retry.deadlineMs, wait: requests?.retry.waitMs };
    }),
  };
}

function addressOf(given: HostPort | 'off'): string {
  return given === 'off' ? given : hostPort(given.host, given.port);
}

/** Without what is not set, and without secrets. */
function plain(value: unknown): Shown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, one]) => one !== undefined);
    return Object.fromEntries(entries.map(([key, one]) => [key, plain(one)]));
  }
  // A URL may have a password, or a key in its query.
  if (typeof value === 'string')
    return value.replace(/(:\/\/)[^/@\s]+@/, '$1...@').replace(/^(https?:[^?]*\?).+$/i, '$1...');
  return typeof value === 'number' || typeof value === 'boolean' ? value : null;
}

/** What the variables of OpenTelemetry have set. */
function variablesOf({ tracing }: Parsed, { tracing: traced }: Pick<Config, 'tracing'>): [string, string][] {
  if (traced === undefined) return [];
  const url = tracing?.endpoint === undefined ? undefined : tracesUrl(tracing.endpoint).href;
  const set = { endpoint: traced.url !== url, sample: traced.sample !== (tracing?.sample ?? traced.sample) };
  return Object.entries(set).flatMap(([key, isSet]): [string, string][] =>
    isSet ? [[`tracing.${key}`, 'OTEL_...']] : [],
  );
}

function placesOf({ value, place }: WrittenConfig): Map<string, string> {
  const places = new Map<string, string>();
  for (const path of leavesOf(value)) {
    const at = place(path);
    if (at !== undefined) places.set(pathText(path), at);
  }
  return places;
}

/** The path of every value that is no object. A list of plain values is one. */
function leavesOf(value: unknown, path: Path = []): Path[] {
  const isList = Array.isArray(value);
  const isLeaf = typeof value !== 'object' || value === null || (isList && typeof value[0] !== 'object');
  if (isLeaf) return [path];
  return Object.entries(value).flatMap(([key, one]) => leavesOf(one, [...path, isList ? Number(key) : key]));
}

function hashOf(values: Shown): string {
  // Loaded only when needed: it takes a tenth of the start-up time.
  const crypto = createRequire(import.meta.url)('node:crypto') as typeof import('node:crypto');
  return crypto
    .createHash('sha256')
    .update(JSON.stringify(values, inOrder))
    .digest('hex')
    .slice(0, HASH_DIGITS);
}

/** The order of keys has no meaning. For `JSON.stringify`. */
function inOrder(_key: string, value: Shown): Shown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}
