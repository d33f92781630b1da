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
 * Listens for SIGTERM and SIGINT. The first of either asks for a drain. Any further one means that somebody is out of
 * patience, and calls `exit`; that goes on until `stop`.
 *
 * @param source emits an event named after each signal, as `process` does
 * @param exit ends the process at once with the given code
 */
export function drainSignals(source: EventEmitter, exit: (code: 130 | 143) => void): DrainSignals {
  const { promise, resolve } = Promise.withResolvers<DrainSignal | undefined>();
  let isDraining = false;
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
