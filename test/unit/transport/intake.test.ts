import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { bodyOf, DELIMITER, framesOf } from '../../../src/transport/message.ts';
import { Intake } from '../../../src/transport/zmtp/intake.ts';
import { Reader } from '../../../src/transport/zmtp/reader.ts';

const wireOf = (...texts: string[]) =>
  Buffer.concat(texts.flatMap((text) => [DELIMITER, ...bodyOf([Buffer.from(text)]).chunks]));

test('what comes between a resume and the end of the turn does not overtake what was held back', async () => {
  const came: string[] = [];
  const ignore = () => undefined;
  const reader = new Reader(1_000, {
    message: (_, { chunks }) => {
      came.push(String(framesOf(chunks)[0]));
      if (came.length === 1) intake.pause();
    },
    malformed: ignore,
    tooLarge: ignore,
    command: ignore,
    broken: ignore,
  });
  const intake = new Intake(new Socket(), reader);
  intake.take(wireOf('1', '2'), 0);
  intake.take(wireOf('3'), 0);
  assert.deepEqual(came, ['1']);
  intake.resume();
  intake.take(wireOf('4'), 0);
  assert.deepEqual(came, ['1'], 'nothing is passed on in the turn of a resume');
  await setImmediate();
  assert.deepEqual(came, ['1', '2', '3', '4']);
});

test('a socket is read again even if the last of what was held back ends where its chunk ends', async () => {
  const came: string[] = [];
  const ignore = () => undefined;
  const reader = new Reader(100_000, {
    // As a client does that may have one request at a time.
    message: (_, { bytes }) => {
      came.push(String(bytes));
      intake.pause();
    },
    malformed: ignore,
    tooLarge: ignore,
    command: ignore,
    broken: ignore,
  });
  const socket = new Socket();
  const intake = new Intake(socket, reader);
  const large = 'x'.repeat(20_000);
  for (let chunks = 0; chunks < 3; chunks++) intake.take(wireOf(large), 0);
  assert.deepEqual([came.length, socket.isPaused()], [1, true], 'more is held back than may be');
  for (const known of [2, 3]) {
    intake.resume();
    await setImmediate();
    assert.equal(came.length, known);
  }
  intake.resume();
  await setImmediate();
  assert.equal(socket.isPaused(), false);
});
