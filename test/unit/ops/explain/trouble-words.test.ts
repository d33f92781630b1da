import assert from 'node:assert/strict';
import { test } from 'node:test';
import { troubleWords } from '../../../../src/ops/explain/trouble-words.ts';
import { IN_HANDSHAKE, NEW, NO_HANDSHAKE } from '../../../../src/proxy/upstream/trouble.ts';
import { ended, NOT_ZEROMQ } from '../../../../src/transport/connection-end.ts';

const RESET = ended(
  'reset',
  'the connection was reset (the peer was killed, or something on the way cut it)',
);
const REFUSED = ended('nobody_listens', 'nobody listens there (connection refused)');
const DOWN = { why: '', newest: null };

test('what the newest try shows stands behind what came before', () => {
  assert.deepEqual(troubleWords({ ...DOWN, trouble: RESET, newest: REFUSED }), {
    headline: `${RESET.what}; since then: ${REFUSED.what}`,
    meaning: undefined,
  });
});

test('what an older trouble may mean is not told once a newer one is known', () => {
  const trouble = ended(
    'hung_up_at_once',
    `${RESET.what}, before it said anything`,
    NOT_ZEROMQ,
    'it is a proxy',
  );
  const { headline, meaning } = troubleWords({ ...DOWN, trouble, newest: REFUSED });
  assert.equal(headline, `${trouble.what}; since then: ${REFUSED.what}`);
  assert.equal(meaning, undefined);
});

test('that the next handshake takes its time is left out where one has failed', () => {
  const failed = [
    ended('wrong_mechanism', 'wrong security mechanism'),
    ended('speaks_http', 'it speaks HTTP'),
    ended('hung_up', 'it hangs up'),
    ended('no_heartbeat', 'no heartbeat'),
  ];
  for (const trouble of failed)
    for (const newest of [IN_HANDSHAKE, NO_HANDSHAKE])
      assert.equal(troubleWords({ ...DOWN, trouble, newest }).headline, trouble.what);
  assert.match(troubleWords({ ...DOWN, trouble: NEW, newest: IN_HANDSHAKE }).headline, /since then: TCP/);
  assert.match(troubleWords({ ...DOWN, trouble: RESET, newest: NO_HANDSHAKE }).headline, /since then: TCP/);
});

test('what is no trouble is told in its own words, and so is what a sidecar of an earlier version says', () => {
  const earlier = { why: 'nobody listens there' } as Parameters<typeof troubleWords>[0];
  assert.equal(troubleWords(earlier).headline, 'nobody listens there');
  assert.equal(troubleWords({ ...DOWN, why: 'it answered', trouble: null }).headline, 'it answered');
});
