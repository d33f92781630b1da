import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EventKind, Events } from '../../../src/proxy/events.ts';

function start() {
  const failures: { error: unknown; kind: EventKind }[] = [];
  const events = new Events((error, kind) => failures.push({ error, kind }));
  return { events, failures };
}

test('each observer of a kind gets its events, in the order in which they registered', () => {
  const { events, failures } = start();
  const told: string[] = [];
  events.on('malformed', ({ route }) => told.push(`first ${route}`));
  events.on('malformed', ({ route }) => told.push(`second ${route}`));
  events.on('droppedClient', () => told.push('another kind'));
  events.emit('malformed', { route: 'orders' });
  assert.deepEqual(told, ['first orders', 'second orders']);
  assert.deepEqual(failures, []);
});

test('an observer gets the very object that was emitted, not a copy', () => {
  const { events } = start();
  const told: object[] = [];
  events.on('malformed', (event) => told.push(event));
  const event = { route: 'orders' };
  events.emit('malformed', event);
  assert.equal(told[0], event);
});

test('a kind that nobody observes does nothing', () => {
  const { events, failures } = start();
  events.on('malformed', () => assert.fail('not asked for'));
  events.emit('droppedClient', { route: 'orders' });
  assert.deepEqual(failures, []);
});

test('an observer that throws is reported with the kind, and the others are still told, each time', () => {
  const { events, failures } = start();
  const told: string[] = [];
  const bug = new Error('a bug');
  events.on('malformed', () => told.push('before'));
  events.on('malformed', () => {
    throw bug;
  });
  events.on('malformed', () => told.push('after'));
  events.emit('malformed', { route: 'orders' });
  events.emit('malformed', { route: 'orders' });
  assert.deepEqual(told, ['before', 'after', 'before', 'after']);
  assert.deepEqual(failures, [
    { error: bug, kind: 'malformed' },
    { error: bug, kind: 'malformed' },
  ]);
});

test('an observer that registers while an event is told gets the next one, not this one', () => {
  const { events } = start();
  let told = 0;
  let isRegistered = false;
  events.on('malformed', () => {
    if (!isRegistered) events.on('malformed', () => told++);
    isRegistered = true;
  });
  events.emit('malformed', { route: 'orders' });
  assert.equal(told, 0);
  events.emit('malformed', { route: 'orders' });
  assert.equal(told, 1);
});

test('an observer can leave: it is told nothing more, and the others are', () => {
  const { events } = start();
  const told: string[] = [];
  const leave = events.on('malformed', () => told.push('for a while'));
  events.on('malformed', () => told.push('always'));
  events.emit('malformed', { route: 'orders' });
  leave();
  leave();
  events.emit('malformed', { route: 'orders' });
  assert.deepEqual(told, ['for a while', 'always', 'always']);
});

test('an observer that leaves while an event is told does not keep it from the others', () => {
  const { events } = start();
  const told: string[] = [];
  const leave = events.on('malformed', () => {
    told.push('leaves');
    leave();
  });
  events.on('malformed', () => told.push('stays'));
  events.emit('malformed', { route: 'orders' });
  events.emit('malformed', { route: 'orders' });
  assert.deepEqual(told, ['leaves', 'stays', 'stays']);
});
