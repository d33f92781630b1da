/*
 * npm run record: runs the demo and makes demo.svg of what it shows, the picture in the README.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { demo } from '../../src/commands/demo.ts';
import { type Frame, Recorder } from './recorder.ts';
import { svgOf } from './svg.ts';

const FILE = fileURLToPath(new URL('demo.svg', import.meta.url));
const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const DURATION = '14s';
const FRAME_EVERY_MS = 500;

const recorder = new Recorder('$ npm run demo', '');
const code = await demo.run(['--for', DURATION], {
  env: {},
  stdin: process.stdin,
  stdout: recorder,
  stderr: process.stderr,
  interrupted: new AbortController().signal,
  onHangup: () => undefined,
  onUserSignal: () => undefined,
  endWithin: () => undefined,
  onExit: (listener) => void process.on('exit', listener),
  node: process.versions.node,
  self: [process.execPath, MAIN],
});
if (code !== 0) throw new Error(`the demo has ended with ${code}; nothing was written`);
const frames = thinned(recorder.frames);
writeFileSync(FILE, svgOf('A recording of npm run demo', frames));
console.log(`${FILE}: ${frames.length} frames`);

/** The last frame, and as many before it as make a picture of moderate size. */
function thinned(all: readonly Frame[]): Frame[] {
  const kept: Frame[] = [];
  for (const frame of all)
    if (frame.atMs - (kept.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) >= FRAME_EVERY_MS) kept.push(frame);
  const last = all.at(-1);
  if (last !== undefined && kept.at(-1) !== last) kept.push(last);
  return kept;
}
