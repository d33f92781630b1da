import { z } from 'zod';
import { jsonSchema } from '../src/config/schema/config-schema.ts';
import { forGo } from './rules.ts';

/*
 * What the values of the charts may be. Their defaults, and what they mean, stand in each values.yaml.
 */

type Json = Record<string, unknown>;

const text = z.string();
const count = z.int().min(0);
/** Part of an object of the Kubernetes API, which checks it. */
const fragment = z.record(text, z.unknown());
const fragments = z.array(fragment);
/** Labels or annotations. */
const marks = z.record(text, text);
const labels = z.record(text, text.max(63).regex(/^(([A-Za-z0-9][A-Za-z0-9_.-]*)?[A-Za-z0-9])?$/));
const ratio = z.number().min(0);
const share = ratio.max(1);
/** `registry.example.com:5000/team/name`, without a tag; or nothing. */
const IMAGE_NAME =
  /^(([A-Za-z0-9.-]+(:[0-9]+)?\/)?[a-z0-9]+([._-]+[a-z0-9]+)*(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*)?$/;

const library = z.strictObject({
  config: fragment,
  image: z.strictObject({
    repository: text.regex(IMAGE_NAME),
    tag: text.regex(/^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$/),
    digest: text.regex(/^(sha256:[0-9a-f]{64})?$/),
    pullPolicy: z.enum(['IfNotPresent', 'Always', 'Never']),
  }),
  native: z.boolean(),
  resources: fragment,
  extraEnv: fragments,
  extraVolumes: fragments,
  extraVolumeMounts: fragments,
  securityContext: fragment,
  serviceAccountName: text,
  terminationGracePeriodSeconds: count,
  rbac: z.strictObject({ create: z.boolean() }),
  selectorLabels: labels,
  labels,
  annotations: marks,
  test: z.strictObject({ labels, annotations: marks, pod: fragment }),
  networkPolicy: z.strictObject({
    enabled: z.boolean(),
    admin: fragments,
    ingress: fragments.nullish(),
    egress: fragments,
  }),
  podMonitor: z.strictObject({
    enabled: z.boolean(),
    interval: text.regex(/^([0-9]+(ms|[smhdwy]))+$/),
    labels,
  }),
  alerts: z.strictObject({
    enabled: z.boolean(),
    labels,
    alertLabels: marks,
    disabled: z.array(text),
    runbook: text.regex(/^(https?:\/\/.+)?$/),
    failureRatio: share,
    clientGoneRatio: share,
    attemptFailureRatio: share,
    retryRatio: ratio,
    p99Seconds: ratio,
    discoveryAgeSeconds: ratio,
    eventLoopLagSeconds: ratio,
    descriptorRatio: share,
  }),
  dashboard: z.strictObject({ enabled: z.boolean(), labels }),
});

const demo = z.strictObject({
  app: z.strictObject({ replicas: count, requestsPerSecond: z.number().positive(), resources: fragment }),
  upstream: z.strictObject({ replicas: count, delay: text, resources: fragment }),
  imagePullSecrets: fragments,
  podLabels: labels,
  podAnnotations: marks,
  networkPolicy: z.strictObject({ enabled: z.boolean() }),
});

/** Of the chart `lazypirate`, with the configuration that the sidecar takes. */
export function librarySchema(): Json {
  const schema = shared(draft7(library), ['global', 'enabled', 'tags']);
  (schema['properties'] as Json)['config'] = forHelm(jsonSchema() as Json, true);
  return schema;
}

/** Of the chart `lazypirate-demo`. The schema of `lazypirate` is checked with that chart. */
export function demoSchema(): Json {
  return shared(draft7(demo), ['global', 'lazypirate']);
}

/** Draft 7, because Helm 3 knows no newer one. */
function draft7(schema: z.ZodType): Json {
  return z.toJSONSchema(schema, { target: 'draft-7' }) as Json;
}

/** Values that Helm and the parent chart put beside those of the chart. */
function shared(schema: Json, keys: readonly string[]): Json {
  Object.assign(schema['properties'] as Json, Object.fromEntries(keys.map((key) => [key, {}])));
  return schema;
}

/**
 * The schema of the configuration as Helm can use it: with regular expressions of Go, and with names that may be templates. Whether
 * there are routes at all is told by the templates, since a library has no routes of its own.
 */
function forHelm(node: unknown, isRoot = false): unknown {
  if (Array.isArray(node)) return node.map((one) => forHelm(one));
  if (typeof node !== 'object' || node === null) return node;
  const { $schema, required, pattern, ...rest } = node as Json;
  return {
    ...Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, forHelm(value)])),
    ...(required !== undefined && !isRoot && { required }),
    ...(typeof pattern === 'string' && { pattern: `(${forGo(pattern)})|[{][{]` }),
  };
}
