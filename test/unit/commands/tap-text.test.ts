import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Line } from '../../../src/commands/screen.ts';
import { TapText } from '../../../src/commands/tap-text.ts';
import type { RequestRecord } from '../../../src/ops/record.ts';
import type { TapLine } from '../../../src/ops/tap/tap-events.ts';

const textOf = (line: Line) =>
  typeof line === 'string'
    ? line
    : line.map((part) => (typeof part === 'string' ? part : part.text)).join('');

const AT = new Date(2026, 10, 27, 9, 5, 7, 42).toISOString();
const of = { id: 'orders.k3x9ab.42', route: 'orders', at: AT };
const where = { endpoint: 'tcp://10.1.2.3:7000', pod: 'orders-1', node: null, zone: null };
const record: RequestRecord = {
  ...{ ...of, from: null, process: null, outcome: 'ok', cause: 'ok', message: null, executed: 'yes' },
  ...{ requestBytes: 12, replyBytes: 34, waitedMs: 0, elapsedMs: 8.5, attempts: [] },
} as const;

function shown(...lines: TapLine[]): string[] {
  const text = new TapText();
  return lines.map((line) => textOf(text.line(line)).trimEnd());
}

test('what happens to a request is told in columns', () => {
  const attempt = {
    endpoint: where.endpoint,
    pod: null,
    node: null,
    zone: null,
    sentMs: 1,
    executed: 'maybe',
  } as const;
  const attempts = [{ ...attempt, ms: 2, result: 'timeout' } as const];
  assert.deepEqual(
    shown(
      { kind: 'received', ...of, from: '127.0.0.1:53122', bytes: 12 },
      { kind: 'sent', ...of, ...where, attempt: 1 },
      { kind: 'attempt', ...of, ...where, attempt: 1, result: 'timeout', ms: 2.5 },
      { kind: 'late', ...of, ...where, fate: 'salvaged' },
      { kind: 'settled', ...record, attempts },
    ),
    [
      '09:05:07.042 orders.k3x9ab.42  received                12 B from 127.0.0.1:53122',
      '09:05:07.042 orders.k3x9ab.42  sent                    tcp://10.1.2.3:7000 orders-1  attempt 1',
      '09:05:07.042 orders.k3x9ab.42  attempt   timeout       tcp://10.1.2.3:7000 orders-1  attempt 1, 2.5 ms',
      '09:05:07.042 orders.k3x9ab.42  late      salvaged      tcp://10.1.2.3:7000 orders-1  a late reply, and it answers the request',
      '09:05:07.051 orders.k3x9ab.42  outcome   ok            8.5 ms, 1 attempt, 34 B',
    ],
  );
});

test('a failure has its message, and bodies are shown if they are there', () => {
  const failed = {
    ...record,
    outcome: 'timeout',
    cause: 'timeout',
    message: 'no reply in time',
    attemptsOmitted: 3,
  } as const;
  const [received, answered, settled] = shown(
    { kind: 'received', ...of, from: null, bytes: 5, body: ['hel', ''] },
    { kind: 'settled', ...record, reply: ['world'] },
    { kind: 'settled', ...failed },
  );
  assert.match(received ?? '', / 5 B {2}"hel" ""$/);
  assert.match(answered ?? '', / 34 B {2}"world"$/);
  assert.match(settled ?? '', /outcome {3}TIMEOUT {7}8\.5 ms, 3 attempts: no reply in time$/);
});

test('lost lines are told, and a late reply that answered nothing has only its route', () => {
  const [lost, late] = shown(
    { kind: 'lost', lines: 7 },
    { kind: 'late', ...of, id: null, ...where, fate: 'discarded' },
  );
  assert.equal(lost, '7 lines are missing here: this reader was too slow');
  assert.match(late ?? '', /^09:05:07\.042 orders {2}late {6}discarded {5}tcp/);
});

test('a message cannot do anything to the terminal', () => {
  const failed = { ...record, outcome: 'lost', cause: 'lost', message: 'a\x1b[2J\nb\u202ec' } as const;
  assert.match(shown({ kind: 'settled', ...failed })[0] ?? '', /: a\?\[2J\?b\?c$/);
});
