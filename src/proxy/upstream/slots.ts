/**
 * Items that come and go with each request, each found by its number in constant time. Why not a `Map`: with steady adds and
 * deletes, V8 keeps making new tables, and each old table points to the next one. Once one of them is in the old generation, minor
 * garbage collections can no longer free any later table or what it held.
 */
export class Slots<T> {
  readonly #items: (T | undefined)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#items.length - this.#free.length;
  }

  /** @returns the number of its slot, from 0 on; it is used again after a `delete` */
  add(item: T): number {
    const slot = this.#free.pop() ?? this.#items.length;
    this.#items[slot] = item;
    return slot;
  }

  at(slot: number): T | undefined {
    return this.#items[slot];
  }

  delete(slot: number): void {
    if (this.#items[slot] === undefined) return;
    this.#items[slot] = undefined;
    this.#free.push(slot);
  }

  /** All items, in no particular order. */
  get all(): T[] {
    return this.#items.filter((item) => item !== undefined);
  }

  /** Removes all, and returns them. */
  clear(): T[] {
    const { all } = this;
    this.#items.length = this.#free.length = 0;
    return all;
  }
}
