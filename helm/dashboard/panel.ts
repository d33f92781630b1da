/*
 * What a panel of the dashboard is, and the parts of its queries. Where it stands follows from its place and width; dashboard.ts
 * makes the JSON of it.
 */

export interface Panel {
  title: string;
  /** What it shows and when to worry, for whoever hovers over it. */
  description: string;
  /** Grafana's name of the unit. */
  unit: string;
  /** Queries by legend. */
  queries: Record<string, string>;
  /** `number`: the value now, coloured. Default: lines. */
  look?: 'number' | 'lines' | 'stacked';
  /** The colour from each value on, beginning with that of the lowest. */
  colours?: readonly [colour: string, from?: number][];
  /** Shown while there is nothing else to show. */
  without?: string;
  /** Of 24 columns. Default: a third. */
  width?: number;
}

export interface Row {
  title: string;
  /** Whether it has to be opened first. */
  isFolded?: boolean;
  panels: readonly Panel[];
}

export const POD = 'namespace=~"$namespace", pod=~"$pod"';
/** Of the sidecars and routes that are chosen above. */
const ROUTE = `${POD}, route=~"$route"`;

export const series = (metric: string, labels = '') =>
  `lazypirate_${metric}{${ROUTE}${labels && `, ${labels}`}}`;
export const rate = (metric: string, by: string, labels = '') =>
  `sum by (${by}) (rate(${series(metric, labels)}[$__rate_interval]))`;
export const now = (metric: string, by = 'route', labels = '') =>
  `sum by (${by}) (${series(metric, labels)})`;
export const quantile = (of: number, metric: string, by: string, labels: string) =>
  `histogram_quantile(${of}, ${rate(`${metric}_duration_seconds_bucket`, by, labels)})`;
/** Metrics that every Node process has: those of sidecars only. */
export const ofProcess = (metric: string) =>
  `${metric}{${POD}} * on (job, instance) group_left () lazypirate_build_info`;
/** Only what there is: lines at 0 would fill the legend. */
export const some = (expr: string) => `${expr} > 0`;
