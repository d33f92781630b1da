import type { Health } from '../health.ts';
import { type Page, type PageEntry, page, text } from './page.ts';

export interface HealthSources {
  startup(): Health;
  ready(): Health;
  metrics: { contentType: string; text(): Promise<string> };
}

/** The pages for probes and Prometheus. A query has no effect there. */
export function healthPages({ startup, ready, metrics }: HealthSources): PageEntry[] {
  const query = 'ignored';
  return [
    page({
      path: '/startupz',
      summary: 'every route is listening',
      query,
      answer: () => healthPage(startup()),
    }),
    page({ path: '/livez', summary: 'the event loop is running', query, answer: () => text(200, 'ok\n') }),
    page({ path: '/readyz', summary: 'ready to take requests', query, answer: () => healthPage(ready()) }),
    page({
      path: '/metrics',
      summary: 'Prometheus metrics',
      query,
      answer: async () => ({
        kind: 'page',
        status: 200,
        contentType: metrics.contentType,
        body: await metrics.text(),
      }),
    }),
  ];
}

function healthPage({ isOk, reason }: Health): Page {
  return text(isOk ? 200 : 503, `${isOk ? 'ok' : 'not ok'}: ${reason}\n`);
}
