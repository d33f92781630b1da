/**
 * A set for items that come and go with each request. Why not a `Map` or `Set`: with steady adds and deletes, V8 keeps making
 * new tables, and each old table points to the next one. Once one of them is in the old generation, minor garbage collections
 * can no longer free any later table or what it held.
 */
export class IndexedSet<T extends { index: number }> {
  readonly items: T[] = [];

  add(item: T): void {
    item.index = this.items.length;
    this.items.push(item);
  }

  /** @returns whether the item was in the set */
  delete(item: T): boolean {
    if (this.items[item.index] !== item) return false;
    const last = this.items.pop();
    if (last !== undefined && last !== item) {
      this.items[item.index] = last;
      last.index = item.index;
    }
    return true;
  }
}
