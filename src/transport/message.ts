/**
 * The body of a request or reply as on the wire: its frames with their headers (RFC 23, section 3.2). Both sides use the same
 * frame format, so a body goes out exactly as it came in. Only tools and failure replies look at single frames.
 */
export interface Body {
  /** The wire bytes, split anywhere. */
  readonly chunks: readonly Buffer[];
  /** Bytes of the frames without their headers. */
  readonly bytes: number;
  /** The memory that it takes, in bytes. */
  readonly weight: number;
}

/** Header bits of a frame (RFC 23, section 3.2). */
export const MORE = 1;
export const LONG = 2;
export const COMMAND = 4;

/** The longest content of a frame with a one-byte length. */
const SHORT_MOST = 255;

/** The longest header of a frame. */
export const HEADER_MOST = 9;

/** The wire bytes of an envelope that consists only of the delimiter, an empty frame. */
export const DELIMITER = Buffer.from([MORE, 0]);

/** The longest envelope, in wire bytes. */
export const ENVELOPE_BYTES_MOST = 65_536;

/** Most body frames: far more than any message has, though an empty one costs its sender only two bytes. */
export const FRAMES_MOST = 65_536;

/** In place of a body that was not stored. */
export const NO_BODY: Body = { chunks: [], bytes: 0, weight: 0 };

/** The header of a frame of the given size. */
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
  return { chunks, bytes, weight: bytes + HEADER_MOST * frames.length };
}

/** The same body in memory of its own, for whoever keeps a body that is lent (`ConnectionOwner.message`). */
export function copyOf({ chunks, bytes, weight }: Body): Body {
  return { chunks: [Buffer.concat(chunks)], bytes, weight };
}

/** The wire bytes of an envelope: these frames, then the delimiter. */
export function envelopeOf(frames: readonly Uint8Array[]): Buffer {
  const parts = frames.flatMap((frame) => [frameHeader(frame.length, MORE), frame]);
  return Buffer.concat([...parts, DELIMITER]);
}

/** Splits wire bytes into frames. They must not end inside a frame. */
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

/** One frame of a body, and where it stands on the wire. */
export interface PlacedFrame {
  readonly content: Buffer;
  /** Where its header starts, and where it ends. */
  readonly from: number;
  readonly to: number;
  /** Where the header of the frame before it starts; `undefined` if it is the first. */
  readonly before: number | undefined;
  readonly isLast: boolean;
}

/**
 * Finds one frame, without a look at what is behind it.
 *
 * @param index from 0
 * @returns undefined if there is no such frame, or if it has more than `bytesMost` bytes
 */
export function frameAt({ chunks }: Body, index: number, bytesMost: number): PlacedFrame | undefined {
  let before: number | undefined;
  let from = 0;
  for (let at = 0; ; at++) {
    const [flags = 0, short = 0, ...long] = wireBytes(chunks, from, from + HEADER_MOST);
    const isLong = (flags & LONG) !== 0;
    const length = isLong ? Buffer.from([short, ...long]).readUIntBE(2, 6) : short;
    const start = from + (isLong ? HEADER_MOST : 2);
    const isLast = (flags & MORE) === 0;
    if (at === index) {
      if (length > bytesMost) return undefined;
      const content = wireBytes(chunks, start, start + length);
      return { content, from, to: start + length, before, isLast };
    }
    if (isLast) return undefined;
    before = from;
    from = start + length;
  }
}

/** The body without one of its frames, of which there are several. Its bytes are not copied. */
export function withoutFrame({ chunks, bytes, weight }: Body, frame: PlacedFrame): Body {
  const { content, from, to, before, isLast } = frame;
  const rest = wireSlices(chunks, to, Number.POSITIVE_INFINITY);
  const size = { bytes: bytes - content.length, weight: Math.max(0, weight - (to - from)) };
  if (!isLast || before === undefined) return { chunks: [...wireSlices(chunks, 0, from), ...rest], ...size };
  // The one before it becomes the last. Its memory may be shared, so it is not changed.
  const [flags = 0] = wireBytes(chunks, before, before + 1);
  const ahead = wireSlices(chunks, 0, before);
  return {
    chunks: [...ahead, Buffer.from([flags & ~MORE]), ...wireSlices(chunks, before + 1, from)],
    ...size,
  };
}

/** A part of the wire bytes, in one piece. */
function wireBytes(chunks: readonly Buffer[], from: number, to: number): Buffer {
  const slices = wireSlices(chunks, from, to);
  const [only] = slices;
  return slices.length === 1 && only !== undefined ? only : Buffer.concat(slices);
}

function wireSlices(chunks: readonly Buffer[], from: number, to: number): Buffer[] {
  const slices: Buffer[] = [];
  let at = 0;
  for (const chunk of chunks) {
    if (at >= to) break;
    const slice = chunk.subarray(Math.max(0, from - at), Math.max(0, to - at));
    if (slice.length > 0) slices.push(slice);
    at += chunk.length;
  }
  return slices;
}
