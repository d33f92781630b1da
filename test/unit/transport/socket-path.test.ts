import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { bindAs } from '../../../src/transport/socket-path.ts';
import { scratch } from '../../support/scratch.ts';

test('what is bound has its mode from its first moment on, and the umask is the same afterwards', () => {
  const folder = scratch();
  const before = process.umask();
  const modeAtBirth = (name: string) => {
    writeFileSync(join(folder, name), '', { mode: 0o777 });
    return statSync(join(folder, name)).mode & 0o777;
  };
  for (const mode of [0o660, 0o600, 0o777]) {
    let born: number | undefined;
    bindAs(mode, () => {
      born = modeAtBirth(`as-${mode}`);
    });
    assert.equal(born, mode);
  }
  assert.throws(() => bindAs(0, () => assert.fail('address in use')), /address in use/);
  assert.equal(modeAtBirth('other'), 0o777 & ~before);
});
