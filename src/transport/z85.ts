/* Z85, the text form of CURVE keys: five characters for four bytes (RFC 32). */

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';
const KEY_CHARACTERS = 40;

/** @param bytes a multiple of four */
export function z85(bytes: Buffer): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4) {
    const value = bytes.readUInt32BE(at);
    for (let power = 85 ** 4; power >= 1; power /= 85) text += DIGITS[Math.floor(value / power) % 85];
  }
  return text;
}

/** The 32 bytes of a key. */
export function bytesOf(key: string): Buffer {
  const bytes = Buffer.alloc((key.length / 5) * 4);
  for (let word = 0; word < key.length / 5; word++)
    bytes.writeUInt32BE(numberOf(key.slice(5 * word, 5 * word + 5)), 4 * word);
  return bytes;
}

/** Whether the text is a valid key. Not all characters are Z85 digits, and some groups of five digits exceed four bytes. */
export function isKey(text: string): boolean {
  if (text.length !== KEY_CHARACTERS) return false;
  for (let at = 0; at < text.length; at += 5) {
    if (!(numberOf(text.slice(at, at + 5)) < 2 ** 32)) return false;
  }
  return true;
}

/** NaN if a character is not a digit. */
function numberOf(digits: string): number {
  return [...digits].reduce((value, digit) => {
    const at = DIGITS.indexOf(digit);
    return value * 85 + (at === -1 ? Number.NaN : at);
  }, 0);
}
