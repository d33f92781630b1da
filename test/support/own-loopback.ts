const { pid } = process;

/**
 * An address of this machine that only this process of the tests listens at. A port of 127.0.0.1 that is free while its server restarts
 * can be given to any other test.
 */
export const OWN_LOOPBACK =
  // Other systems have only one. A process id of Linux has at most 22 bits.
  process.platform === 'linux' ? `127.${128 + (pid >> 16)}.${(pid >> 8) & 255}.${pid & 255}` : '127.0.0.1';
