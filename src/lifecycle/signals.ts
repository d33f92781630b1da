import type { EventEmitter } from 'node:events';

type DrainSignal = 'SIGTERM' | 'SIGINT';

/** 128 plus the signal's number, as a shell reports it. */
const EXIT_CODES = { SIGTERM: 143, SIGINT: 130 } as const;

interface DrainSignals {
  /** The first signal; `undefined` if `stop` came before any. */
  first: Promise<DrainSignal | undefined>;
  /** Stops listening: signals have their default effect again. */
  stop(): void;
}

/**
 * Finds out which signal arrived before we listened. Such a signal does not end process 1 of a container: the handler that Node
 * installs at start raises it again, and for process 1 the kernel ignores that. But Node's handler works only once (SA_RESETHAND),
 * so a missing handler shows that the signal came.
 *
 * @param status the content of /proc/self/status; if it is empty, nothing is known
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
 * Listens for SIGTERM and SIGINT until `stop`. The first one asks for a drain. Any further one calls `exit`.
 *
 * @param source emits an event named after each signal, as `process` does
 * @param exit ends the process at once with the given code
 * @param before a signal that has already arrived
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
