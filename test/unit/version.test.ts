import assert from 'node:assert/strict';
import { test } from 'node:test';
import { version as loaded } from 'zeromq';
import { libzmqVersion } from '../../src/version.ts';

test('the version of libzmq that is told without loading it is the one that would be loaded', () => {
  assert.equal(libzmqVersion, loaded);
});
