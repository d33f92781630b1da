/* Loaded into a process before its own code: writes each stall of it to a file, for `stalledMs` of the test that has started it. */
import { openSync, writeSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import { StallRecorder } from './stall-recorder.ts';

const file = openSync(join(process.env['TEST_STALLS_FOLDER'] ?? '', String(process.pid)), 'a');
new StallRecorder(({ fromMs, toMs }) => writeSync(file, `${fromMs} ${toMs}\n`));
// Most of these processes are killed.
flushCompileCache();
