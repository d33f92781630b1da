/*
 * npm run soak -- [--minutes N] [--requests M]: until the first of both; ten minutes without either. Ends with a verdict, which it
 * also writes to RESULTS.md, and with 1 where something grew or a promise was broken.
 */
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { wholeNumbers } from '../support/arguments.ts';
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

Written by \`npm run soak\` at ${commit()}: a sidecar process, bundled and started as in the image, with a plain and a correlated route, ${POLICY.routes} times ${APPS} apps in processes of their own,
${UPSTREAMS} \`serve\` processes, and between them a network that resets and delays. Bodies of 64 B to 1 MiB, nine in ten of up to 1 KiB.
All of it shared ${availableParallelism()} cores. What grew is judged without the first ${100 * WARM_UP.share} % of the requests, ${WARM_UP.least} at least.

${tally.asked} requests in ${seconds.toFixed(0)} s, ${(tally.bytes / 2 ** 30).toFixed(1)} GiB each way. Done to them: ${harm.resets} connections were reset and ${harm.delays} held
for longer than the timeout, each with all that was under way on it (together ${share(harm.resets + harm.delays)} of the requests), ${100 * DROPPED} % were never answered, and
${kills} upstreams were killed and restarted.
${tally.failed} requests failed${failures.length > 0 ? ` (${failures.join(', ')})` : ''}.

| promise | found | held |
|---|---|---|
${rows.join('\n')}
`;
}

try {
  const plan = { requests, seconds: minutes * 60, restMs: REST_MS };
  const course = await soak({ after: (end) => ends.push(end) }, plan, print, () =>
    console.log('all asked; now it has to come to rest, which takes a minute'),
  );
  const findings = judge(course, POLICY);
  const result = page(course, findings);
  writeFileSync(new URL('RESULTS.md', import.meta.url), result);
  console.log(`\n${result}`);
  process.exitCode = findings.every(({ isHeld }) => isHeld) ? 0 : 1;
} finally {
  for (const end of ends.reverse()) await end();
}
