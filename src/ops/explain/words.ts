/* How figures, times and names are written. */

/** `1 request`, `1,024 requests`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${number(count)} ${count === 1 ? noun : plural}`;
}

export function number(count: number): string {
  return count.toLocaleString('en-US');
}

/** `0.4 ms`, `12 ms`, `2.5 s`, `44 s`, `3 min 5 s`, `2 h 5 min`, `3 d 4 h`. */
export function length(ms: number): string {
  if (ms < 9.95) return `${Number(ms.toFixed(1))} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${Number((ms / 1_000).toFixed(1))} s`;
  if (ms < 59_500) return `${Math.round(ms / 1_000)} s`;
  const seconds = Math.round(ms / 1_000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return withRest(`${minutes} min`, seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return withRest(`${hours} h`, minutes % 60, 'min');
  return withRest(`${Math.floor(hours / 24)} d`, hours % 24, 'h');
}

function withRest(words: string, rest: number, unit: string): string {
  return rest === 0 ? words : `${words} ${rest} ${unit}`;
}

/** `12:03:05 UTC`, with the date if it is not today. */
export function clock(time: Date, now: Date): string {
  const [day = '', hours = ''] = time.toISOString().slice(0, 19).split('T');
  return `${now.toISOString().startsWith(day) ? '' : `${day} `}${hours} UTC`;
}

/** `since 12:03:05 UTC (4 min)`, `since the start at 12:03:05 UTC (4 min)` */
export function since(agoMs: number, now: Date, what = ''): string {
  return `since ${what}${clock(new Date(now.getTime() - agoMs), now)} (${length(agoMs)})`;
}

/** An endpoint by the name of its pod, if that is known. */
export function nameOf({ address, pod }: { address: string; pod?: string | null }): string {
  return pod ? `pod ${pod} (${address})` : address;
}

/** `12%`; less than one in a hundred with a decimal, so that some is never written as none. */
export function percent(share: number): string {
  if (share === 0 || share >= 0.01) return `${Math.min(Math.round(share * 100), share < 1 ? 99 : 100)}%`;
  return `${Math.max(0.1, Number((share * 100).toFixed(1)))}%`;
}

/** `12 timeout, 3 lost`: what there is any of, the most first. */
export function breakdown(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .toSorted(([, one], [, other]) => other - one)
    .map(([name, count]) => `${number(count)} ${name}`)
    .join(', ');
}

/** A failure by its code, as in the failure reply; `ok` and `client_gone`, which are none, as they are. */
export function codeWords(outcome: string): string {
  return outcome === 'ok' || outcome === 'client_gone' ? outcome : outcome.toUpperCase();
}

/** `30 OVERLOADED, 2 client_gone`; only the name if there is one kind of them. */
export function outcomeWords(counts: Readonly<Record<string, number>>): string {
  const some = Object.entries(counts).filter(([, count]) => count > 0);
  const [only] = some;
  if (some.length === 1 && only !== undefined) return codeWords(only[0]);
  return breakdown(Object.fromEntries(some.map(([outcome, count]) => [codeWords(outcome), count])));
}

/** A setting by its name, with what is in force. */
export function setting(name: string, value: string): string {
  return `\`${name}\` (now ${value})`;
}

/** `a`, `a and b`, `a, b and c`, `a, b, c and 4 more` */
export function listed(words: readonly string[], most = 5): string {
  const shown = words.length > most ? [...words.slice(0, most), `${words.length - most} more`] : words;
  return shown.length < 2 ? (shown[0] ?? '') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}

/** With a capital, unless it begins with an address, and a full stop. */
export function sentence(words: string): string {
  if (/^\w+:\/\//.test(words)) return `${words}${/[.?!]$/.test(words) ? '' : '.'}`;
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}${/[.?!]$/.test(words) ? '' : '.'}`;
}

/** `the last minute`, `the last 12 s` */
export function window(seconds: number): string {
  return seconds >= 55 ? 'the last minute' : `the last ${Math.max(1, Math.round(seconds))} s`;
}
