import { type Body, bodyOf, ENVELOPE_BYTES_MOST, envelopeOf, FRAMES_MOST, framesOf } from '../message.ts';

/**
 * Finds the start of the body in a message: it follows the first empty frame, the delimiter (RFC 28). Everything up to and
 * including the delimiter is the envelope, which is echoed verbatim.
 *
 * @param from index of the first frame that may be the delimiter; 1 if a ROUTER has put its routing id in front
 * @returns the index of the first body frame, or -1 if there is no delimiter or nothing behind it: a REP drops such a message
 *   silently, and so do we
 */
export function split(frames: readonly Buffer[], from = 0): number {
  for (let index = from; index < frames.length; index++) {
    if (frames[index]?.length === 0) return index + 1 < frames.length ? index + 1 : -1;
  }
  return -1;
}

/** Bytes of all frames. */
export function sizeOf(frames: readonly Buffer[]): number {
  let bytes = 0;
  for (const frame of frames) bytes += frame.length;
  return bytes;
}

/** What each frame after the first takes besides its bytes: 2,000,000 empty frames took 677 MiB. */
export const FRAME_BYTES = 384;

/** A body that libzmq has brought. It keeps the frames, because it will probably go out through libzmq too. */
class FramedBody implements Body {
  readonly list: readonly Buffer[];
  readonly bytes: number;

  constructor(list: readonly Buffer[]) {
    this.list = list;
    this.bytes = sizeOf(list);
  }

  get weight(): number {
    return this.bytes + FRAME_BYTES * (this.list.length - 1);
  }

  get chunks(): readonly Buffer[] {
    return bodyOf(this.list).chunks;
  }
}

/** A message in the form that the data path uses. */
export interface Parsed {
  envelope: Buffer;
  body: Body;
  /** How many the body has. */
  frames: number;
}

/** @returns undefined if there is no delimiter, no body, or too large an envelope */
export function parse(frames: readonly Buffer[], from = 0): Parsed | undefined {
  const bodyAt = split(frames, from);
  if (bodyAt === -1) return undefined;
  const envelope = envelopeOf(frames.slice(from, bodyAt - 1));
  if (envelope.length > ENVELOPE_BYTES_MOST) return undefined;
  return { envelope, body: new FramedBody(frames.slice(bodyAt)), frames: frames.length - bodyAt };
}

/** Whether it has more bytes or more frames than a message may have. */
export function isTooLarge({ body, frames }: Parsed, messageBytes: number): boolean {
  return body.bytes > messageBytes || frames > FRAMES_MOST;
}

/** The frames of a message. */
export function allFrames(envelope: Buffer, body: Body): Buffer[] {
  const frames = body instanceof FramedBody ? body.list : framesOf(body.chunks);
  return framesOf([envelope]).concat(frames);
}
