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
