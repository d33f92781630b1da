/* Loaded into a sidecar before its own code: without descriptors it keeps running for 2 s, and not for 30. */
import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!url.endsWith('/src/ops/descriptors.ts')) return loaded;
    const source = String(loaded.source);
    const impatient = source.replace('EXIT_AFTER_MS = 30_000;', 'EXIT_AFTER_MS = 2_000;');
    assert.notEqual(impatient, source);
    return { ...loaded, source: impatient };
  },
});
