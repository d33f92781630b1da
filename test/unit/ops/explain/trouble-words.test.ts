import assert from 'node:assert/strict';
import { test } from 'node:test';
import { troubleWords } from '../../../../src/ops/explain/trouble-words.ts';

const RESET = 'the connection was reset (the peer was killed, or something on the way cut it)';
const REFUSED = 'nobody listens there (connection refused)';

test('what the newest try shows stands behind what came before', () => {
  assert.deepEqual(troubleWords(`${RESET}; now: ${REFUSED}`, true), {
    headline: `${RESET}; since then: ${REFUSED}`,
    meaning: undefined,
  });
});

test('what an older trouble may mean is not told once a newer one is known', () => {
  const why = `${RESET}, before it said anything: it is not ZeroMQ, or it is a proxy; now: ${REFUSED}`;
  const { headline, meaning } = troubleWords(why, true);
  assert.equal(headline, `${RESET}, before it said anything; since then: ${REFUSED}`);
  assert.equal(meaning, undefined);
});

test('that the next handshake takes its time is left out where one has failed', () => {
  const why = 'wrong security mechanism: it uses CURVE; now: TCP connects, waiting for the ZMTP handshake';
  assert.equal(troubleWords(why, false).headline, 'wrong security mechanism: it uses CURVE');
});

test('a server that was connected before is ZeroMQ; one that never was may be something else', () => {
  const why = 'it hangs up: it is being stopped, a proxy cuts it, or it is not ZeroMQ';
  assert.equal(troubleWords(why, true).headline, 'it hangs up: it is being stopped, or a proxy cuts it');
  assert.equal(troubleWords(why, false).headline, why);
});
