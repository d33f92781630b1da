import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Actor, Group } from '../../../src/lifecycle/group.ts';

/** An actor that the test controls. When interrupted, it ends with its own name. */
function scripted(name: string) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const seen: string[] = [];
  const actor: Actor<string> = {
    name,
    execute() {
      seen.push('execute');
      return promise;
    },
    interrupt() {
      seen.push('interrupt');
      resolve(name);
    },
  };
  return { actor, seen, end: resolve, fail: reject };
}

function groupOf<T>(...actors: Actor<T>[]): Group<T> {
  const group = new Group<T>();
  for (const actor of actors) group.add(actor);
  return group;
}

test('when the first actor ends the others are interrupted, and its result is the result of the group', async () => {
  const [a, b, c] = [scripted('a'), scripted('b'), scripted('c')];
  const run = groupOf(a.actor, b.actor, c.actor).run();
  b.end('enough');
  assert.equal(await run, 'enough');
  assert.deepEqual(a.seen, ['execute', 'interrupt']);
  assert.deepEqual(b.seen, ['execute']);
  assert.deepEqual(c.seen, ['execute', 'interrupt']);
});

test('when an actor fails the others are interrupted, and its error is thrown once all have ended', async () => {
  const failure = new Error('port in use');
  const [a, b] = [scripted('a'), scripted('b')];
  const run = groupOf(a.actor, b.actor).run();
  a.fail(failure);
  await assert.rejects(run, failure);
  assert.deepEqual(b.seen, ['execute', 'interrupt']);
});

test('if an actor throws at once, the next one is still started and then interrupted', async () => {
  const failure = new Error('no socket');
  const broken: Actor<string> = {
    name: 'broken',
    execute() {
      throw failure;
    },
    interrupt() {},
  };
  const other = scripted('other');
  await assert.rejects(groupOf(broken, other.actor).run(), failure);
  assert.deepEqual(other.seen, ['execute', 'interrupt']);
});

test('the group ends only when the last actor has ended, and lists the actors that it waits for', async () => {
  const slow = Promise.withResolvers<string>();
  const interrupted = Promise.withResolvers<void>();
  const quick = scripted('quick');
  const group = groupOf(quick.actor, {
    name: 'slow',
    execute: () => slow.promise,
    interrupt: () => interrupted.resolve(),
  });
  let isOver = false;
  const run = group.run().finally(() => {
    isOver = true;
  });
  assert.deepEqual(group.running, ['quick', 'slow']);
  quick.end('first');
  await interrupted.promise;
  assert.deepEqual(group.running, ['slow']);
  assert.equal(isOver, false);
  slow.resolve('last');
  assert.equal(await run, 'first');
  assert.deepEqual(group.running, []);
});

test('if several actors fail, the first error is thrown', async () => {
  const stopping = Promise.withResolvers<string>();
  const b = scripted('b');
  const a: Actor<string> = {
    name: 'a',
    execute: () => stopping.promise,
    interrupt: () => stopping.reject(new Error('second')),
  };
  const run = groupOf(a, b.actor).run();
  b.fail(new Error('first'));
  await assert.rejects(run, { message: 'first' });
});

test('if an actor fails while it is stopping, the group fails', async () => {
  const stopping = Promise.withResolvers<string>();
  const a = scripted('a');
  const run = groupOf(a.actor, {
    name: 'b',
    execute: () => stopping.promise,
    interrupt: () => stopping.reject(new Error('could not finish')),
  }).run();
  a.end('SIGTERM');
  await assert.rejects(run, { message: 'could not finish' });
});

test('if an interrupt throws, the others are still interrupted', async () => {
  const [a, b, c] = [scripted('a'), scripted('b'), scripted('c')];
  b.actor.interrupt = () => {
    b.end('b');
    throw new Error('cannot interrupt');
  };
  const run = groupOf(a.actor, b.actor, c.actor).run();
  a.end('a');
  await assert.rejects(run, { message: 'cannot interrupt' });
  assert.deepEqual(c.seen, ['execute', 'interrupt']);
});

test('a group without actors is refused', async () => {
  await assert.rejects(groupOf().run(), { message: 'a group without actors has nothing to run' });
});
