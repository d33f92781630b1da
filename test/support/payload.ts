import { createHash, randomBytes } from 'node:crypto';

/** A unique request body: client, sequence, nonce, and a hash of the three. */
export function makePayload(client: number, sequence: number): string {
  const head = `${client} ${sequence} ${randomBytes(8).toString('hex')}`;
  return `${head} ${hashOf(head)}`;
}

/** Whether a payload is intact. An intact reply that is not the expected one belongs to another request. */
export function isPayload(text: string): boolean {
  const end = text.lastIndexOf(' ');
  return text.slice(end + 1) === hashOf(text.slice(0, end));
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
