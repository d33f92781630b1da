import { ConfigError, messageOf } from '../errors.ts';
import { completeConfig } from './complete-config.ts';
import type { Config } from './config.ts';
import { type Parsed, schema } from './schema/config-schema.ts';
import { ShownConfig } from './shown-config.ts';
import { type ConfigSources, fileOf } from './text/flags.ts';
import {
  applyOverrides,
  isInPod,
  isObject,
  listenForTheCluster,
  misspeltVariables,
} from './text/overrides.ts';
import { problemLine, problemsOf } from './text/problems.ts';
import { readText } from './text/text-file.ts';
import { parseYaml, type WrittenConfig } from './text/yaml.ts';

const ROUTES_MOST = 1_000;

/**
 * Reads, checks and completes the configuration. Precedence: flag, environment, file, default.
 *
 * @throws {ConfigError} with every problem, one per line: `FILE:LINE:COLUMN: PATH: what is wrong`
 */
export function loadConfig(sources: ConfigSources): Config {
  return loadWritten(readSource(sources), sources);
}

/** The same for a file that has been read. */
export function loadWritten(written: WrittenConfig, sources: ConfigSources): Config {
  const parsed = parseConfig(written, sources);
  const config = completeConfig(parsed, written, sources.env);
  const shown = new ShownConfig(fileOf(sources), parsed, config, written);
  return { ...config, warnings: [...misspeltVariables(sources.env), ...config.warnings], shown };
}

/**
 * Checks a configuration, without the files that it names.
 *
 * @throws {ConfigError} with every problem, one per line
 */
export function parseConfig(written: WrittenConfig, sources: ConfigSources): Parsed {
  if (written.value === null || written.value === undefined)
    throw new ConfigError([problemLine(written, [], 'the file is empty')]);
  refuseTooManyRoutes(written);
  const problems = applyOverrides(written, sources);
  if (isInPod(sources.env)) listenForTheCluster(written);
  const result = schema.safeParse(written.value);
  if (!result.success) problems.push(...problemsOf(result.error.issues, written));
  if (problems.length > 0) throw new ConfigError([...new Set(problems)]);
  if (result.data === undefined) throw new ConfigError(['no configuration']);
  return result.data;
}

/** @throws {ConfigError} if the file cannot be read, or is not YAML */
export function readSource(sources: ConfigSources): WrittenConfig {
  const { text } = sources;
  const file = fileOf(sources);
  if (text !== undefined) return parseYaml(text, file ?? 'config');
  if (file === undefined) {
    return {
      value: { routes: [{ name: 'default', listen: 'tcp://127.0.0.1:5555' }] },
      place: () => undefined,
    };
  }
  return parseYaml(textOf(file), file);
}

/** @throws {ConfigError} */
export function textOf(file: string): string {
  try {
    return readText(file).text;
  } catch (error) {
    throw new ConfigError([`${file}: cannot be read: ${messageOf(error)}`], { cause: error });
  }
}

/** Refuses too many routes early: each would be checked, and compared with every other. */
function refuseTooManyRoutes(written: WrittenConfig): void {
  const routes = isObject(written.value) ? written.value['routes'] : undefined;
  if (!Array.isArray(routes) || routes.length <= ROUTES_MOST) return;
  const words = `has ${routes.length} routes, but at most ${ROUTES_MOST} are allowed`;
  throw new ConfigError([problemLine(written, ['routes'], words)]);
}
