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

/** The newest requests of a kind, in the order in which they were settled. */
class Newest {
  readonly all: Kept[] = [];
  #bytes = 0;

  /** A record that is too large on its own stays: it has a largest size too. */
  add(kept: Kept): void {
    this.all.push(kept);
    this.#bytes += kept.bytes;
    while (this.all.length > REQUESTS_MOST || (this.#bytes > BYTES_MOST && this.all.length > 1))
      this.#bytes -= this.all.shift()?.bytes ?? 0;
  }
}

/** Those of one route. */
interface Lists {
  failed: Newest;
  slow: Newest;
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

  /**
   * So many of these at most, with the processes that can still be found: they are looked up once for each record, and only while its
   * connection is open.
   */
  async shown(isWanted: (record: RequestRecord) => boolean, most: number): Promise<RequestRecord[]> {
    const wanted = this.#kept()
      .filter(({ record }) => isWanted(record))
      .slice(0, most);
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
    list.add({
      record,
      bytes,
      order: this.#count++,
      client: new WeakRef(request.client),
      isLookedUp: false,
    });
  }

  #listsOf(route: string): Lists {
    const known = this.#routes.get(route);
    if (known !== undefined) return known;
    this.#forgetOthers();
    const lists: Lists = { failed: new Newest(), slow: new Newest() };
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
      .flatMap(({ failed, slow }) => [...failed.all, ...slow.all])
      .sort((a, b) => b.order - a.order);
  }

  #rename(renamed: readonly { was: string; route: string }[]): void {
    const names = new Map(renamed.map(({ was, route }) => [was, route]));
    const routes = new Map<string, Lists>();
    for (const [was, { failed, slow }] of this.#routes) {
      const route = names.get(was) ?? was;
      const others = routes.get(route);
      for (const one of [...failed.all, ...slow.all])
        if (route !== was) one.record = { ...one.record, route };
      routes.set(route, { failed: merged(failed, others?.failed), slow: merged(slow, others?.slow) });
    }
    this.#routes = routes;
  }
}

function merged(one: Newest, other: Newest | undefined): Newest {
  if (other === undefined) return one;
  const both = new Newest();
  for (const kept of [...one.all, ...other.all].sort((a, b) => a.order - b.order)) both.add(kept);
  return both;
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
