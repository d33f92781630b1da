/**
 * A set for items that come and go with each request. Why no `Map` or `Set`: V8 makes a new table whenever one has been
 * added to and deleted from for a while, the old one points to the new, and once an old one has been promoted, every later
 * table and what it held outlives each minor garbage collection.
 */
export class Bag<T extends { index: number }> {
  readonly items: T[] = [];

  add(item: T): void {
    item.index = this.items.length;
    this.items.push(item);
  }

  has(item: T): boolean {
    return this.items[item.index] === item;
  }

  /** @returns whether it was there */
  delete(item: T): boolean {
    if (!this.has(item)) return false;
    const last = this.items.pop();
    if (last !== undefined && last !== item) {
      this.items[item.index] = last;
      last.index = item.index;
    }
    return true;
  }

  clear(): void {
    this.items.length = 0;
  }
}
