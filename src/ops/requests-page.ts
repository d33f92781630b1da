import { FAILURE_CODES, type FailureCode } from '../proxy/outcome.ts';
import { json, type PageEntry, page } from './admin/page.ts';
import { anyText, duration, oneOf, whole } from './admin/query.ts';
import { Refusal } from './admin/refusal.ts';
import type { History } from './history.ts';
import type { RequestRecord } from './record.ts';

/** What `outcome` may be. */
const OUTCOMES = [
  'failed',
  'ok',
  ...FAILURE_CODES.map((code) => code.toLowerCase() as Lowercase<FailureCode>),
  'client_gone',
] as const;

/** How many are shown unless the query says another number: as many as one route keeps. Of many routes they would be megabytes. */
const SHOWN = 200;

interface Filter {
  route: string | undefined;
  /** `failed`: any but `ok`. */
  outcome: (typeof OUTCOMES)[number] | undefined;
  /** It took at least so long. */
  slower: number | undefined;
  id: string | undefined;
}

/** The last requests that failed, were slow, or needed more than one attempt: `GET /requests`. */
export function requestsPage(history: Pick<History, 'shown' | 'routes'>): PageEntry {
  return page({
    path: '/requests',
    summary: 'the last failed, slow and retried requests, as JSON',
    query: {
      route: anyText('the name of a route'),
      outcome: oneOf(...OUTCOMES),
      slower: duration,
      id: anyText('the id of a request'),
      limit: whole(1, 1_000_000),
    },
    answer: async ({ query }) => {
      const { route, limit = SHOWN } = query;
      const known = history.routes();
      if (route !== undefined && !known.includes(route))
        throw new Refusal(400, `there is no route ${JSON.stringify(route)}; there are: ${known.join(', ')}`);
      return json({ requests: await history.shown((record) => isWanted(record, query), limit) });
    },
  });
}

function isWanted(record: RequestRecord, { route, outcome, slower, id }: Filter): boolean {
  if (route !== undefined && record.route !== route) return false;
  if (outcome !== undefined && !(outcome === 'failed' ? record.outcome !== 'ok' : record.outcome === outcome))
    return false;
  if (slower !== undefined && record.elapsedMs < slower) return false;
  return id === undefined || record.id === id;
}
