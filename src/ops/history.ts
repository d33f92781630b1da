import type { Events, ObservedRequest } from '../proxy/events.ts';
import { processesOf } from './peer-process.ts';
import { type RequestRecord, recordOf } from './record.ts';

/** Of each route: so many failed requests, and as many that were only slow or retried. */
const REQUESTS_MOST = 100;
/** How much memory each of those lists may take, as `bytesOf` counts it. */
const BYTES_MOST = 128 * 1024;
/** About what a record and an attempt take, without their texts. */
const RECORD_BYTES = 512;
const ATTEMPT_BYTES = 256;

interface HistorySources {
  /** From when on a request is slow; `undefined`: none is. */
  slowMs(): number | undefined;
  /** The names of the routes that there are. */
  routes(): readonly string[];
  /** Finds the processes behind local connections. */
  processesOf?: typeof processesOf;
}

interface Kept {
  record: RequestRecord;
  readonly bytes: number;
  /** Counts everything that was kept. */
  readonly order: number;
  /** The connection that the request came on. It must not be kept alive for this. */
  readonly client: WeakRef<ObservedRequest['client']>;
  isLookedUp: boolean;
}

/** The lists of one route. */
interface Lists {
  failed: Kept[];
  slow: Kept[];
}

/**
 * Keeps the last requests of each route that failed, were slow, or needed more than one attempt. Those that failed have a list of their
 * own, so that the others cannot push them out. A plain success costs three comparisons.
 */
export class History {
  readonly #sources: HistorySources;
  #routes = new Map<string, Lists>();
  #count = 0;
  #renamed: { was: string; route: string }[] = [];

  constructor(sources: HistorySources) {
    this.#sources = sources;
  }

  observe(events: Events): void {
    events.on('settled', (request) => {
      const { outcome, attempts, elapsedMs } = request;
      if (outcome !== 'ok') this.#keep(request, 'failed');
      else if (attempts.length > 1 || elapsedMs >= this.#slowMs) this.#keep(request, 'slow');
    });
    events.on('renamed', ({ was, route }) => {
      // Two routes may swap their names in one reload.
      if (this.#renamed.length === 0) queueMicrotask(() => this.#rename(this.#renamed.splice(0)));
      this.#renamed.push({ was, route });
    });
  }

  /** The names of the routes that there are. */
  routes(): readonly string[] {
    return this.#sources.routes();
  }

  /** Of those routes, the newest first. */
  records(): RequestRecord[] {
    return this.#kept().map(({ record }) => record);
  }

  /** The same, with the processes that can still be found: once for each record, and only while its connection is open. */
  async shown(isWanted: (record: RequestRecord) => boolean): Promise<RequestRecord[]> {
    const wanted = this.#kept().filter(({ record }) => isWanted(record));
    const unknown = wanted.filter((one) => !one.isLookedUp && isOpen(one));
    if (unknown.length > 0) await this.#lookUp(unknown);
    return wanted.map(({ record }) => record);
  }

  async #lookUp(unknown: readonly Kept[]): Promise<void> {
    for (const one of unknown) one.isLookedUp = true;
    const find = this.#sources.processesOf ?? processesOf;
    const found = await find(new Set(unknown.flatMap(({ record }) => record.from ?? [])));
    for (const one of unknown) {
      const process = found.get(one.record.from ?? '');
      // Once the connection is closed, its port may belong to somebody else.
      if (process !== undefined && isOpen(one)) one.record = { ...one.record, process };
    }
  }

  get #slowMs(): number {
    return this.#sources.slowMs() ?? Number.POSITIVE_INFINITY;
  }

  #keep(request: ObservedRequest, kind: keyof Lists): void {
    const record = recordOf(request);
    const list = this.#listsOf(record.route)[kind];
    const bytes = bytesOf(record);
    list.push({
      record,
      bytes,
      order: this.#count++,
      client: new WeakRef(request.client),
      isLookedUp: false,
    });
    trim(list);
  }

  #listsOf(route: string): Lists {
    const known = this.#routes.get(route);
    if (known !== undefined) return known;
    this.#forgetOthers();
    const lists: Lists = { failed: [], slow: [] };
    this.#routes.set(route, lists);
    return lists;
  }

  /** Forgets routes that are gone. */
  #forgetOthers(): void {
    const names = new Set(this.#sources.routes());
    for (const name of this.#routes.keys()) if (!names.has(name)) this.#routes.delete(name);
  }

  #kept(): Kept[] {
    this.#forgetOthers();
    return [...this.#routes.values()]
      .flatMap(({ failed, slow }) => [...failed, ...slow])
      .sort((a, b) => b.order - a.order);
  }

  #rename(renamed: readonly { was: string; route: string }[]): void {
    const names = new Map(renamed.map(({ was, route }) => [was, route]));
    const routes = new Map<string, Lists>();
    for (const [was, { failed, slow }] of this.#routes) {
      const route = names.get(was) ?? was;
      const { failed: otherFailed, slow: otherSlow } = routes.get(route) ?? { failed: [], slow: [] };
      for (const one of [...failed, ...slow]) if (route !== was) one.record = { ...one.record, route };
      routes.set(route, { failed: merged(failed, otherFailed), slow: merged(slow, otherSlow) });
    }
    this.#routes = routes;
  }
}

function merged(...lists: [Kept[], Kept[]]): Kept[] {
  const all = lists.flat().sort((a, b) => a.order - b.order);
  trim(all);
  return all;
}

/** The newest one stays, whatever it takes: a record has a largest size too. */
function trim(list: Kept[]): void {
  let bytes = list.reduce((sum, one) => sum + one.bytes, 0);
  while (list.length > REQUESTS_MOST || (bytes > BYTES_MOST && list.length > 1))
    bytes -= list.shift()?.bytes ?? 0;
}

function isOpen({ client }: Kept): boolean {
  return client.deref()?.hasLeft === false;
}

/** About what the record takes in memory. */
function bytesOf({ id, from, message, attempts }: RequestRecord): number {
  const texts = [
    id,
    from,
    message,
    ...attempts.flatMap(({ endpoint, pod, node, zone }) => [endpoint, pod, node, zone]),
  ];
  const characters = texts.reduce((sum, one) => sum + (one?.length ?? 0), 0);
  return RECORD_BYTES + attempts.length * ATTEMPT_BYTES + characters;
}
