import type { ReplyFate } from '../../transport/transport.ts';
import type { Events } from '../events.ts';
import { BUG, causeOf } from '../outcome.ts';
import type { Admission } from '../request/admission.ts';
import type { Request } from '../request/request.ts';
import type { RouteSettings } from '../settings.ts';
import { failureBody } from './failure-reply.ts';

/** Sends outcomes to the apps, each exactly once, and lets observers know. */
export class Delivery {
  /** Those in force. */
  settings: RouteSettings;
  /** When an outcome was last delivered, by `performance.now`. */
  lastMs = Number.NEGATIVE_INFINITY;
  readonly #admission: Admission;
  readonly #events: Events;

  constructor(settings: RouteSettings, admission: Admission, events: Events) {
    this.settings = settings;
    this.#admission = admission;
    this.#events = events;
  }

  /** The request has its result. */
  deliver(request: Request, nowMs: number): void {
    const { reply, envelope, arrivedMs, client } = request;
    if (reply === undefined) {
      // A failure may have taken a while to notice.
      request.elapsedMs = performance.now() - arrivedMs;
      request.executed = request.failure === BUG || request.mayHaveLeft ? 'maybe' : 'no';
    } else {
      request.elapsedMs = nowMs - arrivedMs;
      request.executed = 'yes';
    }
    try {
      const body = reply ?? failureBody(request, this.settings.requests.failureReply);
      const fate = body === undefined ? 'taken' : client.reply(envelope, body);
      if (typeof fate === 'string') this.#delivered(request, fate);
      else
        void fate.then(
          (known) => this.#delivered(request, known),
          (error) => this.#failed(request, error),
        );
    } catch (error) {
      this.#failed(request, error);
    }
  }

  /** Its outcome could not be sent because of a bug. */
  #failed(request: Request, error: unknown): void {
    this.#events.emit('internalError', { route: this.settings.name, error });
    if (request.outcome === undefined) this.#delivered(request, 'gone');
  }

  #delivered(request: Request, fate: ReplyFate): void {
    const { reply, failure = BUG, client } = request;
    const isTaken = fate === 'taken' && !client.hasLeft;
    request.cause = reply === undefined ? causeOf(failure) : 'ok';
    request.outcome = isTaken ? request.cause : 'client_gone';
    request.replyBytes = isTaken ? (reply?.bytes ?? 0) : 0;
    if (fate === 'full')
      this.#events.emit('droppedClient', { route: this.settings.name, address: client.address });
    // Whoever looks at the counts and the events together sees each request in one of them, never in both or neither.
    this.#admission.leave(request);
    this.#events.emit('settled', request);
    this.lastMs = performance.now();
    client.done(request);
  }
}
