import { formatDuration } from '../../duration.ts';
import { type ConnectionEnd, ended } from '../connection-end.ts';
import type { Target } from '../transport.ts';
import { pingCommand } from './metadata.ts';
import { Silence } from './silence.ts';

interface HeartbeatOwner {
  /** How many chunks have been read from the peer so far. */
  chunks(): number;
  /** Whether nothing is read from the peer at present. */
  isPaused(): boolean;
  /** Whether something waits to be sent because the peer, or the network, takes it slowly. */
  isBlocked(): boolean;
  ping(command: Buffer): void;
  /** The peer is silent. May be called again if it goes on being silent. */
  dead(end: ConnectionEnd): void;
}

const STOPPED = 'it is stopped';
/** What its PINGs had promised. */
const UNKEPT = ended('no_heartbeat', 'the peer sent no further heartbeat', STOPPED, 'the network is gone');

/** PINGs to a peer, and what its own PINGs promise (RFC 37, section 3.5). */
export class Heartbeat {
  readonly #owner: HeartbeatOwner;
  readonly #promised: Silence;
  #answer: Silence | undefined;
  #interval: NodeJS.Timeout | undefined;

  constructor(owner: HeartbeatOwner) {
    this.#owner = owner;
    this.#promised = new Silence(owner.chunks, () => {
      // What we do not read proves nothing.
      if (!owner.isPaused()) owner.dead(UNKEPT);
    });
  }

  start({ intervalMs, timeoutMs }: NonNullable<Target['heartbeat']>): void {
    const what = `the peer answered no heartbeat for ${formatDuration(timeoutMs)}`;
    const answer = new Silence(this.#owner.chunks, () =>
      this.#owner.dead(ended('no_heartbeat', what, STOPPED, 'the network or its machine is gone')),
    );
    this.#answer = answer;
    this.#interval = setInterval(() => {
      // A PING would be behind all that, and its answer late. Whoever waits for a reply has a timeout.
      if (this.#owner.isBlocked()) return answer.stop();
      answer.expect(timeoutMs);
      this.#owner.ping(pingCommand(intervalMs + timeoutMs));
    }, intervalMs).unref();
  }

  /** The peer promises to send something within this time. */
  expect(withinMs: number): void {
    this.#promised.expect(withinMs);
  }

  stop(): void {
    clearInterval(this.#interval);
    this.#answer?.stop();
    this.#promised.stop();
  }
}
