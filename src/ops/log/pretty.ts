type Entry = Readonly<Record<string, unknown>>;

/** Keys with a place of their own on the line, and those that are the same on every line. */
const PLACED = new Set(['time', 'level', 'msg', 'err', 'service', 'version', 'pod', 'namespace']);

const FAINT = 2;
const COLORS: Readonly<Record<string, number>> = {
  trace: FAINT,
  debug: FAINT,
  info: 32,
  warn: 33,
  error: 31,
  fatal: 31,
};

/** Whatever could move the cursor, break the line, or turn the direction of the text. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const PLAIN = /^[^\s"'=\p{Cc}\p{Cf}]+$/u;

/**
 * A line of JSON of the log, for people: local time, level, message, then `key=value`, and the stack of an error below.
 *
 * @param hasColor whether to use the colours of a terminal
 */
export function prettyLine(json: string, hasColor: boolean): string {
  const entry = JSON.parse(json) as Entry;
  const paint = (text: string, color = 0) => (hasColor && color > 0 ? `\x1b[${color}m${text}\x1b[0m` : text);
  const level = String(entry['level']);
  const fields = Object.entries(entry).filter(([key]) => !PLACED.has(key));
  const parts = [
    paint(clockOf(String(entry['time'])), FAINT),
    paint(level.toUpperCase().padEnd(5), COLORS[level]),
    escaped(String(entry['msg'] ?? '')),
    ...fields.map(([key, value]) => `${paint(`${key}=`, FAINT)}${shown(value)}`),
  ];
  return `${parts.join(' ')}\n${stackOf(entry['err'])}`;
}

/** On this machine's clock, as the reader's watch shows it. */
function clockOf(time: string): string {
  const at = new Date(time);
  const [hours, minutes, seconds] = [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) =>
    padded(part, 2),
  );
  return `${hours}:${minutes}:${seconds}.${padded(at.getMilliseconds(), 3)}`;
}

function padded(part: number, digits: number): string {
  return String(part).padStart(digits, '0');
}

function shown(value: unknown): string {
  if (typeof value === 'string' && PLAIN.test(value)) return value;
  return escaped(JSON.stringify(value));
}

function stackOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return '';
  const { stack, message } = error as { stack?: unknown; message?: unknown };
  const lines = String(stack ?? message ?? '').split('\n');
  return lines.map((line) => `    ${escaped(line)}\n`).join('');
}

function escaped(text: string): string {
  return text.replace(UNPRINTABLE, (one) => `\\u{${one.codePointAt(0)?.toString(16)}}`);
}
