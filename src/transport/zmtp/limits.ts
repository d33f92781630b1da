import type { ReaderLimits } from './reader.ts';

/** Far more than a message has, and little to hold: an empty frame takes two bytes. */
const FRAMES_MOST = 65_536;
const ENVELOPE_BYTES = 65_536;
const COMMAND_BYTES = 65_536;

export function readerLimits(messageBytes: number): ReaderLimits {
  return { messageBytes, frames: FRAMES_MOST, envelopeBytes: ENVELOPE_BYTES, commandBytes: COMMAND_BYTES };
}

/** So that a peer whose machine is gone is noticed without heartbeats: after 5 s, and then 3 questions a second apart. */
export const KEEP_ALIVE = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 5_000,
  keepAliveInterval: 1_000,
  keepAliveCount: 3,
} as const;
