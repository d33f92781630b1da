import { codeOf, messageOf } from '../errors.ts';

/** Why it is impossible to listen, for users. */
export function listenCause(error: unknown): string {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return 'another process listens there (address in use)';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EADDRNOTAVAIL':
    case 'ENODEV':
      return 'this machine has no such address';
    case 'ENOENT':
      return 'the directory does not exist';
    default:
      return messageOf(error);
  }
}
