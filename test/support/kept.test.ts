import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from './scratch.ts';

/** A folder with a file, and another one in a folder of it. */
function folder(file: string, inside: string): string {
  const made = scratch();
  mkdirSync(join(made, 'charts'));
  writeFileSync(join(made, 'template.yaml'), file);
  writeFileSync(join(made, 'charts/template.yaml'), inside);
  return made;
}

test('what a program made is kept for the same program and inputs, and for no others; and so is a refusal', async () => {
  process.env['LAZYPIRATE_KEPT'] = scratch();
  const { contentsOf, kept } = await import('./kept.ts');
  const programs = scratch();
  process.env['PATH'] = `${programs}:${process.env['PATH']}`;
  writeFileSync(join(programs, 'one'), '1', { mode: 0o755 });
  writeFileSync(join(programs, 'two'), '2', { mode: 0o755 });
  let times = 0;
  const run = (program: string, chart: string, input: string) =>
    kept(program, [contentsOf(chart), input], () => `${++times}`);
  assert.equal(run('one', folder('a', 'b'), 'x'), '1');
  assert.equal(run('one', folder('a', 'b'), 'x'), '1');
  assert.equal(run('one', folder('a', 'b'), 'y'), '2');
  assert.equal(run('two', folder('a', 'b'), 'x'), '3');
  assert.equal(run('one', folder('c', 'b'), 'x'), '4');
  assert.equal(run('one', folder('a', 'c'), 'x'), '5');
  writeFileSync(join(programs, 'one'), 'another version', { mode: 0o755 });
  assert.equal(run('one', folder('a', 'b'), 'x'), '6');
  const fail = (words: string) => () =>
    kept('one', ['z'], () => {
      throw new Error(`${words} ${++times}`);
    });
  assert.throws(fail('no space left'), /left 7/);
  assert.throws(fail('execution error at'), /error at 8/);
  assert.throws(fail('execution error at'), /error at 8/);
});
