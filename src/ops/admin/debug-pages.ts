import type { DebugFiles, Written } from '../debug-files.ts';
import { type Answer, json, type PageEntry, page } from './page.ts';
import { whole } from './query.ts';
import { Refusal } from './refusal.ts';

const SECONDS = 5;
const SECONDS_MOST = 60;

/** What the process does, and what it holds, for tools such as Chrome's. */
export function debugPages(files: DebugFiles): PageEntry[] {
  return [
    page({
      path: '/debug/profile',
      methods: ['POST'],
      summary: `writes a CPU profile of ?seconds=${SECONDS} into admin.debugDirectory`,
      query: { seconds: whole(1, SECONDS_MOST) },
      answer: async ({ query: { seconds = SECONDS } }) => answerOf(await files.profile(seconds * 1_000)),
    }),
    page({
      path: '/debug/heap',
      methods: ['POST'],
      summary:
        'writes a heap snapshot, with message bodies, into admin.debugDirectory; the process stops meanwhile',
      answer: async () => answerOf(await files.heap()),
    }),
  ];
}

/** @throws {Refusal} if nothing was written */
function answerOf(written: Written): Answer {
  if (written.kind !== 'written') throw new Refusal(written.kind === 'refused' ? 409 : 500, written.why);
  const { file, bytes, elapsedMs } = written;
  return json({ file, bytes, elapsedMs });
}
