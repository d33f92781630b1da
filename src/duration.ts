export const DURATION_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** As people write it in the configuration, in the largest unit that needs no fraction: `15s`, `2500ms`. */
export function formatDuration(exactMs: number): string {
  // Sums of fractions may have 16 digits.
  const ms = Number(exactMs.toPrecision(12));
  if (ms === 0) return '0';
  const unit = (['h', 'm', 's'] as const).find((one) => ms % DURATION_MS[one] === 0) ?? 'ms';
  return `${ms / DURATION_MS[unit]}${unit}`;
}
