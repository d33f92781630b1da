import { ConfigError } from '../../errors.ts';
import { parseArguments } from './arguments.ts';

/** Configuration flags as given on the command line. */
export interface ConfigFlags {
  config?: string | undefined;
  listen?: string | undefined;
  upstream?: string | undefined;
  timeout?: string | undefined;
  attempts?: string | undefined;
  adminListen?: string | undefined;
  adminInspect?: string | undefined;
  logLevel?: string | undefined;
}

/** The settings that work without a file. Each has a flag, a variable and a place in the configuration. */
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
  {
    flag: 'admin-inspect',
    variable: 'LAZYPIRATE_ADMIN_INSPECT',
    key: 'adminInspect',
    path: ['admin', 'inspect'],
  },
  { flag: 'log-level', variable: 'LAZYPIRATE_LOG_LEVEL', key: 'logLevel', path: ['log', 'level'] },
] as const;

export const CONFIG_FLAGS_HELP = `Options, each with its environment variable and default:
  -c, --config FILE     YAML file (LAZYPIRATE_CONFIG)
      --listen A        address the app connects to (LAZYPIRATE_LISTEN, tcp://127.0.0.1:5555)
      --upstream A,...  addresses of servers, separated by commas (LAZYPIRATE_UPSTREAM); or service/NAME:PORT or
                        service/NAMESPACE/NAME:PORT in Kubernetes; or dns/NAME:PORT
      --timeout D       how long to wait for each attempt: 250ms, 2.5s (LAZYPIRATE_TIMEOUT, 2500ms)
      --attempts N      how often to send a request at most (LAZYPIRATE_ATTEMPTS, 3)
      --admin-listen A  address of health and metrics (LAZYPIRATE_ADMIN_LISTEN, 127.0.0.1:9555; [::]:9555 in a pod)
      --admin-inspect A address of status and everything else, or off (LAZYPIRATE_ADMIN_INSPECT, 127.0.0.1:9556)
      --log-level L     trace, debug, info, warn, error, fatal or silent (LAZYPIRATE_LOG_LEVEL, info)

Flags override variables, and variables override the file. Without a file there is one route. --listen, --upstream, --timeout
and --attempts work only where there is one route.
`;

const text = { type: 'string' } as const;

/** For `parseArguments`, beside a command's own options. */
export const CONFIG_OPTIONS = {
  config: { type: 'string', short: 'c' },
  listen: text,
  upstream: text,
  timeout: text,
  attempts: text,
  'admin-listen': text,
  'admin-inspect': text,
  'log-level': text,
} as const;

/** @throws {ConfigError} for a flag that does not exist or lacks its value */
export function parseConfigFlags(command: string, args: string[]): ConfigFlags {
  return configFlagsOf(parseArguments(command, { args, options: CONFIG_OPTIONS }).values);
}

/** @throws {ConfigError} */
export function configFlagsOf(values: { [K in keyof typeof CONFIG_OPTIONS]?: string }): ConfigFlags {
  const { config, listen, upstream, timeout, attempts } = values;
  if (config === '') throw new ConfigError(['--config needs the name of a file']);
  const flags = { config, listen, upstream, timeout, attempts };
  const { 'admin-listen': adminListen, 'admin-inspect': adminInspect, 'log-level': logLevel } = values;
  return { ...flags, adminListen, adminInspect, logLevel };
}

/** Where a configuration comes from. */
export interface ConfigSources {
  env: Readonly<Record<string, string | undefined>>;
  flags: ConfigFlags;
  /** YAML in place of the file that `flags` or `env` names. */
  text?: string;
}

/** The file that is read, if there is one. */
export function fileOf({ env, flags }: ConfigSources): string | undefined {
  return flags.config ?? (env['LAZYPIRATE_CONFIG'] || undefined);
}
