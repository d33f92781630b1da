import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { ProcessFigures } from '../../../src/ops/process-figures.ts';

test('the process tells its descriptors and how busy its event loop is', () => {
  const figures = new ProcessFigures();
  const before = figures.status();
  const files = Array.from({ length: 10 }, () => openSync('/dev/null', 'r'));
  const after = figures.status();
  files.forEach(closeSync);
  assert.ok(before.descriptors !== null && after.descriptors !== null);
  assert.equal(after.descriptors.open - before.descriptors.open, 10);
  assert.ok(after.descriptors.most > after.descriptors.open);
  assert.ok(after.eventLoop.busy >= 0 && after.eventLoop.busy <= 1);
});
