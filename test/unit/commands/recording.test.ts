import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Screen } from '../../../src/commands/screen.ts';
import { Recorder } from '../../recording/recorder.ts';
import { svgOf } from '../../recording/svg.ts';

test('a recording contains what the screen showed, frame by frame, in colour', () => {
  const recorder = new Recorder('$ demo');
  const screen = new Screen({ stdout: recorder, env: {} });
  screen.print('head');
  screen.show('one', ['two ', { text: 'red', color: 31 }]);
  screen.show('three <&>');
  const texts = recorder.frames.map(({ lines }) =>
    lines.map((line) => line.map(({ text }) => text).join('')),
  );
  assert.deepEqual(texts, [
    ['$ demo', 'head'],
    ['$ demo', 'head', 'one', 'two red'],
    ['$ demo', 'head', 'three <&>'],
  ]);
  const svg = svgOf('title', recorder.frames);
  assert.ok(svg.includes('two <tspan class="red">red</tspan>'), svg);
  assert.ok(svg.includes('three &#60;&#38;&#62;'), svg);
  assert.equal(svg.match(/translateX\(-?\d+px\)\}/g)?.length, 3);
});
