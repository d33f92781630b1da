/** Mutations of a line that change nothing that anybody could see, and why. The line is found by its line, wherever that stands in the file. */
export interface Harmless {
  /** The name of the file, without its folder. */
  readonly file: string;
  /** The line as it is and as the mutation makes it, without indentation, as the tool prints it. */
  readonly was: string;
  readonly becomes: readonly string[];
  readonly why: string;
}

export const HARMLESS: readonly Harmless[] = [
  {
    file: 'latency.ts',
    was: '#atMs = 0;',
    becomes: ['#atMs = 1;'],
    why: 'It is read only once there is an estimate, which sets it.',
  },
  {
    file: 'latency.ts',
    was: 'if (this.#count < FIRST_REPLIES && elapsedMs >= (this.#estimateMs ?? 0)) this.#estimateMs = undefined;',
    becomes: [
      'if (this.#count < FIRST_REPLIES && elapsedMs > (this.#estimateMs ?? 0)) this.#estimateMs = undefined;',
      'if (this.#count < FIRST_REPLIES && elapsedMs >= (this.#estimateMs ?? 1)) this.#estimateMs = undefined;',
    ],
    why: 'An equal time gives the same estimate either way, and what is undefined need not become it.',
  },
  {
    file: 'latency.ts',
    was: 'if (elapsedMs <= (this.fadedMs(nowMs) ?? 0)) return;',
    becomes: ['if (elapsedMs < (this.fadedMs(nowMs) ?? 0)) return;'],
    why: 'No time is exactly as long as a faded one.',
  },
  {
    file: 'latency.ts',
    was: 'const raisedMs = this.#average(this.#estimateMs, elapsedMs, this.#count + 1);',
    becomes: ['const raisedMs = this.#average(this.#estimateMs, elapsedMs, this.#count + 2);'],
    why: 'The count is five or more here, and from five on it makes no difference.',
  },
  {
    file: 'latency.ts',
    was: 'if (this.#estimateMs === undefined) return false;',
    becomes: ['if (false) return false;', 'if (this.#estimateMs === undefined) return true;'],
    why: 'The comparison with NaN that follows is false too; and forgetting what does not exist changes nothing.',
  },
  {
    file: 'balancer.ts',
    was: 'const second = all.length > 1 ? (first + 1 + Math.floor(random() * (all.length - 1))) % all.length : first;',
    becomes: [
      'const second = true ? (first + 1 + Math.floor(random() * (all.length - 1))) % all.length : first;',
      'const second = all.length >= 1 ? (first + 1 + Math.floor(random() * (all.length - 1))) % all.length : first;',
    ],
    why: 'Of one, the remainder is 0 as well.',
  },
  {
    file: 'balancer.ts',
    was: 'if (oneMs === undefined || otherMs === undefined) return one.inFlight < other.inFlight;',
    becomes: ['if (oneMs === undefined || otherMs === undefined) return one.inFlight <= other.inFlight;'],
    why: 'Of two alike, which were drawn at random, either will do.',
  },
  {
    file: 'balancer.ts',
    was: 'return oneMs * (one.inFlight + 1) < otherMs * (other.inFlight + 1);',
    becomes: ['return oneMs * (one.inFlight + 1) <= otherMs * (other.inFlight + 1);'],
    why: 'Of two alike, which were drawn at random, either will do.',
  },
  {
    file: 'budget.ts',
    was: 'if (elapsedMs <= 0) return;',
    becomes: ['if (elapsedMs < 0) return;'],
    why: 'In no time nothing fades and nothing comes.',
  },
  {
    file: 'concurrency-limit.ts',
    was: 'this.value = Math.floor(this.#exact + 1e-9);',
    becomes: ['this.value = Math.floor(this.#exact + 2e-9);'],
    why: 'Any margin that is larger than the rounding error will do.',
  },
  { file: 'ejection.ts', was: '#times = 0;', becomes: ['#times = 1;'], why: 'The first ejection sets it.' },
  {
    file: 'selection.ts',
    was: 'const fresh = choose(all, tried.length > 0 ? isUntried : isFree, random, nowMs);',
    becomes: [
      'const fresh = choose(all, true ? isUntried : isFree, random, nowMs);',
      'const fresh = choose(all, tried.length >= 0 ? isUntried : isFree, random, nowMs);',
    ],
    why: 'If none has been tried, all are untried; the condition saves the question.',
  },
  {
    file: 'selection.ts',
    was: 'const mayLeaveOut = ejected > 0 && all.some((one) => one.isUp && !one.isEjected);',
    becomes: ['const mayLeaveOut = ejected >= 0 && all.some((one) => one.isUp && !one.isEjected);'],
    why: 'If none is ejected, none is left out; the condition saves the question.',
  },
  {
    file: 'waiting-line.ts',
    was: 'for (const request of all) request.line?.leave(request);',
    becomes: ['for (const request of all) request.line.leave(request);'],
    why: 'Each of them stands in a line; only the compiler does not know.',
  },
  {
    file: 'selection.ts',
    was: 'if (only !== undefined && all.length === 1)',
    becomes: ['if (false)', 'if (only === undefined && all.length === 1)'],
    why: 'What follows chooses the same one; this only saves time.',
  },
  {
    file: 'series-by-route.ts',
    was: 'if (this.#renamed.size === 0) queueMicrotask(() => this.#startAgain());',
    becomes: ['if (true) queueMicrotask(() => this.#startAgain());'],
    why: 'The first of them leaves no names for the others.',
  },
  {
    file: 'silence.ts',
    was: '#chunksBefore = 0;',
    becomes: ['#chunksBefore = 1;'],
    why: 'It is read only while a timer is set, and whatever sets one sets it.',
  },
  {
    file: 'slots.ts',
    was: 'const slot = this.#free.pop() ?? this.#items.length;',
    becomes: ['const slot = this.#free.shift() ?? this.#items.length;'],
    why: 'Any free slot will do; taking the first one only takes longer.',
  },
  {
    file: 'subset.ts',
    was: '.sort((a, b) => b.rank - a.rank || (a.one.address < b.one.address ? -1 : 1))',
    becomes: [
      '.sort((a, b) => b.rank - a.rank || (a.one.address <= b.one.address ? -1 : 1))',
      '.sort((a, b) => b.rank - a.rank || (a.one.address < b.one.address ? -2 : 1))',
      '.sort((a, b) => b.rank - a.rank || (a.one.address < b.one.address ? -1 : 2))',
    ],
    why: 'Addresses differ, and only the sign of the result counts.',
  },
  {
    file: 'subset.ts',
    was: 'return (hash ^ (hash >>> 16)) >>> 0;',
    becomes: ['return (hash ^ (hash >>> 16)) >>> 1;'],
    why: 'Half of each rank has the same order.',
  },
];
