import { type Metric, type OpenMetricsContentType, Registry } from 'prom-client';

/** How metrics may be written down. Both formats have the same series; only OpenMetrics has exemplars. */
export const CONTENT_TYPES = {
  prometheus: Registry.PROMETHEUS_CONTENT_TYPE,
  openMetrics: Registry.OPENMETRICS_CONTENT_TYPE,
} as const;

export type Format = keyof typeof CONTENT_TYPES;

/** One entry of an Accept header. */
interface MediaRange {
  type: string;
  version: string | undefined;
  quality: number;
}

/**
 * The format that a scrape wants. Whoever does not ask for OpenMetrics by name gets the text format of Prometheus.
 *
 * @param accept an Accept header
 */
export function formatFor(accept: string): Format {
  const ranges = accept.toLowerCase().split(',').map(mediaRange);
  const openMetrics = qualityOf(ranges, 'application/openmetrics-text', '1.0.0') ?? 0;
  // The most specific entry counts (RFC 9110, section 12.5.1).
  const text =
    qualityOf(ranges, 'text/plain', '0.0.4') ?? qualityOf(ranges, 'text/*') ?? qualityOf(ranges, '*/*') ?? 0;
  return openMetrics > 0 && openMetrics >= text ? 'openMetrics' : 'prometheus';
}

function mediaRange(entry: string): MediaRange {
  const [type = '', ...parameters] = entry.split(';').map((part) => part.trim());
  const given = (name: string) =>
    parameters
      .find((one) => one.startsWith(`${name}=`))
      ?.slice(name.length + 1)
      .replaceAll('"', '');
  return { type, version: given('version'), quality: Number(given('q') ?? 1) || 0 };
}

/** `undefined`: no entry names it, in this version or without one. */
function qualityOf(ranges: readonly MediaRange[], type: string, version?: string): number | undefined {
  const found = ranges.filter((one) => one.type === type && [undefined, version].includes(one.version));
  return found.length === 0 ? undefined : Math.max(...found.map(({ quality }) => quality));
}

/**
 * The metrics of a registry in the OpenMetrics format. They are put into a registry of their own for that: if prom-client changes the
 * format of a registry, it renames the counters for good, so that they would lose `_total` in the text format.
 */
export async function openMetricsOf(registry: Registry): Promise<string> {
  const open = new Registry<OpenMetricsContentType>();
  open.setContentType(CONTENT_TYPES.openMetrics);
  for (const metric of await registry.getMetricsAsJSON()) {
    // The declared type is a number, which is wrong. prom-client writes `_total` behind the name of each series of a counter.
    const isCounter = String(metric.type) === 'counter';
    const name = isCounter ? metric.name.replace(/_total$/, '') : metric.name;
    // The registry needs only `name` and `get` of a metric, but its type asks for more.
    open.registerMetric({ name, get: () => ({ ...metric, name }) } as unknown as Metric);
  }
  return await open.metrics();
}
