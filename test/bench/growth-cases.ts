import { type App, InMemory, type Options } from './in-memory.ts';

/** One kind of event, and what grows. */
export interface Case {
  what: string;
  sizes: readonly number[];
  /** @param stepMs how far apart requests come, if each has its own time */
  prepare(size: number, stepMs: number): Promise<Prepared>;
}

/** A route with everything that is needed for the events, which are all that costs from here on. */
export interface Prepared {
  it: InMemory;
  /** Lets them happen. What follows from that within `followMs` counts, too. */
  happen(): void;
  events: number;
  followMs?: number;
  /** Requests that have their outcome then. */
  settled: number;
}

const SIZES = [10, 100, 1_000, 10_000, 100_000];
const ENDPOINTS = [10, 100, 1_000];
const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
/** The highest limits of an endpoint and of a client that the configuration takes. */
const ENDPOINT_MOST = 10_000;
const CLIENT_MOST = 10_000;

/** Lets each app ask, one after the other. */
async function askEach(it: InMemory, apps: readonly App[], stepMs: number): Promise<void> {
  for (const app of apps) {
    it.time.stall(stepMs);
    app.ask();
  }
  await it.run();
}

/** Waiting requests, one of each app. */
async function waiting(count: number, stepMs: number, deadlineMs = MINUTE_MS): Promise<InMemory> {
  const it = await InMemory.start({ isUp: false, retry: { deadlineMs, waitMs: deadlineMs } });
  await askEach(it, it.apps(count), stepMs);
  return it;
}

/** Requests in flight at servers that do not answer, one of each app. */
async function inFlight(count: number, stepMs: number, retry: Options['retry'] = {}) {
  const it = await InMemory.start({ ...roomFor(count), retry });
  it.network.isAnswering = false;
  const apps = it.apps(count);
  await askEach(it, apps, stepMs);
  return { it, apps };
}

/** As few endpoints as may have so many attempts at once. */
function roomFor(count: number) {
  const endpoints = Math.ceil(count / ENDPOINT_MOST);
  return { endpoints, limits: { inFlightPerEndpoint: count / endpoints } };
}

export const CASES: readonly Case[] = [
  {
    what: 'a request comes, and waits for an endpoint',
    sizes: SIZES,
    async prepare(size) {
      const it = await InMemory.start({ isUp: false });
      const apps = it.apps(size);
      const happen = () => {
        for (const app of apps) app.ask();
      };
      return { it, happen, events: size, settled: 0 };
    },
  },
  {
    what: 'requests wait; an endpoint comes up and answers them, 64 at once',
    sizes: SIZES,
    async prepare(size, stepMs) {
      const it = await waiting(size, stepMs);
      return { it, happen: () => it.network.comeUp(), events: size, settled: size };
    },
  },
  {
    what: 'requests wait; the route leaves and cuts them',
    sizes: SIZES,
    async prepare(size, stepMs) {
      const it = await waiting(size, stepMs);
      return { it, happen: () => it.route.cut(), events: size, settled: size };
    },
  },
  {
    what: 'requests wait until the deadline of each',
    sizes: SIZES,
    async prepare(size, stepMs) {
      const it = await waiting(size, stepMs, 2 * SECOND_MS);
      return { it, happen: () => undefined, events: size, followMs: 4 * SECOND_MS, settled: size };
    },
  },
  {
    what: 'attempts time out at endpoints that are full with them; as many requests wait',
    sizes: SIZES,
    async prepare(size, stepMs) {
      const deadlineMs = 4 * SECOND_MS;
      const retry = { timeoutMs: 2 * SECOND_MS, deadlineMs, waitMs: deadlineMs };
      const { it, apps } = await inFlight(size, stepMs / 2, retry);
      await askEach(it, it.apps(size), stepMs / 2);
      const settled = size + apps.length;
      return { it, happen: () => undefined, events: settled, followMs: 6 * SECOND_MS, settled };
    },
  },
  {
    what: 'late attempts are answered after all',
    sizes: SIZES,
    async prepare(size, stepMs) {
      // Their retries wait, because late attempts take all the room, until some of them are given up.
      const { it } = await inFlight(size, stepMs, { timeoutMs: 2 * SECOND_MS, deadlineMs: MINUTE_MS });
      const answer = () => {
        it.network.isAnswering = true;
        it.network.answer();
      };
      const happen = () => it.time.after(4 * SECOND_MS, answer);
      return { it, happen, events: size, followMs: 4 * SECOND_MS, settled: size };
    },
  },
  {
    what: 'pipelined requests of one client, one in flight',
    sizes: SIZES,
    async prepare(size) {
      const it = await InMemory.start({});
      const app = it.app();
      return { it, happen: () => app.ask(size), events: size, settled: size };
    },
  },
  {
    what: 'pipelined requests of one client, all in flight',
    sizes: SIZES.filter((size) => size <= CLIENT_MOST),
    async prepare(size) {
      const limits = { inFlightPerClient: size, inFlightPerEndpoint: size };
      const it = await InMemory.start({ limits });
      const app = it.app();
      return { it, happen: () => app.ask(size), events: size, settled: size };
    },
  },
  {
    what: 'requests in flight are answered',
    sizes: SIZES,
    async prepare(size, stepMs) {
      const { it } = await inFlight(size, stepMs);
      return { it, happen: () => it.network.answer(), events: size, settled: size };
    },
  },
  {
    what: 'requests in flight end at the deadline of each',
    sizes: SIZES,
    async prepare(size, stepMs) {
      const { it } = await inFlight(size, stepMs, { deadlineMs: 2 * SECOND_MS });
      return { it, happen: () => undefined, events: size, followMs: 4 * SECOND_MS, settled: size };
    },
  },
  {
    what: 'the apps of requests in flight leave, one after the other',
    sizes: SIZES,
    async prepare(size, stepMs) {
      const { it, apps } = await inFlight(size, stepMs);
      const happen = () => {
        for (const app of apps) app.leave();
      };
      return { it, happen, events: size, settled: size };
    },
  },
  {
    what: 'a request with so many endpoints, subset: all',
    sizes: ENDPOINTS,
    async prepare(size) {
      const it = await InMemory.start({ endpoints: size });
      const apps = it.apps(10);
      const happen = () => {
        for (const app of apps) app.ask(size / apps.length);
      };
      return { it, happen, events: size, settled: size };
    },
  },
  {
    what: 'an endpoint comes up, subset: all',
    sizes: ENDPOINTS,
    async prepare(size) {
      const it = await InMemory.start({ endpoints: size, isUp: false });
      return { it, happen: () => it.network.comeUp(), events: size, settled: 0 };
    },
  },
  {
    what: 'an endpoint drops its connection and comes back, subset: all',
    sizes: ENDPOINTS,
    async prepare(size) {
      const it = await InMemory.start({ endpoints: size });
      return { it, happen: () => it.network.drop(), events: size, followMs: SECOND_MS, settled: 0 };
    },
  },
];
