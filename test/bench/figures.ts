/** The value at or below which the given share of all values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Minimum, quartiles and maximum, as text. */
export function spread(values: readonly number[], digits = 0): string {
  const [least, ...others] = [0, 0.25, 0.5, 0.75, 1].map((share) => quantile(values, share).toFixed(digits));
  return `min ${least}  p25 ${others[0]}  median ${others[1]}  p75 ${others[2]}  max ${others[3]}`;
}

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return `${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}
