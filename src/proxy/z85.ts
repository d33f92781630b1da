/* Bytes as text, five characters for four (RFC 32); so CURVE keys are written. */

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

/** Whether the text is a key: some characters are none of these, and some five of them are more than four bytes hold. */
export function isKey(text: string): boolean {
  if (text.length !== KEY_CHARACTERS) return false;
  for (let at = 0; at < text.length; at += 5) {
    let value = 0;
    for (const character of text.slice(at, at + 5)) {
      const digit = DIGITS.indexOf(character);
      if (digit === -1) return false;
      value = value * 85 + digit;
    }
    if (value >= 2 ** 32) return false;
  }
  return true;
}
