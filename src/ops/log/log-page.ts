import type { LogLevel } from '../../config/config.ts';
import { parseDuration } from '../../config/values/units.ts';
import { json, type PageEntry, page } from '../admin/page.ts';
import { Refusal } from '../admin/refusal.ts';
import type { LogControl, LogSettings, LogState } from './log-control.ts';

const LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
const EXAMPLE = '{"level":"debug","for":"10m"}';
const FOR_MS = 600_000;
const FOR_MS_MOST = 24 * 3_600_000;
const SLOW_MS_MOST = 3_600_000;

/** What a PUT asks for. */
interface Wanted {
  settings: Partial<LogSettings>;
  forMs: number;
}

/** Reads a value into what is wanted. Gives `false` if it is not of its form. */
interface Key {
  form: string;
  read(value: unknown, wanted: Wanted): boolean;
}

const KEYS: Readonly<Record<string, Key>> = {
  level: {
    form: `one of ${LEVELS.join(', ')}`,
    read(value, { settings }) {
      const level = LEVELS.find((one) => one === value);
      if (level !== undefined) settings.level = level;
      return level !== undefined;
    },
  },
  sample: {
    form: 'a number from 0 to 1',
    read(value, { settings }) {
      if (typeof value !== 'number' || !(value >= 0 && value <= 1)) return false;
      settings.sample = value;
      return true;
    },
  },
  slow: {
    form: 'a duration from 1ms to 1h, or "off"',
    read(value, { settings }) {
      settings.slowMs = value === 'off' ? undefined : durationOf(value, 1, SLOW_MS_MOST);
      return value === 'off' || settings.slowMs !== undefined;
    },
  },
  for: {
    form: 'a duration up to 24h; 0 changes everything back at once',
    read(value, wanted) {
      const forMs = durationOf(value, 0, FOR_MS_MOST);
      wanted.forMs = forMs ?? 0;
      return forMs !== undefined;
    },
  },
};

/** What is logged. A PUT changes it for a while. */
export function logPage(control: LogControl): PageEntry {
  return page({
    path: '/log',
    methods: ['GET', 'PUT'],
    summary: `what is logged, and until when; PUT ${EXAMPLE} changes it for a while`,
    answer({ method, body }) {
      if (method === 'PUT') change(control, wantedBy(body));
      return json({ ...logStatus(control.state), configured: logSettings(control.configured) });
    },
  });
}

function change(control: LogControl, { settings, forMs }: Wanted): void {
  if (forMs === 0) control.revert('PUT /log');
  else control.change(settings, forMs, 'PUT /log');
}

export function logStatus({ until, ...settings }: LogState) {
  return { ...logSettings(settings), until: until?.toISOString() ?? null };
}

function logSettings({ level, sample, slowMs }: LogSettings) {
  return { level, sample, slowMs: slowMs ?? null };
}

/** @throws {Refusal} with every problem, one a line */
function wantedBy(body: string): Wanted {
  const given = objectOf(body);
  const wanted: Wanted = { settings: {}, forMs: FOR_MS };
  const problems = Object.entries(given).flatMap(([name, value]) => {
    const key = Object.hasOwn(KEYS, name) ? KEYS[name] : undefined;
    if (key === undefined)
      return [`unknown key ${JSON.stringify(name)}; allowed here: ${Object.keys(KEYS).join(', ')}`];
    return key.read(value, wanted) ? [] : [`${name} must be ${key.form}`];
  });
  if (problems.length === 0 && wanted.forMs > 0 && Object.keys(wanted.settings).length === 0)
    problems.push(`nothing to change; write for example ${EXAMPLE}`);
  if (problems.length > 0) throw new Refusal(400, problems.join('\n'));
  return wanted;
}

/** @throws {Refusal} */
function objectOf(body: string): object {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    // Not JSON: as for any other value.
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new Refusal(400, `the body must be a JSON object, for example ${EXAMPLE}`);
}

function durationOf(value: unknown, least: number, most: number): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined;
  try {
    const ms = parseDuration(value);
    return ms >= least && ms <= most ? ms : undefined;
  } catch {
    return undefined;
  }
}
