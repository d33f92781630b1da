import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Actor, runGroup } from '../../../src/lifecycle/group.ts';

/** An actor that the test controls. When it is stopped, it ends with its own name. */
function scripted(name: string) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const seen: string[] = [];
  const actor: Actor<string> = (stop) => {
    seen.push(stop.aborted ? 'start, too late' : 'start');
    stop.addEventListener('abort', () => {
      seen.push('stop');
      resolve(name);
    });
    return promise;
  };
  return { actor, seen, end: resolve, fail: reject };
}

/** An actor that ends as the promise does, and says when it is told to stop. */
function slow(ending: Promise<string>) {
  const stopped = Promise.withResolvers<void>();
  const actor: Actor<string> = (stop) => {
    stop.addEventListener('abort', () => stopped.resolve());
    return ending;
  };
  return { actor, stopped: stopped.promise };
}

test('when the first actor ends the others are stopped, and its result is the result of the group', async () => {
  const [a, b, c] = [scripted('a'), scripted('b'), scripted('c')];
  const run = runGroup([a.actor, b.actor, c.actor]);
  b.end('enough');
  assert.equal(await run, 'enough');
  assert.deepEqual(
    [a.seen, c.seen],
    [
      ['start', 'stop'],
      ['start', 'stop'],
    ],
  );
});

test('when an actor fails the others are stopped, and its error is thrown once all have ended', async () => {
  const failure = new Error('port in use');
  const [a, b] = [scripted('a'), scripted('b')];
  const run = runGroup([a.actor, b.actor]);
  a.fail(failure);
  await assert.rejects(run, failure);
  assert.deepEqual(b.seen, ['start', 'stop']);
});

test('if an actor throws at once, the next one is still started and then stopped', async () => {
  const failure = new Error('no socket');
  const broken: Actor<string> = () => {
    throw failure;
  };
  const other = scripted('other');
  await assert.rejects(runGroup([broken, other.actor]), failure);
  assert.deepEqual(other.seen, ['start', 'stop']);
});

test('the group ends only when the last actor has ended', async () => {
  const ending = Promise.withResolvers<string>();
  const quick = scripted('quick');
  const last = slow(ending.promise);
  let isOver = false;
  const run = runGroup([quick.actor, last.actor]).finally(() => {
    isOver = true;
  });
  quick.end('first');
  await last.stopped;
  assert.equal(isOver, false);
  ending.resolve('last');
  assert.equal(await run, 'first');
});

test('if several actors fail, the first error is thrown', async () => {
  const ending = Promise.withResolvers<string>();
  const b = scripted('b');
  const a = slow(ending.promise);
  const run = runGroup([a.actor, b.actor]);
  b.fail(new Error('first'));
  await a.stopped;
  ending.reject(new Error('second'));
  await assert.rejects(run, { message: 'first' });
});

test('if an actor fails while it is stopping, the group fails', async () => {
  const ending = Promise.withResolvers<string>();
  const a = scripted('a');
  const b = slow(ending.promise);
  const run = runGroup([a.actor, b.actor]);
  a.end('SIGTERM');
  await b.stopped;
  ending.reject(new Error('could not finish'));
  await assert.rejects(run, { message: 'could not finish' });
});

test('a group without actors is refused', async () => {
  await assert.rejects(runGroup([]), { message: 'a group without actors has nothing to run' });
});
