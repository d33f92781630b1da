import { DURATION_MS } from '../../duration.ts';

const SIZE_BYTES = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;

/** The form of a duration, for JSON Schema and for the parser. It does not check the range. */
export const DURATION_PATTERN = pattern(DURATION_MS);
/** The form of a size, for JSON Schema and for the parser. It does not check that it is a whole number of bytes. */
export const SIZE_PATTERN = pattern(SIZE_BYTES);

const DURATION = new RegExp(DURATION_PATTERN);
const SIZE = new RegExp(SIZE_PATTERN);

/**
 * Reads `250ms`, `2.5s`, `1m`, `1h`, or a number of ms (also as text).
 *
 * @returns milliseconds, finite and not negative; fractions are kept
 * @throws {Error} if the input is not a duration; the message shows valid ones
 */
export function parseDuration(input: string | number): number {
  const ms = parse(input, DURATION, DURATION_MS);
  if (ms === undefined) {
    const words = blanksRemoved(input, DURATION) ?? '250ms, 2.5s, 1m or a number of milliseconds';
    throw new Error(`${quoted(input)} is not a duration: write ${words}`);
  }
  return ms;
}

/**
 * Reads `64KiB`, `16MiB`, `1GiB`, or a number of bytes (also as text).
 *
 * @returns whole bytes, not negative
 * @throws {Error} if the input is not a size; the message shows valid ones
 */
export function parseSize(input: string | number): number {
  const bytes = parse(input, SIZE, SIZE_BYTES);
  if (bytes === undefined || !Number.isSafeInteger(bytes)) {
    const words = blanksRemoved(input, SIZE) ?? '64KiB, 16MiB, 1GiB or a whole number of bytes';
    throw new Error(`${quoted(input)} is not a size: write ${words}`);
  }
  return bytes;
}

/**
 * What a duration or size meant that had blanks around it or inside, which versions before 0.1.0 took.
 *
 * @param form of today
 * @returns `undefined` if it has today's form, or no such meaning
 */
export function blanksRemoved(input: unknown, form: RegExp): string | undefined {
  if (typeof input !== 'string' || form.test(input)) return undefined;
  const [, digits, unit] = /^\s*([0-9.]+)\s*([A-Za-z]*)\s*$/.exec(input) ?? [];
  const meant = digits === undefined ? '' : `${digits}${unit}`;
  return form.test(meant) ? meant : undefined;
}

/** In the largest unit that needs no fraction. */
export function formatSize(bytes: number): string {
  if (bytes === 0) return '0';
  const unit = (['GiB', 'MiB', 'KiB'] as const).find((one) => bytes % SIZE_BYTES[one] === 0);
  return unit === undefined ? String(bytes) : `${bytes / SIZE_BYTES[unit]}${unit}`;
}

/** Uses only syntax that all dialects of regular expressions share. */
function pattern(units: Readonly<Record<string, number>>): string {
  return `^([0-9]{1,15}(?:\\.[0-9]{1,9})?) *(${Object.keys(units).join('|')})?$`;
}

function parse(
  input: string | number,
  form: RegExp,
  units: Readonly<Record<string, number>>,
): number | undefined {
  // A number has any digits, as in JSON Schema: more than a text may have.
  if (typeof input === 'number') return Number.isFinite(input) && input >= 0 ? input : undefined;
  const [, digits, unit] = form.exec(input) ?? [];
  const factor = unit === undefined ? 1 : units[unit];
  // Floating point makes 1000.9999999999999 of 1.001 times 1000.
  return digits === undefined || factor === undefined
    ? undefined
    : Number((Number(digits) * factor).toPrecision(15));
}

function quoted(input: string | number): string {
  return JSON.stringify(typeof input === 'string' && input.length > 40 ? `${input.slice(0, 40)}…` : input);
}
