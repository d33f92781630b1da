import type { EventEmitter } from 'node:events';

export type DrainSignal = 'SIGTERM' | 'SIGINT';

/** 128 and the signal's number, as a shell reports it. */
const EXIT_CODES = { SIGTERM: 143, SIGINT: 130 } as const;

export interface DrainSignals {
  /** The first signal; `undefined` if `stop` came before any. */
  first: Promise<DrainSignal | undefined>;
  /** Listens no more: what a signal does is up to the system again. */
  stop(): void;
}

/**
 * Which signal came before anybody listened. It does not end process 1 of a container: the handler that Node has from its start
 * raises it once more, and the kernel ignores that there. But such a handler is there only once (SA_RESETHAND), and then gone.
 *
 * @param status of this process, as /proc has it; without one nothing is known
 */
export function signalBefore(status: string): DrainSignal | undefined {
  const [, caught] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  if (caught === undefined) return undefined;
  const bits = BigInt(`0x${caught}`);
  const isCaught = (number: bigint) => (bits & (1n << (number - 1n))) !== 0n;
  if (!isCaught(15n)) return 'SIGTERM';
  return isCaught(2n) ? undefined : 'SIGINT';
}

/**
 * Listens for SIGTERM and SIGINT. The first of either asks for a drain. Any further one means that somebody is out of
 * patience, and calls `exit`; that goes on until `stop`.
 *
 * @param source emits an event named after each signal, as `process` does
 * @param exit ends the process at once with the given code
 * @param before that came already
 */
export function drainSignals(
  source: EventEmitter,
  exit: (code: 130 | 143) => void,
  before?: DrainSignal,
): DrainSignals {
  const { promise, resolve } = Promise.withResolvers<DrainSignal | undefined>();
  let isDraining = before !== undefined;
  if (isDraining) resolve(before);
  const listen = (signal: DrainSignal) => {
    const received = () => {
      if (isDraining) return exit(EXIT_CODES[signal]);
      isDraining = true;
      resolve(signal);
    };
    source.on(signal, received);
    return () => source.off(signal, received);
  };
  const ends = [listen('SIGTERM'), listen('SIGINT')];
  return {
    first: promise,
    stop() {
      for (const end of ends) end();
      resolve(undefined);
    },
  };
}
