import type { TracingConfig } from './config.ts';
import type { Parsed } from './schema/config-schema.ts';
import { isHeader, readHeaders } from './text/headers-file.ts';
import { parseCollector, tracesUrl } from './values/collector.ts';

type Environment = Readonly<Record<string, string | undefined>>;

interface TracingResult {
  /** `undefined`: no spans are made. */
  tracing: TracingConfig | undefined;
  warnings: string[];
}

/** The samplers of the specification, and whether they leave the decision to a parent. */
const SAMPLERS: Record<string, { followsParent: boolean; sample: 0 | 1 | 'argument' }> = {
  always_on: { followsParent: false, sample: 1 },
  always_off: { followsParent: false, sample: 0 },
  traceidratio: { followsParent: false, sample: 'argument' },
  parentbased_always_on: { followsParent: true, sample: 1 },
  parentbased_always_off: { followsParent: true, sample: 0 },
  parentbased_traceidratio: { followsParent: true, sample: 'argument' },
};

/** gRPC has this port, HTTP 4318. */
const GRPC_PORT = '4317';

/**
 * Where spans go, from the file and from the standard variables of OpenTelemetry, which override it. What a variable says wrongly is
 * a warning, and is ignored, as the specification demands: variables are often set for all containers together.
 *
 * @param problem reports what is wrong in the file
 */
export function completeTracing(
  parsed: Parsed['tracing'],
  env: Environment,
  problem: (key: 'headersFile', words: string) => void,
): TracingResult {
  const warnings: string[] = [];
  const url = isOff(env) ? undefined : urlOf(parsed, env, warnings);
  const file = parsed?.headersFile;
  const inFile = file === undefined ? undefined : readHeaders(file);
  for (const words of inFile?.problems ?? []) problem('headersFile', words);
  if (url === undefined) {
    if (parsed?.endpoint === undefined && parsed?.parentFrame === undefined && parsed !== undefined)
      warnings.push('tracing: no spans are sent, because there is no endpoint');
    return { tracing: undefined, warnings };
  }
  if (inFile?.warning !== undefined) warnings.push(inFile.warning);
  if (url.port === GRPC_PORT)
    warnings.push(`tracing: ${url.host} is usually for gRPC; OTLP over HTTP is usually on port 4318`);
  const { 'service.name': name, ...attributes } = pairsIn('OTEL_RESOURCE_ATTRIBUTES', env, warnings);
  const headers = {
    ...inFile?.headers,
    ...headersIn('OTEL_EXPORTER_OTLP_HEADERS', env, warnings),
    ...headersIn('OTEL_EXPORTER_OTLP_TRACES_HEADERS', env, warnings),
  };
  const serviceName = env['OTEL_SERVICE_NAME'] || name || 'lazypirate';
  const resource = { ...attributes, 'service.name': serviceName };
  return { tracing: { url: url.href, headers, resource, ...samplingOf(parsed, env, warnings) }, warnings };
}

function isOff(env: Environment): boolean {
  return isTrue(env['OTEL_SDK_DISABLED']) || env['OTEL_TRACES_EXPORTER'] === 'none';
}

function isTrue(text = ''): boolean {
  return text.trim().toLowerCase() === 'true';
}

function urlOf(parsed: Parsed['tracing'], env: Environment, warnings: string[]): URL | undefined {
  const [own, shared] = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'];
  const base = parsed?.endpoint === undefined ? undefined : tracesUrl(parsed.endpoint);
  const spoken = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] || env['OTEL_EXPORTER_OTLP_PROTOCOL'];
  if (spoken === 'grpc') {
    const isGiven = Boolean(env[own] || env[shared]);
    if (isGiven || base !== undefined)
      warnings.push(
        `tracing: OTEL_EXPORTER_OTLP_PROTOCOL is grpc, but spans can only be sent over HTTP${isGiven ? '; the endpoint in the environment is ignored' : ''}`,
      );
    return base;
  }
  for (const variable of [own, shared]) {
    const text = env[variable];
    if (!text) continue;
    try {
      const url = parseCollector(text.trim());
      // By the specification the one for traces is the whole URL, and the other one is a base.
      return variable === own ? new URL(url) : tracesUrl(url);
    } catch (error) {
      warnings.push(`${variable} ${error instanceof Error ? error.message : ''}; it is ignored`);
    }
  }
  return base;
}

function samplingOf(
  parsed: Parsed['tracing'],
  env: Environment,
  warnings: string[],
): Pick<TracingConfig, 'sample' | 'followsParent'> {
  const inFile = { followsParent: true, sample: parsed?.sample ?? 1 };
  const name = env['OTEL_TRACES_SAMPLER'];
  if (!name) return inFile;
  const sampler = SAMPLERS[name];
  if (sampler === undefined) {
    warnings.push(`OTEL_TRACES_SAMPLER: ${name} is not supported; it is ignored`);
    return inFile;
  }
  const { followsParent, sample } = sampler;
  if (sample !== 'argument') return { followsParent, sample };
  const argument = env['OTEL_TRACES_SAMPLER_ARG'] || '1';
  const share = Number(argument);
  if (share >= 0 && share <= 1) return { followsParent, sample: share };
  warnings.push('OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1; 1 is used');
  return { followsParent, sample: 1 };
}

/** Reads `key=value,key=value` with percent-encoded values. The values may be secrets: no warning shows one. */
function pairsIn(variable: string, env: Environment, warnings: string[]): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const [index, pair] of (env[variable] ?? '').split(',').entries()) {
    if (pair.trim() === '') continue;
    const [, key = '', value = ''] = /^\s*([^=\s]+)\s*=(.*)$/s.exec(pair) ?? [];
    try {
      if (key === '') throw new Error('no key');
      pairs[decodeURIComponent(key)] = decodeURIComponent(value.trim());
    } catch {
      warnings.push(`${variable}: entry ${index + 1} is not key=value; it is ignored`);
    }
  }
  return pairs;
}

function headersIn(variable: string, env: Environment, warnings: string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(pairsIn(variable, env, warnings))) {
    if (isHeader(name, value)) headers[name.toLowerCase()] = value;
    else warnings.push(`${variable}: an entry is not a valid HTTP header; it is ignored`);
  }
  return headers;
}
