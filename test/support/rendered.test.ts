import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { scratch } from './scratch.ts';
import { run } from './tools.ts';

/** A chart with an archive of another one, packed now. */
function chart(template: string, dependency: string): string {
  const folder = scratch();
  mkdirSync(join(folder, 'charts'));
  writeFileSync(join(folder, 'template.yaml'), template);
  writeFileSync(join(folder, 'Chart.lock'), String(Math.random()));
  const other = scratch();
  writeFileSync(join(other, 'template.yaml'), dependency);
  const mtime = `--mtime=@${Math.floor(Math.random() * 1e9)}`;
  run('tar', ['-czf', join(folder, 'charts/other.tgz'), mtime, '-C', other, 'template.yaml']);
  return folder;
}

test('what was rendered is kept for the same program, chart, dependency and arguments, and for no others; and so is a refusal', async () => {
  process.env['LAZYPIRATE_RENDERED'] = scratch();
  const { rendered } = await import('./rendered.ts');
  const programs = scratch();
  process.env['PATH'] = `${programs}:${process.env['PATH']}`;
  writeFileSync(join(programs, 'one'), '1', { mode: 0o755 });
  writeFileSync(join(programs, 'two'), '2', { mode: 0o755 });
  let times = 0;
  const render = (program: string, folder: string, ...args: string[]) =>
    rendered(program, folder, args, () => `${++times}`);
  assert.equal(render('one', chart('a', 'b'), 'x'), '1');
  assert.equal(render('one', chart('a', 'b'), 'x'), '1');
  assert.equal(render('one', chart('a', 'b'), 'y'), '2');
  assert.equal(render('two', chart('a', 'b'), 'x'), '3');
  assert.equal(render('one', chart('c', 'b'), 'x'), '4');
  assert.equal(render('one', chart('a', 'c'), 'x'), '5');
  writeFileSync(join(programs, 'one'), 'another version', { mode: 0o755 });
  assert.equal(render('one', chart('a', 'b'), 'x'), '6');
  const fail = (words: string) => () =>
    rendered('one', chart('a', 'b'), ['z'], () => {
      throw new Error(`${words} ${++times}`);
    });
  assert.throws(fail('no space left'), /left 7/);
  assert.throws(fail('execution error at'), /error at 8/);
  assert.throws(fail('execution error at'), /error at 8/);
});
