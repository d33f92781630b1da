import { Reply } from 'zeromq';
import { z85 } from '../z85.ts';
import { context } from './context.ts';
import { patiently } from './patiently.ts';

/** At this address libzmq asks whether a client may connect to a listener with CURVE (RFC 27). */
const ADDRESS = 'inproc://zeromq.zap.01';
const VERSION = Buffer.from('1.0');
const NOTHING = Buffer.alloc(0);

/** The clients that may connect to one listener. */
export interface Door {
  /** Public keys in Z85. */
  allowed: ReadonlySet<string>;
  /** Called when a client was refused. */
  refused(key: string | undefined, address: string): void;
}

/**
 * Answers libzmq for all listeners of the process. It fails closed: it denies an unknown listener, any other mechanism, and a
 * malformed request. While it does not answer at all, libzmq admits nobody, because the listeners set
 * ZMQ_ZAP_ENFORCE_DOMAIN. Only this class creates, reads, writes and closes its socket.
 */
class Doorkeeper {
  readonly #doors = new Map<string, Door>();
  #answering: { socket: Reply; bound: Promise<void> } | undefined;
  #next = 0;

  /**
   * @returns the ZAP domain of the listener
   * @throws {Error} EMFILE if no descriptor is left
   */
  async open(door: Door): Promise<string> {
    const domain = String(this.#next++);
    this.#doors.set(domain, door);
    try {
      this.#answering ??= this.#start();
      await this.#answering.bound;
    } catch (error) {
      this.close(domain);
      throw error;
    }
    return domain;
  }

  close(domain: string): void {
    this.#doors.delete(domain);
    if (this.#doors.size > 0) return;
    this.#answering?.socket.close();
    this.#answering = undefined;
  }

  #start() {
    const socket = new Reply({ context, linger: 0 });
    const drop = () => {
      socket.close();
      if (this.#answering?.socket === socket) this.#answering = undefined;
    };
    const bound = patiently(() => socket.bind(ADDRESS)).then(
      () => void this.#answer(socket).catch(drop),
      (error: unknown) => {
        drop();
        throw error;
      },
    );
    return { socket, bound };
  }

  async #answer(socket: Reply): Promise<void> {
    for (;;) {
      const request = await socket.receive();
      await socket.send(decide(request, this.#doors));
    }
  }
}

export const doorkeeper = new Doorkeeper();

/** The reply to a request of libzmq. Pure, except that it calls `refused` of the door. */
export function decide(request: readonly Buffer[], doors: ReadonlyMap<string, Door>): Buffer[] {
  const [version, id = NOTHING, domain, address, , mechanism, clientKey] = request;
  const answer = (status: '200' | '400', text: string) =>
    [VERSION, id, Buffer.from(status), Buffer.from(text), NOTHING, NOTHING] satisfies Buffer[];
  const door = doors.get(String(domain));
  if (door === undefined || version === undefined || !version.equals(VERSION)) return answer('400', 'No');
  const isCurve = String(mechanism) === 'CURVE' && clientKey?.length === 32;
  const key = isCurve ? z85(clientKey) : undefined;
  if (key !== undefined && door.allowed.has(key)) return answer('200', 'OK');
  door.refused(key, String(address));
  return answer('400', 'No');
}
