import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { NameFiles } from '../../src/discovery/name-lookup.ts';
import type { Scope } from './program.ts';
import { scratch } from './scratch.ts';

/** The answer to a question: addresses, a DNS error, or no answer. */
export type Reply = readonly string[] | 'SERVFAIL' | 'NXDOMAIN' | 'silence';

const TYPES: Record<number, 'A' | 'AAAA'> = { 1: 'A', 28: 'AAAA' };
const CODES = { SERVFAIL: 2, NXDOMAIN: 3 } as const;

/** A name server on a loopback port that the test controls. */
export class NameServer {
  /** Its answers, by `A orders.shop.svc`. Other names do not exist. */
  readonly replies = new Map<string, Reply>();
  /** Every question it received. */
  readonly questions: string[] = [];
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (question, from) => {
      const answer = this.#answer(question);
      if (answer !== undefined) socket.send(answer, from.port, from.address);
    });
  }

  static async start(scope: Scope): Promise<NameServer> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await once(socket, 'listening');
    scope.after(() => socket.close());
    return new NameServer(socket);
  }

  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  /** The files of a machine that uses only this name server. */
  files(lines = '', hosts = ''): NameFiles {
    return nameFiles(`nameserver ${this.address}\n${lines}`, hosts);
  }

  #answer(question: Buffer): Buffer | undefined {
    const labels: string[] = [];
    let at = 12;
    for (let length = question[at] ?? 0; length > 0; length = question[at] ?? 0) {
      labels.push(question.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const type = question.readUInt16BE(at + 1);
    const asked = `${TYPES[type]} ${labels.join('.')}`;
    this.questions.push(asked);
    const reply = this.replies.get(asked) ?? 'NXDOMAIN';
    if (reply === 'silence') return undefined;
    const isError = typeof reply === 'string';
    const records = isError ? [] : reply.map((address) => record(type, address));
    const header = Buffer.alloc(12);
    question.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8580 | (isError ? CODES[reply] : 0), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    return Buffer.concat([header, question.subarray(12, at + 5), ...records]);
  }
}

export function nameFiles(resolvConf: string, hosts = ''): NameFiles {
  const directory = scratch();
  const files = { resolvConf: join(directory, 'resolv.conf'), hosts: join(directory, 'hosts') };
  writeFileSync(files.resolvConf, resolvConf);
  writeFileSync(files.hosts, hosts);
  return files;
}

function record(type: number, address: string): Buffer {
  const bytes = isIPv6(address) ? six(address) : Buffer.from(address.split('.').map(Number));
  const head = Buffer.alloc(12);
  // The name points to the question, at byte 12.
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(5, 6);
  head.writeUInt16BE(bytes.length, 10);
  return Buffer.concat([head, bytes]);
}

/** The bytes of an address with one `::` and no IPv4 part. */
function six(address: string): Buffer {
  const [front = [], back = []] = address.split('::').map((part) => part.split(':').filter(Boolean));
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => '0');
  return Buffer.from([...front, ...zeros, ...back].map((group) => group.padStart(4, '0')).join(''), 'hex');
}
