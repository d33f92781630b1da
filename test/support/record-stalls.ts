/* Loaded into a process before its own code: writes each stall of it to a file, for `stalledMs` of the test that has started it. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { StallRecorder } from './stall-recorder.ts';

const file = join(process.env['TEST_STALLS_FOLDER'] ?? '', String(process.pid));
new StallRecorder(({ fromMs, toMs }) => appendFileSync(file, `${fromMs} ${toMs}\n`));
