/*
 * npm run soak -- [--minutes N] [--requests M] stops at whichever limit comes first; without either, after ten minutes. Prints a
 * verdict and writes it to RESULTS.md (RESULTS-libzmq.md with LAZYPIRATE_TRANSPORT=libzmq). Exits with 1 if something grew or a promise was broken.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { wholeNumbers } from '../support/arguments.ts';
import { ON_TRANSPORT, RESULTS_PAGE } from '../support/chosen-transport.ts';
import { commit } from '../support/commit.ts';
import { APPS, DROPPED, POLICY, type Soaked, soak, UPSTREAMS } from './soak.ts';
import type { Tally } from './tally.ts';
import { type Finding, judge, type Sample, WARM_UP } from './verdict.ts';

const REST_MS = 90_000;
const PRINT_EVERY_S = 5;

const values = wholeNumbers('npm run soak -- [--minutes N] [--requests M]', ['minutes', 'requests']);
const minutes = values.minutes ?? (values.requests === undefined ? 10 : Number.POSITIVE_INFINITY);
const requests = values.requests ?? Number.POSITIVE_INFINITY;
const ends: (() => unknown)[] = [];
let printed = 0;

function print({ rssMiB, heapMiB, descriptors }: Sample, tally: Tally, seconds: number): void {
  if (seconds < printed + PRINT_EVERY_S) return;
  printed = seconds;
  const { asked, failed, crossed } = tally;
  const rate = (asked / seconds).toFixed(0);
  const process = `RSS ${rssMiB.toFixed(0)} MiB, heap ${heapMiB.toFixed(0)} MiB, ${descriptors} descriptors`;
  console.log(
    `${seconds.toFixed(0)} s: ${asked} requests (${rate}/s), ${failed} failed, ${crossed} crossed; ${process}`,
  );
}

function page(course: Soaked, findings: readonly Finding[]): string {
  const { seconds, tally, harm, kills } = course;
  const share = (count: number) => `${((100 * count) / tally.asked).toFixed(2)} %`;
  const failures = Object.entries(tally.failures).map(([code, count]) => `${code} ${count}`);
  const rows = findings.map(
    ({ promise, found, isHeld }) => `| ${promise} | ${found} | ${isHeld ? 'yes' : '**no**'} |`,
  );
  return `# Soak

Written by \`npm run soak\` at ${commit()}${ON_TRANSPORT}. A sidecar process, bundled and started as in the image, has one plain and one correlated
route. Everything that observes is on: a tap of every request, traces, metrics of each endpoint, the history, and somebody who reads the
pages. ${POLICY.routes} times ${APPS} apps, in separate processes, send requests to ${UPSTREAMS} \`serve\` processes, through a network that resets and delays
connections. Bodies have 64 B to 1 MiB; nine in ten have up to 1 KiB. Everything shared ${availableParallelism()} cores. Growth is measured after a
warm-up: the first ${100 * WARM_UP.share} % of the requests, but at least ${WARM_UP.least}.

${tally.asked} requests in ${seconds.toFixed(0)} s, ${(tally.bytes / 2 ** 30).toFixed(1)} GiB each way. The network reset ${harm.resets} connections, and delayed ${harm.delays} for longer
than the timeout, each with everything that was in flight on it (together ${share(harm.resets + harm.delays)} of the requests). ${100 * DROPPED} % of the requests
were never answered. ${kills} upstreams were killed and restarted. ${tally.failed} requests failed${failures.length > 0 ? ` (${failures.join(', ')})` : ''}.

| promise | measured | kept |
|---|---|---|
${rows.join('\n')}
`;
}

try {
  const plan = { requests, seconds: minutes * 60, restMs: REST_MS };
  const course = await soak({ after: (end) => ends.push(end) }, plan, print, () =>
    console.log('all requests sent; waiting for the sidecar to become idle, which takes a minute'),
  );
  const findings = judge(course, POLICY);
  const result = page(course, findings);
  writeFileSync(new URL(RESULTS_PAGE, import.meta.url), result);
  console.log(`\n${result}`);
  process.exitCode = findings.every(({ isHeld }) => isHeld) ? 0 : 1;
} finally {
  for (const end of ends.reverse()) await end();
}
