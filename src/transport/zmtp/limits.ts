import type { ReaderLimits } from './reader.ts';

/** Far more frames than any message has, and cheap to hold: an empty frame takes two bytes. */
const FRAMES_MOST = 65_536;
const ENVELOPE_BYTES = 65_536;
const COMMAND_BYTES = 65_536;

export function readerLimits(messageBytes: number): ReaderLimits {
  return { messageBytes, frames: FRAMES_MOST, envelopeBytes: ENVELOPE_BYTES, commandBytes: COMMAND_BYTES };
}

/** TCP keepalive detects without heartbeats that a peer's machine is gone: it starts after 5 s and sends 3 probes, one a second. */
export const KEEP_ALIVE = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 5_000,
  keepAliveInterval: 1_000,
  keepAliveCount: 3,
} as const;
