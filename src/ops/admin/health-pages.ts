import type { Health } from '../health.ts';
import { CONTENT_TYPES, type Format, formatFor } from '../metrics/format.ts';
import { type Page, type PageEntry, page, text } from './page.ts';

export interface HealthSources {
  startup(): Health;
  ready(): Health;
  metrics: { text(format: Format): Promise<string> };
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
      answer: async ({ accept }) => {
        const format = formatFor(accept);
        const body = await metrics.text(format);
        return {
          kind: 'page',
          status: 200,
          contentType: CONTENT_TYPES[format],
          body,
          headers: { vary: 'accept' },
        };
      },
    }),
  ];
}

function healthPage({ isOk, reason }: Health): Page {
  return text(isOk ? 200 : 503, `${isOk ? 'ok' : 'not ok'}: ${reason}\n`);
}
