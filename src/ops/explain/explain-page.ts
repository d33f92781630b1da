import { json, type PageEntry, page } from '../admin/page.ts';
import { anyText } from '../admin/query.ts';
import { Refusal } from '../admin/refusal.ts';
import type { RequestRecord } from '../record.ts';
import { type SidecarStatus, statusPage } from '../status-page.ts';
import { explain } from './explanation.ts';
import { story } from './story.ts';

interface ExplainSources {
  status(): SidecarStatus;
  /** Failed and slow requests, the newest first. */
  history: {
    records(): readonly RequestRecord[];
    /** With their processes, which takes longer. */
    shown(isWanted: (record: RequestRecord) => boolean, most: number): Promise<readonly RequestRecord[]>;
  };
}

/** What is wrong now and why; or, with the id of a request, what happened to it. */
export function explainPage({ status, history }: ExplainSources): PageEntry {
  return page({
    path: '/explain',
    summary: 'what is wrong now, and why; ?request=ID: what happened to a request',
    query: { request: anyText('the id of a request, such as orders.k3x9ab.42') },
    answer: async ({ query: { request: id } }) => {
      if (id === undefined) return json(asText(explain(statusPage(status()), history.records())));
      const [record] = await history.shown((one) => one.id === id, 1);
      if (record === undefined) throw new Refusal(404, notKept(id));
      return json(asText({ request: record, text: story(record) }));
    },
  });
}

function notKept(id: string): string {
  return `request ${JSON.stringify(id)} is not kept: only the last failed and slow requests of each route are, and none from before a restart`;
}

function asText(content: object): string {
  return `${JSON.stringify(content, undefined, 2)}\n`;
}
