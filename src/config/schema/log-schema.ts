import { z } from 'zod';
import { durationOrOff, oneOf, share } from './value-schemas.ts';

export const log = z
  .strictObject({
    level: oneOf(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'Lowest level that is written.',
    ).prefault('info'),
    format: oneOf(
      ['auto', 'json', 'pretty'],
      'How lines look. `json`: one JSON object each. `pretty`: for people, with time, level and message first. `auto`: `pretty` if standard output is a terminal, `json` if not.',
    ).prefault('auto'),
    sample: share(
      'Share of successful requests that are logged. Failures are always logged, but rate-limited.',
      1,
    ).prefault(0),
    slow: durationOrOff(
      'From this time on, an answered request counts as slow: it is logged, but rate-limited, and kept for `/requests`.',
    ).prefault('off'),
  })
  .prefault({})
  .meta({ title: 'object', description: 'Lines on standard output.' });
