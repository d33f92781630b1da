import type { AdminConfig, HostPort } from '../config/config.ts';
import { cannotBothListen } from '../config/values/address.ts';
import type { Door } from '../ops/admin/door.ts';
import { tcpAddress } from '../tcp-address.ts';

const NAMES = ['listen', 'inspect'] as const;

export type DoorName = (typeof NAMES)[number];

/** @throws {StartError} if it cannot listen */
type OpenDoor = (name: DoorName, at: HostPort) => Promise<Door>;

/** Another place for some doors, on the way to which others may have been closed. */
export interface DoorsChange {
  /** @throws {StartError} */
  open(): Promise<void>;
  /** Closes the old doors. */
  commit(): Promise<void>;
  /** Everything is as before. */
  abandon(): Promise<void>;
}

/** The admin doors. */
export class Doors {
  readonly #openDoor: OpenDoor;
  #open = new Map<DoorName, Door>();
  #isClosed = false;

  constructor(open: OpenDoor) {
    this.#openDoor = open;
  }

  /** Where a door listens; `undefined` if it is off. */
  address(name: DoorName): string | undefined {
    return this.#open.get(name)?.address;
  }

  /** @throws {StartError} */
  async open(config: AdminConfig): Promise<void> {
    await this.#openInto(this.#open, config, NAMES);
  }

  /** For good: what a change that is under way has closed or would open stays closed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#open.values()].map((door) => door.close()));
  }

  /**
   * Closes the doors that will move and are in the way, of the other door or of a listener.
   *
   * @param listeners the addresses of the routes
   */
  async change(before: AdminConfig, after: AdminConfig, listeners: readonly string[]): Promise<DoorsChange> {
    const moving = NAMES.filter((name) => addressOf(before[name]) !== addressOf(after[name]));
    const wanted = [...doorAddresses(after), ...listeners];
    const inTheWay = moving.filter((name) => {
      const old = addressOf(before[name]);
      return old !== undefined && wanted.some((one) => cannotBothListen(one, old));
    });
    for (const name of inTheWay) {
      await this.#open.get(name)?.close();
      this.#open.delete(name);
    }
    const fresh = new Map<DoorName, Door>();
    return {
      open: () => this.#openInto(fresh, after, moving),
      commit: async () => {
        const old = moving.map((name) => this.#open.get(name));
        for (const name of moving) this.#open.delete(name);
        for (const [name, door] of fresh) this.#open.set(name, door);
        for (const door of old) await door?.close();
      },
      abandon: async () => {
        for (const door of fresh.values()) await door.close();
        await this.#openInto(this.#open, before, inTheWay);
      },
    };
  }

  async #openInto(
    doors: Map<DoorName, Door>,
    config: AdminConfig,
    names: readonly DoorName[],
  ): Promise<void> {
    for (const name of names) {
      const at = config[name];
      if (at === undefined || this.#isClosed) continue;
      const door = await this.#openDoor(name, at);
      if (this.#isClosed) await door.close();
      else doors.set(name, door);
    }
  }
}

/** The addresses of the doors that are not off. */
export function doorAddresses({ listen, inspect }: AdminConfig): string[] {
  return [addressOf(listen), addressOf(inspect)].filter((address) => address !== undefined);
}

function addressOf(at: HostPort | undefined): string | undefined {
  return at === undefined ? undefined : tcpAddress(at.host, at.port);
}
