import { Reply } from 'zeromq';
import { context } from './context.ts';

/** Where libzmq asks, for each client that wants to connect to a listener with CURVE, whether it may (RFC 27). */
const ADDRESS = 'inproc://zeromq.zap.01';
const VERSION = Buffer.from('1.0');
const NOTHING = Buffer.alloc(0);

/** Who may connect to one listener. */
export interface Door {
  /** Public keys in Z85. */
  allowed: ReadonlySet<string>;
  /** A client was turned away. */
  refused(key: string | undefined, address: string): void;
}

/**
 * Answers libzmq for all listeners of the process. It fails closed: a listener that it does not know, another mechanism, a
 * request that is none are all denied; and while it does not answer at all, libzmq lets nobody in.
 * It alone creates, reads, writes and closes its socket.
 */
class Doorkeeper {
  readonly #doors = new Map<string, Door>();
  #socket: Reply | undefined;
  #next = 0;

  /** @returns the ZAP domain under which the listener is known from now on */
  async open(door: Door): Promise<string> {
    const domain = String(this.#next++);
    this.#doors.set(domain, door);
    if (this.#socket === undefined) {
      const socket = new Reply({ context, linger: 0 });
      this.#socket = socket;
      await socket.bind(ADDRESS);
      this.#answer(socket).catch(() => socket.close());
    }
    return domain;
  }

  close(domain: string): void {
    this.#doors.delete(domain);
    if (this.#doors.size > 0) return;
    this.#socket?.close();
    this.#socket = undefined;
  }

  async #answer(socket: Reply): Promise<void> {
    for (;;) {
      const request = await socket.receive();
      await socket.send(decide(request, this.#doors));
    }
  }
}

export const doorkeeper = new Doorkeeper();

/** The reply to a request of libzmq. Pure, but for telling the door whom it turns away. */
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

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';

/** Bytes, a multiple of four, as text (RFC 32). */
export function z85(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4) {
    const value = bytes.readUInt32BE(at);
    for (let power = 85 ** 4; power >= 1; power /= 85) text += DIGITS[Math.floor(value / power) % 85];
  }
  return text;
}
