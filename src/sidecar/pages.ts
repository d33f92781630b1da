import type { ShownConfig } from '../config/shown-config.ts';
import { configPage } from '../ops/admin/config-page.ts';
import { debugPages } from '../ops/admin/debug-pages.ts';
import { type HealthSources, healthPages } from '../ops/admin/health-pages.ts';
import { homePage } from '../ops/admin/home-page.ts';
import { json, listOf, type PageEntry, page } from '../ops/admin/page.ts';
import type { DebugFiles } from '../ops/debug-files.ts';
import { explainPage } from '../ops/explain/explain-page.ts';
import type { History } from '../ops/history.ts';
import type { LogControl } from '../ops/log/log-control.ts';
import { logPage } from '../ops/log/log-page.ts';
import { requestsPage } from '../ops/requests-page.ts';
import { renderStatus, type SidecarStatus } from '../ops/status-page.ts';
import type { Taps } from '../ops/tap/taps.ts';

/** What the pages show, read when one is requested. */
interface PageSources extends HealthSources {
  logControl: LogControl;
  debug: DebugFiles;
  config(): ShownConfig;
  configSince(): Date;
  status(): SidecarStatus;
  history: History;
  taps: Taps;
}

/** The pages of the two doors. */
export interface Pages {
  /** For the cluster. */
  cluster: readonly PageEntry[];
  /** What only the inspect door serves, besides those. */
  inspect: readonly PageEntry[];
}

export function pagesOf(sources: PageSources): Pages {
  const pages: Pages = {
    cluster: healthPages(sources),
    inspect: [
      homePage(() => listOf([...pages.inspect, ...pages.cluster])),
      page({
        path: '/status',
        summary: 'routes and endpoints, as JSON',
        answer: () => json(renderStatus(sources.status())),
      }),
      requestsPage(sources.history),
      explainPage(sources),
      logPage(sources.logControl),
      ...debugPages(sources.debug),
      configPage(sources.config, sources.configSince),
      sources.taps.page(),
    ],
  };
  return pages;
}
