import assert from 'node:assert/strict';
import { test } from 'node:test';
import { processStatus } from '../statuses.ts';
import { explained, lacks, NONE, NOW, reasonLike } from './situation.ts';

test('a refused change is told with its time and each problem', () => {
  const refusedReload = {
    at: new Date(NOW.getTime() - 60_000),
    problems: ['routes: must be a list', 'log: unknown'],
  };
  const all = explained({ sidecar: { refusedReload } });
  assert.equal(all.verdict.state, 'degraded');
  assert.match(all.verdict.text, /something is wrong with the sidecar/);
  const { text, evidence, route } = reasonLike(all, /configuration change/);
  assert.equal(route, null);
  assert.match(text, /at 12:09:00 UTC was refused/);
  assert.deepEqual(evidence, ['Routes: must be a list.', 'Log: unknown.']);
});

test('a drain is the verdict, with what is still open', () => {
  const all = explained({ sidecar: { isDraining: true }, route: { inFlight: 2, queued: 1 } });
  assert.equal(all.verdict.state, 'draining');
  reasonLike(all, /finishes 3 open requests/);
});

test('few descriptors left, and a process without CPU', () => {
  const few = processStatus({ descriptors: { open: 900, most: 1_000 } });
  reasonLike(explained({ sidecar: { process: few } }), /900 of 1,000 are open/);
  const throttled = processStatus({ throttled: 0.4, eventLoop: { busy: 0.5, lateMs: 80 } });
  const { advice, evidence } = reasonLike(explained({ sidecar: { process: throttled } }), /CPU limit/);
  assert.match(advice ?? '', /Raise or remove the CPU limit/);
  assert.match(evidence.join(), /stopped it in 40% of the periods/);
  const busy = processStatus({ eventLoop: { busy: 0.9, lateMs: 300 } });
  const needing = explained({ sidecar: { process: busy } });
  assert.equal(needing.verdict.state, 'degraded');
  const { evidence: busyEvidence } = reasonLike(needing, /needs more CPU than it has/);
  assert.match(busyEvidence.join(), /busy for 90% of the last minute, and up to 300 ms late/);
  lacks(explained({}), /CPU|descriptors/);
});

test('that it stood still once is worth a note, and no more', () => {
  const late = processStatus({ eventLoop: { busy: 0.03, lateMs: 167 } });
  const noted = explained({ sidecar: { process: late } });
  assert.equal(noted.verdict.state, 'working');
  reasonLike(noted, /stood still for 167 ms/);
  const quick = processStatus({ eventLoop: { busy: 0.03, lateMs: 99 } });
  lacks(explained({ sidecar: { process: quick } }), /stood still/);
});

test('a bug is called one', () => {
  reasonLike(explained({ totals: { received: 103 } }), /what became of 3 requests/);
  const internal = explained({ recent: { outcomes: { ...NONE, ok: 99, internal: 1 } } });
  reasonLike(internal, /^1 request failed in the last minute because of a bug/);
});
