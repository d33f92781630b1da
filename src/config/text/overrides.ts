import { ConfigError } from '../../errors.ts';
import { type ConfigFlags, type ConfigSources, fileOf, OVERRIDES } from './flags.ts';
import { nearest } from './spelling.ts';
import type { WrittenConfig } from './yaml.ts';

/** Overrides the file's values with flags and variables, and records those as the place of the values. */
export function applyOverrides(written: WrittenConfig, sources: ConfigSources): string[] {
  const { env, flags, text } = sources;
  const problems: string[] = [];
  for (const { flag, variable, key, path } of OVERRIDES) {
    const given = flags[key] ?? (env[variable] || undefined);
    if (given === undefined) continue;
    const name = flags[key] === undefined ? variable : `--${flag}`;
    const routes = isObject(written.value) ? written.value['routes'] : undefined;
    if (path[0] === 'routes' && Array.isArray(routes) && routes.length > 1) {
      problems.push(
        `${name}: works only with a single route, but the file has ${routes.length}: set it in the file`,
      );
      continue;
    }
    setAt(written, path, overrideValue(key, given.trim()));
    const before = written.place;
    written.place = (at) => (path.every((part, index) => at[index] === part) ? name : before(at));
  }
  const hasFile = text !== undefined || fileOf(sources) !== undefined;
  if (!hasFile && flags.upstream === undefined && !env['LAZYPIRATE_UPSTREAM']) {
    throw new ConfigError([
      ...problems,
      'no upstream: name a file with --config or LAZYPIRATE_CONFIG, or addresses with --upstream or LAZYPIRATE_UPSTREAM',
      ...misspeltVariables(env),
    ]);
  }
  return problems;
}

/** The downward API gives the first where it is asked to, Kubernetes the second to every container. */
export function isInPod(env: ConfigSources['env']): boolean {
  return Boolean(env['POD_NAME'] || env['KUBERNETES_SERVICE_HOST']);
}

/** In a pod probes and Prometheus come from other machines; elsewhere nobody need reach the admin port but from this one. */
export function listenForTheCluster(written: WrittenConfig): void {
  const { value, place } = written;
  if (!isObject(value)) return;
  const { admin = {} } = value;
  if (!isObject(admin) || Array.isArray(admin)) return;
  value['admin'] = admin;
  if (admin['listen'] !== undefined) return;
  admin['listen'] = '[::]:9555';
  written.place = (at) => (at[0] === 'admin' && at[1] === 'listen' ? undefined : place(at));
}

const VARIABLES = ['LAZYPIRATE_CONFIG', 'LAZYPIRATE_ZONE', ...OVERRIDES.map(({ variable }) => variable)];

/** Reports only likely misspellings: for a Service named lazypirate, Kubernetes sets LAZYPIRATE_PORT and more. */
export function misspeltVariables(env: ConfigSources['env']): string[] {
  return Object.keys(env).flatMap((name) => {
    const meant = VARIABLES.includes(name) ? undefined : nearest(VARIABLES, name);
    return meant === undefined ? [] : [`${name} is not a known variable; did you mean ${meant}?`];
  });
}

function overrideValue(key: keyof ConfigFlags, given: string): unknown {
  if (key === 'attempts') return /^\d+$/.test(given) ? Number(given) : given;
  return key === 'upstream' ? upstreamOf(given) : given;
}

/** `service/NAME:PORT`, `service/NAMESPACE/NAME:PORT`, `dns/NAME:PORT`, or addresses separated by commas. */
export function upstreamOf(given: string): Record<string, unknown> {
  const [, kind, namespace, name = '', port = ''] =
    /^(service|dns)\/(?:([^:/]*)\/)?([^:]*):?(.*)$/.exec(given) ?? [];
  const target = { port: /^\d+$/.test(port) ? Number(port) : port };
  if (kind === 'service')
    return { kubernetes: { service: name, ...(namespace !== undefined && { namespace }), ...target } };
  if (kind === 'dns')
    return { dns: { name: namespace === undefined ? name : `${namespace}/${name}`, ...target } };
  return { endpoints: given.split(',').map((one) => one.trim()) };
}

/** Sets a value and creates missing objects above it. If one of those has another type, the schema will refuse it. */
function setAt(written: WrittenConfig, path: readonly (string | number)[], value: unknown): void {
  let at = written.value;
  path.slice(0, -1).forEach((part, index) => {
    if (!isObject(at)) return;
    at[part] ??= typeof path[index + 1] === 'number' ? [] : {};
    at = at[part];
  });
  const last = path.at(-1);
  if (isObject(at) && last !== undefined) at[last] = value;
}

export function isObject(value: unknown): value is Record<string | number, unknown> {
  return typeof value === 'object' && value !== null;
}
