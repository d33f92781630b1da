import { parseArgs } from 'node:util';
import { ConfigError, messageOf } from '../errors.ts';

/** Of the command line, as given. */
export interface ConfigFlags {
  config?: string;
  listen?: string;
  upstream?: string;
  timeout?: string;
  attempts?: string;
  adminListen?: string;
  logLevel?: string;
}

/** The settings that need no file: each has a flag, a variable and a place in the configuration. */
export const OVERRIDES = [
  { flag: 'listen', variable: 'LAZYPIRATE_LISTEN', key: 'listen', path: ['routes', 0, 'listen'] },
  { flag: 'upstream', variable: 'LAZYPIRATE_UPSTREAM', key: 'upstream', path: ['routes', 0, 'upstream'] },
  { flag: 'timeout', variable: 'LAZYPIRATE_TIMEOUT', key: 'timeout', path: ['routes', 0, 'timeout'] },
  { flag: 'attempts', variable: 'LAZYPIRATE_ATTEMPTS', key: 'attempts', path: ['routes', 0, 'attempts'] },
  {
    flag: 'admin-listen',
    variable: 'LAZYPIRATE_ADMIN_LISTEN',
    key: 'adminListen',
    path: ['admin', 'listen'],
  },
  { flag: 'log-level', variable: 'LAZYPIRATE_LOG_LEVEL', key: 'logLevel', path: ['log', 'level'] },
] as const;

export const CONFIG_FLAGS_HELP = `  -c, --config F        YAML file (LAZYPIRATE_CONFIG)
      --listen A        where the app connects to (LAZYPIRATE_LISTEN, tcp://127.0.0.1:5555)
      --upstream A,...  addresses, by commas, or service/NAME:PORT (LAZYPIRATE_UPSTREAM)
      --timeout D       how long an attempt is waited for: 250ms, 2.5s (LAZYPIRATE_TIMEOUT, 2500ms)
      --attempts N      sends in total (LAZYPIRATE_ATTEMPTS, 3)
      --admin-listen A  health, metrics and status (LAZYPIRATE_ADMIN_LISTEN, 0.0.0.0:9555)
      --log-level L     trace, debug, info, warn, error, fatal or silent (LAZYPIRATE_LOG_LEVEL, info)

A flag goes before its variable, a variable before the file. Without a file there is one route; --listen, --upstream, --timeout
and --attempts set the only route there is.
`;

/** @throws {ConfigError} for a flag that does not exist or lacks its value */
export function parseConfigFlags(args: string[]): ConfigFlags {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args,
      options: {
        config: { type: 'string', short: 'c' },
        listen: text,
        upstream: text,
        timeout: text,
        attempts: text,
        'admin-listen': text,
        'log-level': text,
      },
    });
    if (values.config === '') throw new Error('--config is empty, and must name a file');
    const { 'admin-listen': adminListen, 'log-level': logLevel, ...rest } = values;
    return {
      ...rest,
      ...(adminListen !== undefined && { adminListen }),
      ...(logLevel !== undefined && { logLevel }),
    };
  } catch (error) {
    throw new ConfigError([`${messageOf(error).split('. ')[0]}; try --help`], { cause: error });
  }
}
