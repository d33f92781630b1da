import { StringDecoder } from 'node:string_decoder';
import { type Body, HEADER_MOST, LONG } from '../../transport/message.ts';

/** Most frames of which anything is shown: they may be empty. */
const FRAMES_MOST = 32;

/**
 * The first bytes of a body as readable strings, one for each frame that begins within them. Text stays as it is; other bytes are
 * `\xNN`, and a backslash is `\\`.
 */
export function excerptOf({ chunks }: Body, most: number): string[] {
  const wire = beginningOf(chunks, most + FRAMES_MOST * HEADER_MOST);
  const frames: string[] = [];
  let left = most;
  for (let at = 0; at < wire.length && left > 0 && frames.length < FRAMES_MOST; ) {
    const isLong = ((wire[at] ?? 0) & LONG) !== 0;
    const from = at + (isLong ? HEADER_MOST : 2);
    if (from > wire.length) break;
    const length = isLong
      ? wire.readUInt32BE(at + 1) * 2 ** 32 + wire.readUInt32BE(at + 5)
      : (wire[at + 1] ?? 0);
    frames.push(readable(wire.subarray(from, from + Math.min(length, left)), length > left));
    left -= length;
    at = from + length;
  }
  return frames;
}

function beginningOf(chunks: readonly Buffer[], most: number): Buffer {
  const parts: Buffer[] = [];
  let bytes = 0;
  for (const chunk of chunks) {
    if (bytes >= most) break;
    const part = chunk.subarray(0, most - bytes);
    parts.push(part);
    bytes += part.length;
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
}

/** What is no valid UTF-8 is taken for bytes. A character that is cut at the end of an excerpt does not count. */
function readable(frame: Buffer, isCut: boolean): string {
  const text = isCut ? new StringDecoder('utf8').write(frame) : frame.toString();
  if (text.includes('\ufffd')) return escaped(frame.toString('latin1'), /[^ -~]|\\/g);
  return escaped(text, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\\]/gu);
}

function escaped(text: string, what: RegExp): string {
  return text.replace(what, (one) => {
    if (one === '\\') return '\\\\';
    const code = one.codePointAt(0) ?? 0;
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}
