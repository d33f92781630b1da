/**
 * The body of a request or reply as it stands on the wire: its frames with their headers (RFC 23, section 3.2). Frames look alike
 * on either side, so the body goes out as it came in, and only tools and failure replies ever take it apart.
 */
export interface Body {
  /** The wire bytes, cut anywhere. */
  readonly chunks: readonly Buffer[];
  /** Bytes of the frames without their headers. */
  readonly bytes: number;
  /** At least 1. */
  readonly frames: number;
}

/** Header bits of a frame (RFC 23, section 3.2). */
export const MORE = 1;
export const LONG = 2;
export const COMMAND = 4;

/** Longest content of a frame with a one-byte length. */
const SHORT_MOST = 255;

/** The empty frame that ends an envelope, as it stands on the wire when it is all there is of one. */
export const DELIMITER = Buffer.from([MORE, 0]);

/** Header of a frame with so many bytes. */
export function frameHeader(length: number, flags: number): Buffer {
  if (length <= SHORT_MOST) return Buffer.from([flags, length]);
  const header = Buffer.allocUnsafe(9);
  header[0] = flags | LONG;
  header.writeUInt32BE(Math.floor(length / 2 ** 32), 1);
  header.writeUInt32BE(length >>> 0, 5);
  return header;
}

/** @param frames at least one */
export function bodyOf(frames: readonly Uint8Array[]): Body {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for (const [index, frame] of frames.entries()) {
    const more = index + 1 < frames.length ? MORE : 0;
    chunks.push(frameHeader(frame.length, more));
    if (frame.length > 0) chunks.push(Buffer.from(frame.buffer, frame.byteOffset, frame.length));
    bytes += frame.length;
  }
  return { chunks, bytes, frames: frames.length };
}

/** An envelope of these frames and the delimiter behind them. */
export function envelopeOf(frames: readonly Uint8Array[]): Buffer {
  const parts = frames.flatMap((frame) => [frameHeader(frame.length, MORE), frame]);
  return Buffer.concat([...parts, DELIMITER]);
}

/** The frames of wire bytes that hold whole frames only. */
export function framesOf(chunks: readonly Buffer[]): Buffer[] {
  const [only] = chunks;
  const wire = chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks);
  const frames: Buffer[] = [];
  for (let at = 0; at < wire.length; ) {
    const isLong = ((wire[at] ?? 0) & LONG) !== 0;
    const length = isLong ? wire.readUInt32BE(at + 1) * 2 ** 32 + wire.readUInt32BE(at + 5) : wire[at + 1];
    at += isLong ? 9 : 2;
    frames.push(wire.subarray(at, at + (length ?? 0)));
    at += length ?? 0;
  }
  return frames;
}
