import { UserError } from '../errors.ts';
import type { Terminal } from './command.ts';

/**
 * For a command of which nothing is left but what it prints.
 *
 * @throws {UserError} if nobody can get that
 */
export function needOutput({ isOutputClosed }: Terminal): void {
  if (isOutputClosed?.())
    throw new UserError(
      [
        'standard output seems to be closed, so nothing can be printed; to discard it, open /dev/null to write only, as >/dev/null does',
      ],
      1,
    );
}
