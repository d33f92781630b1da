import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { upstreamLines } from '../../../src/commands/demo-table.ts';
import { Screen } from '../../../src/commands/screen.ts';

/** A terminal of this size, or with none a pipe, and what was written to it. */
function screenOf(size?: { columns: number; rows: number }, env: Record<string, string> = {}) {
  const written: string[] = [];
  const stdout = Object.assign(new Writable(), {
    ...(size !== undefined && { isTTY: true, ...size }),
    write: (text: string) => written.push(text) > 0,
  });
  return { screen: new Screen({ stdout, env }), written };
}

const ROOMY = { columns: 120, rows: 40 };

test('the row of a killed upstream is aligned with the others', () => {
  const child = { pid: 4242 } as ChildProcess;
  const addresses = ['tcp://127.0.0.1:40001', 'tcp://127.0.0.1:40002'];
  const upstreams = addresses.map((address, index) => ({ address, child, isKilled: index === 0, kills: 1 }));
  const endpoints = addresses.map((address, index) => ({
    address,
    state: index === 0 ? 'ejected' : 'up',
    inFlight: 3,
    latencyMs: 5.5,
  }));
  const { screen, written } = screenOf(ROOMY);
  screen.show(...upstreamLines(upstreams, { routes: [{ endpoints }] }));
  assert.ok(written.join('').includes('\u001b[31mkilled'), 'in red');
  const [head = '', ...rows] = stripVTControlCharacters(written.join('')).trimEnd().split('\n');
  assert.equal(rows.length, 2);
  const columns = { process: /killed|pid/, sidecar: /ejected|up/, kills: /1$/ };
  for (const row of rows) {
    assert.equal(row.length, head.length);
    assert.equal(row.search(columns.process), head.indexOf('process'));
    assert.equal(row.search(columns.sidecar), head.indexOf('sidecar'));
    assert.equal(row.search(columns.kills), head.length - 1);
  }
  assert.ok(head.length <= 80, `${head.length} columns`);
});

test('lines are cut to the width and height of the terminal, and their colour ends with them', () => {
  const { screen, written } = screenOf({ columns: 10, rows: 3 });
  screen.show('0123456789abc', ['0123', { text: '456789abc', color: 31 }, 'def'], 'no room for it');
  assert.deepEqual(written, ['\u001b[2K0123456789\n\u001b[2K0123\u001b[31m456789\u001b[0m\n\u001b[J']);
});

test('on a terminal new lines replace the previous ones', () => {
  const { screen, written } = screenOf(ROOMY);
  screen.show('one', 'two');
  screen.show('three');
  screen.print('stays');
  screen.show('four');
  assert.deepEqual(written.slice(1), [
    '\u001b[2F\u001b[2Kthree\n\u001b[J',
    'stays\n',
    '\u001b[2Kfour\n\u001b[J',
  ]);
});

test('a pipe and a dumb terminal get plain lines, and NO_COLOR turns colours off', () => {
  const red = [{ text: 'red', color: 31 }];
  for (const { screen, written } of [screenOf(), screenOf(ROOMY, { TERM: 'dumb' })]) {
    screen.show(red);
    screen.show('more');
    assert.deepEqual(written, ['red\n', 'more\n']);
  }
  const { screen, written } = screenOf(ROOMY, { NO_COLOR: '1' });
  screen.show(red);
  assert.deepEqual(written, ['\u001b[2Kred\n\u001b[J']);
});
