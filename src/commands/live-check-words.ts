import type { DiscoverySettings } from '../discovery/discovery-settings.ts';
import type { RouteSettings } from '../proxy/settings.ts';
import type { CheckedEndpoint, CheckedRoute, Verdict } from './live-check.ts';

const OK = 'ok    ';
const FAILS = 'FAILS ';

/** What is shown of a checked route: a line that counts its endpoints, and one for each. Those that fail come last. */
export function linesOf({ name, upstream }: RouteSettings, checked: CheckedRoute): string[] {
  if (checked.kind !== 'found' || checked.endpoints.length === 0) return [`${name}: no endpoints`];
  const endpoints = [...checked.endpoints].sort((one, other) => rank(one) - rank(other));
  const hasPods = endpoints.some(({ endpoint }) => endpoint.pod !== undefined);
  const rows = endpoints.map(({ endpoint, verdict }) => [
    `  ${verdict.kind === 'works' ? OK : FAILS}${endpoint.address}`,
    ...(hasPods ? [endpoint.pod ?? ''] : []),
    ...columnsOf(verdict, upstream.connection.curve !== undefined),
  ]);
  const working = endpoints.filter(({ verdict }) => verdict.kind === 'works').length;
  return [`${name}: ${working} of ${endpoints.length} endpoints work`, ...aligned(rows)];
}

/** The last cell of a row has no width of its own: a cause is as long as it is. */
function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(0, ...rows.map((cells) => (column < cells.length - 1 ? (cells[column]?.length ?? 0) : 0))),
  );
  return rows.map((cells) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

function rank({ verdict }: CheckedEndpoint): number {
  return verdict.kind === 'works' ? 0 : 1;
}

function columnsOf(verdict: Verdict, hasCurve: boolean): string[] {
  if (verdict.kind === 'fails') return [verdict.why];
  const { socketType, version } = verdict.peer;
  const protocol = hasCurve ? 'CURVE' : version === undefined ? 'ZMTP' : `ZMTP ${version}`;
  return [socketType || 'ZeroMQ', protocol, `${verdict.tookMs.toFixed(1)} ms`];
}

/** What is wrong with a route, as a line for people. `isFatal`: a request could not be answered now. */
export interface Problem {
  isFatal: boolean;
  text: string;
}

export function problemsOf(
  { name, upstream }: RouteSettings,
  checked: CheckedRoute,
  within: string,
): Problem[] {
  const fatal = (text: string) => [{ isFatal: true, text: `${name}: ${text}` }];
  if (checked.kind === 'failed') return fatal(`discovery failed: ${checked.why}`);
  if (checked.kind === 'silent')
    return fatal(`${ASKED[upstream.discovery.kind]} did not answer within ${within}`);
  const { endpoints, why } = checked;
  if (endpoints.length === 0)
    return fatal(`discovery found no endpoints${why === undefined ? '' : `: ${why}`}`);
  const causes = endpoints.flatMap(({ verdict }) => (verdict.kind === 'fails' ? [verdict.why] : []));
  if (causes.length === endpoints.length) return fatal(`no endpoint works: ${commonCause(causes)}`);
  const warnings = [
    ...(why === undefined ? [] : [`discovery is incomplete: ${why}`]),
    ...(causes.length === 0
      ? []
      : [`${causes.length} of ${endpoints.length} endpoints fail: ${commonCause(causes)}`]),
  ];
  return warnings.map((text) => ({ isFatal: false, text: `${name}: ${text}` }));
}

/** Who tells the endpoints. */
const ASKED: Record<DiscoverySettings['kind'], string> = {
  static: 'the configuration',
  dns: 'the name server',
  kubernetes: 'the Kubernetes API server',
};

function commonCause(causes: readonly string[]): string {
  const [first = '', ...others] = new Set(causes);
  return others.length === 0 ? first : 'see above';
}
