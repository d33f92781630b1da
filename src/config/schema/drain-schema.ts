import { z } from 'zod';
import { duration, rule } from './value-schemas.ts';

export const drain = z
  .strictObject({
    timeout: duration(
      'Longest time from SIGTERM to exit. Near its end (for the longest deadline, but at most half the time) new requests are refused with `DRAINING`, so that requests in progress can finish.',
      0,
    ).prefault('25s'),
    quiet: duration(
      'The process exits once every request has its outcome and nothing has happened for this time.',
      0,
    ).prefault('500ms'),
  })
  .refine(({ timeout, quiet }) => !(quiet > timeout), rule('must be at most drain.timeout', 'quiet'))
  .prefault({})
  .meta({ title: 'object', description: 'How the process finishes its work and exits after SIGTERM.' });
