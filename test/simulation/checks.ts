import { Events, type ObservedAttempt } from '../../src/proxy/events.ts';
import type { RouteSettings } from '../../src/proxy/settings.ts';
import type { RouteStatus, UpstreamStatus } from '../../src/proxy/status.ts';
import { type RecordedEvent, recordEvents } from '../support/recorded-events.ts';
import type { VirtualApp } from './apps.ts';
import type { VirtualClient } from './virtual-transport.ts';
import type { Observer, World } from './world.ts';

/** A reply that is sent at the deadline reaches the app a little later. */
const SLACK_MS = 5;
/** How many requests of one client are read beyond those that it may have in flight; see turns.ts. */
const AHEAD = 16;

/** Checks the promises against everything that happens in a world. The most generous of the policies so far applies. */
export class Checks implements Observer {
  readonly violations: string[] = [];
  readonly events = new Events((error, kind) => this.wrong(`an observer of ${kind} threw: ${error}`));
  readonly counts = { received: 0, settled: 0, retries: 0, sends: 0, gone: 0, malformed: 0 };
  /** The settings from the start, and those of each reload. */
  readonly policies: RouteSettings[];
  /** A hash of all events. */
  fingerprint = 0;
  /** How long the process was stalled. */
  stalledMs = 0;
  readonly #executions = new Map<string, number>();
  readonly #settings: RouteSettings;
  readonly #world: World;
  readonly #trace: ((line: string) => void) | undefined;

  constructor(world: World, settings: RouteSettings, trace: ((line: string) => void) | undefined) {
    this.#world = world;
    this.#settings = settings;
    this.policies = [settings];
    this.#trace = trace;
    recordEvents(this.events, this.#told);
    this.events.on('sent', this.#sent);
  }

  received(client: VirtualClient): void {
    const { inFlightPerClient } = this.#settings.requests;
    if (client.unanswered > inFlightPerClient + AHEAD)
      this.wrong(`5: ${client.unanswered} requests of one client were read`);
  }

  /** Its requests end at once. */
  leaving(client: VirtualClient, tell: () => void): void {
    const { unanswered } = client;
    const { gone } = this.counts;
    this.tell(`a client leaves with ${unanswered} requests`);
    tell();
    this.#world.time.afterThis(() => {
      const ended = this.counts.gone - gone;
      if (ended < unanswered || !client.owner.isIdle)
        this.wrong(`2: ${ended} of ${unanswered} requests ended when their client left`);
    });
  }

  broken(why: string): void {
    this.wrong(`transport: ${why}`);
  }

  executed(body: string): void {
    const [request = ''] = body.split('x');
    this.#executions.set(request, (this.#executions.get(request) ?? 0) + 1);
    this.tell(`executes ${request}`);
  }

  readonly #told = (event: RecordedEvent): void => {
    this.tell(JSON.stringify(event));
    const counts = this.counts;
    if (event.kind === 'received') counts.received++;
    if (event.kind === 'malformed') counts.malformed++;
    if (event.kind === 'retry') counts.retries++;
    if (event.kind === 'attempt') {
      counts.sends++;
      if (event.result === 'timeout' && this.#world.time.isInputWaiting)
        this.wrong('a timeout was declared while input was unread');
    }
    if (event.kind === 'internalError') this.wrong(`internal error: ${(event.error as Error).stack}`);
    if (event.kind !== 'settled') return;
    counts.settled++;
    if (event.outcome === 'client_gone') counts.gone++;
    const most = Math.max(...this.policies.map(({ requests }) => requests.retry.attempts));
    if (event.request.attempts > most) this.wrong(`3: ${event.request.attempts} attempts`);
    if (event.request.elapsedMs > this.#longestMs + SLACK_MS + this.stalledMs)
      this.wrong(`4: settled after ${event.request.elapsedMs} ms`);
  };

  readonly #sent = ({ sentMs, request: { arrivedMs } }: ObservedAttempt): void => {
    const afterMs = sentMs - arrivedMs;
    if (afterMs >= this.#longestMs) this.wrong(`4: sent after ${afterMs} ms`);
  };

  get #longestMs(): number {
    return Math.max(...this.policies.map(({ requests }) => requests.retry.deadlineMs));
  }

  caps({ inFlight, inFlightBytes, queued, queuedBytes, endpoints }: RouteStatus): void {
    const most = (of: (settings: RouteSettings) => number) => Math.max(...this.policies.map(of));
    if (inFlight > most(({ requests }) => requests.limits.inFlight)) this.wrong(`5: ${inFlight} in flight`);
    // One that is larger than the limit may be sent alone.
    if (inFlight > 1 && inFlightBytes > most(({ requests }) => requests.limits.inFlightBytes))
      this.wrong(`5: ${inFlightBytes} bytes in flight`);
    if (queued > most(({ requests }) => requests.limits.queue)) this.wrong(`5: ${queued} queued`);
    if (queuedBytes > most(({ requests }) => requests.limits.queueBytes))
      this.wrong(`5: ${queuedBytes} bytes queued`);
    for (const { address, inFlight } of endpoints)
      if (inFlight < 0 || inFlight > most(({ endpoints }) => endpoints.inFlight.correlated))
        this.wrong(`5: ${inFlight} in flight at ${address}`);
  }

  /** A reload has changed nothing but the list of endpoints. */
  relisted(before: RouteStatus, after: RouteStatus): void {
    if (before.isUsable && !after.isUsable) this.wrong('a list took every connected endpoint away');
    const { endpoints, upstream } = after.settings;
    if (upstream.discovery.kind !== 'static' || endpoints.subset !== 'all') return;
    const listed = upstream.discovery.endpoints;
    const [was, is, wanted] = [before, after, after.next ?? after].map(inSet);
    for (const address of listed)
      if (was?.has(address) && was.get(address) !== is?.get(address))
        this.wrong(`${address} stays in the list: it was ${was.get(address)}, and is ${is?.get(address)}`);
    const found = [...(wanted?.keys() ?? [])].toSorted().join();
    if (found !== listed.toSorted().join()) this.wrong(`the list is ${listed}, and in use is ${found}`);
  }

  outcomes(apps: readonly VirtualApp[], status: RouteStatus, elapsedMs: number): void {
    const { received, settled, retries, sends, malformed } = this.counts;
    const { queued, queuedBytes, inFlight, inFlightBytes, unsent, answering, endpoints } = status;
    if ([queued, queuedBytes, inFlight, inFlightBytes, unsent, answering].some((count) => count !== 0))
      this.wrong(`left behind: ${queued} queued, ${inFlight} in flight, ${unsent + answering} not told`);
    for (const one of endpoints)
      if (one.inFlight !== 0) this.wrong(`left behind: ${one.inFlight} at ${one.address}`);
    if (received !== settled) this.wrong(`2: ${received} received, ${settled} settled`);
    const { ratio, minPerSecond } = this.#settings.requests.budget;
    const allowed = received * ratio + minPerSecond * (elapsedMs / 1_000 + 1);
    if (retries > allowed) this.wrong(`3: ${retries} retries of ${received} requests`);
    if (sends > received + allowed) this.wrong(`3: ${sends} attempts`);
    const babbled = this.#world.malformed;
    if (malformed !== babbled) this.wrong(`${malformed} of ${babbled} malformed messages`);
    for (const app of apps) this.#checkApp(app);
  }

  #checkApp(app: VirtualApp): void {
    for (const wrong of app.wrong) this.wrong(`1: ${wrong}`);
    for (const { body } of app.pending) this.wrong(`2: no outcome for ${body.slice(0, 20)}`);
    const most = Math.max(...this.policies.map(({ requests }) => requests.retry.attempts));
    const isOnce = this.policies.every(({ requests }) =>
      requests.retry.retryOn.every((one) => one === 'unsent'),
    );
    for (const { body, failure } of app.outcomes) {
      const [request = ''] = body.split('x');
      const executions = this.#executions.get(request) ?? 0;
      if (executions > (isOnce ? 1 : most)) this.wrong(`6: ${request} was executed ${executions} times`);
      if (failure?.executed === 'no' && executions > 0)
        this.wrong(`6: ${request} was executed, but the failure reply says no`);
      if (failure?.code === 'REPLY_TOO_LARGE' && executions === 0)
        this.wrong(`6: ${request} had no reply that could be too large`);
      if (failure?.code === 'INTERNAL') this.wrong(`7: ${request} met a bug`);
    }
  }

  wrong(violation: string): void {
    this.violations.push(violation);
    this.tell(`VIOLATION ${violation}`);
  }

  tell(line: string): void {
    for (let at = 0; at < line.length; at += 7)
      this.fingerprint = (this.fingerprint * 31 + line.charCodeAt(at)) | 0;
    this.#trace?.(`${this.#world.time.nowMs.toFixed(2)} ${line}`);
  }
}

/** What is known of the endpoints of an upstream, except those that have been removed. */
function inSet({ endpoints }: UpstreamStatus): Map<string, string> {
  const all = endpoints.filter(({ state }) => state !== 'terminating' && state !== 'gone');
  return new Map(
    all.map(({ address, state, sinceMs, latencyMs }) => [
      address,
      `${state} for ${sinceMs} ms, with a latency of ${latencyMs} ms`,
    ]),
  );
}
