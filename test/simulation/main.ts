/* npm run simulate -- [--seeds N] [--from SEED] | --seed SEED. With --seed it prints every event. Exits with 1 if a promise was broken. */

import { wholeNumbers } from '../support/arguments.ts';
import { commit } from '../support/commit.ts';
import { prepare, replayLine } from './simulate.ts';

const usage = 'npm run simulate -- [--seeds N] [--from SEED] | --seed SEED';
const values = wholeNumbers(usage, ['seeds', 'from', 'seed']);
const sinceMs = Number(process.hrtime.bigint() / 1_000_000n);
const run = await prepare();
const from = values.seed ?? values.from ?? 1;
const seeds = values.seed === undefined ? (values.seeds ?? 100_000) : 1;
const trace = values.seed === undefined ? undefined : (line: string) => console.log(line);
const totals = { requests: 0, replied: 0, faults: 0, broken: 0 };
for (let seed = from; seed < from + seeds; seed++) {
  const report = await run(seed, trace);
  totals.requests += report.requests;
  totals.replied += report.replied;
  totals.faults += report.faults;
  if (report.violations.length > 0) {
    totals.broken++;
    console.log(replayLine(seed, report));
  }
  if ((seed - from + 1) % 10_000 === 0) console.log(`${seed - from + 1} seeds, ${totals.broken} broken`);
}
const seconds = Number(process.hrtime.bigint() / 1_000_000n) / 1_000 - sinceMs / 1_000;
const { requests, replied, faults, broken } = totals;
console.log(
  `${commit()}: ${seeds} seeds in ${seconds.toFixed(0)} s: ${requests} requests, ${replied} replied, ${faults} faults, ${broken} seeds broken`,
);
process.exitCode = broken > 0 ? 1 : 0;
