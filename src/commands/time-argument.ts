import { parseValue } from '../config/text/arguments.ts';
import { parseDuration } from '../config/values/units.ts';
import { formatDuration } from '../duration.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;

/**
 * Reads a duration of at most a day. A timer for more than 24 days would fire at once.
 *
 * @throws {ConfigError}
 */
export function parseTime(name: string, text: string, leastMs: number): number {
  const parse = () => {
    const ms = parseDuration(text);
    if (ms >= leastMs && ms <= DAY_MS) return ms;
    throw new Error(`must be from ${formatDuration(leastMs)} to 24h, not ${text}`);
  };
  return parseValue(name, parse, text);
}
