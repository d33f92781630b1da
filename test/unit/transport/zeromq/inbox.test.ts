import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Inbox } from '../../../../src/transport/zeromq/inbox.ts';

/** What is there to be read, and how often somebody has asked without waiting and in vain. */
class Messages {
  receiveTimeout = -1;
  closed = false;
  vain = 0;
  readonly #messages: string[];

  constructor(...messages: string[]) {
    this.#messages = messages;
  }

  async receive(): Promise<Buffer[]> {
    const message = this.#messages.shift();
    if (message !== undefined) return [Buffer.from(message)];
    if (this.receiveTimeout === 0) this.vain++;
    throw new Error('EAGAIN');
  }

  come(...messages: string[]): void {
    this.#messages.push(...messages);
  }
}

const texts = (batch: Buffer[][]) => batch.map(([frame]) => String(frame));

test('messages that are already there are read as one batch, in order, up to the limit', async () => {
  const messages = new Messages('a', 'b', 'c', 'd');
  const inbox = new Inbox(messages);
  assert.deepEqual(texts(await inbox.receive(3)), ['a', 'b', 'c']);
  assert.deepEqual(texts(await inbox.receive(3)), ['d']);
  assert.equal(messages.receiveTimeout, -1);
});

test('large messages are not read ahead', async () => {
  const large = 'x'.repeat(600 * 1_024);
  const inbox = new Inbox(new Messages(large, large, large, 'a', 'b'));
  assert.deepEqual((await inbox.receive(64)).length, 2);
  assert.deepEqual((await inbox.receive(64)).length, 3);
});

test('a message too large for its batch does not count as a try in vain', async () => {
  const inbox = new Inbox(new Messages('x'.repeat(1_024 * 1_024), 'a', 'b'));
  assert.deepEqual((await inbox.receive(64)).length, 1);
  assert.deepEqual(texts(await inbox.receive(64)), ['a', 'b']);
});

test('after tries in vain to read ahead, more and more messages pass before the next try', async () => {
  const messages = new Messages();
  const inbox = new Inbox(messages);
  const looks: number[] = [];
  for (let number = 0; number < 1_000; number++) {
    const before = messages.vain;
    messages.come('one');
    await inbox.receive(8);
    if (messages.vain > before) looks.push(number);
  }
  assert.deepEqual(looks.slice(0, 5), [0, 2, 6, 14, 30]);
  assert.equal(looks.length, 20);
});

test('messages that arrive in pairs are read in pairs again after a while', async () => {
  const messages = new Messages();
  const inbox = new Inbox(messages);
  for (let number = 0; number < 200; number++) {
    messages.come('one');
    await inbox.receive(8);
  }
  for (let number = 0; number < 200; number++) messages.come('one', 'two');
  const sizes: number[] = [];
  for (let number = 0; number < 70; number++) sizes.push((await inbox.receive(2)).length);
  assert.deepEqual(sizes.slice(-3), [2, 2, 2]);
});

test('when the socket is closed the next call fails, but messages read before are delivered', async () => {
  const messages = new Messages('a');
  const inbox = new Inbox(messages);
  assert.deepEqual(texts(await inbox.receive(8)), ['a']);
  await assert.rejects(inbox.receive(8), /EAGAIN/);
});
