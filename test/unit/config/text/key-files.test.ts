import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { curveKeyPair } from 'zeromq';
import { KeyFiles } from '../../../../src/config/text/key-files.ts';
import { scratch } from '../../../support/scratch.ts';

const folder = scratch();

function problemsOf(publicKey: string, secretKey: string): string[] {
  const found: string[] = [];
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const files = {
    serverKeyFile: write('server.pub', curveKeyPair().publicKey),
    publicKeyFile: write('our.pub', publicKey),
    secretKeyFile: write('our.key', secretKey),
  };
  new KeyFiles().client(files, (name, words) => found.push(`${name}: ${words.replaceAll(`${folder}/`, '')}`));
  return found;
}

test('a public key has to be that of the secret key', () => {
  for (let pairs = 0; pairs < 50; pairs++) {
    const { publicKey, secretKey } = curveKeyPair();
    assert.deepEqual(problemsOf(publicKey, secretKey), []);
    const wrong = ['publicKeyFile: our.pub is not the public key of our.key'];
    assert.deepEqual(problemsOf(curveKeyPair().publicKey, secretKey), wrong);
    assert.deepEqual(problemsOf(secretKey, publicKey), wrong, 'the wrong way round');
  }
});

test('a file that holds no key is reported once', () => {
  const { publicKey } = curveKeyPair();
  assert.deepEqual(problemsOf(publicKey, 'x'), [
    'secretKeyFile: our.key does not hold a secret key (40 characters in Z85)',
  ]);
});
