import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Scope } from './program.ts';
import { until } from './until.ts';

export type Value = string | number | boolean;

/** A span as it came over the wire. */
export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  /** Empty: it is a root. */
  parentId: string;
  name: string;
  /** SERVER is 2, CLIENT is 3. */
  kind: number;
  /** Nanoseconds since 1970. */
  start: bigint;
  end: bigint;
  attributes: Record<string, Value>;
  /** ERROR is 2. */
  status: { code: number; message: string };
  flags: number;
  resource: Record<string, Value>;
}

/** What a collector does with a request. */
type Behaviour =
  | { kind: 'take' }
  /** Refuses one of the spans, without a word which, and keeps none. */
  | { kind: 'reject' }
  | { kind: 'answer'; status: number }
  | { kind: 'hang' };

/** A receiver of OTLP/HTTP that reads the protobuf itself, by the field numbers of opentelemetry-proto. */
export class Collector {
  readonly spans: ReceivedSpan[] = [];
  readonly requests: { path: string; headers: IncomingHttpHeaders }[] = [];
  behaviour: Behaviour = { kind: 'take' };
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @param port 0 picks one */
  static async start(scope: Scope, port = 0): Promise<Collector> {
    const server = createServer((request, response) => {
      void buffer(request).then(
        (content) => {
          collector.requests.push({ path: request.url ?? '', headers: request.headers });
          collector.#answer(content, response);
        },
        () => undefined,
      );
    });
    const collector = new Collector(server);
    await once(server.listen(port, '127.0.0.1'), 'listening');
    scope.after(() => collector.close());
    return collector;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Waits for spans that satisfy the predicate. */
  async received(what: string, count: number, predicate = (_: ReceivedSpan): boolean => true) {
    const found = () => this.spans.filter(predicate);
    await until(what, () => found().length >= count);
    return found();
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(content: Buffer, response: ServerResponse): void {
    const { behaviour } = this;
    if (behaviour.kind === 'hang') return;
    if (behaviour.kind === 'answer') return void response.writeHead(behaviour.status).end();
    const isTaken = behaviour.kind === 'take';
    if (isTaken) this.spans.push(...spansIn(content));
    response.writeHead(200, { 'content-type': 'application/x-protobuf' });
    // ExportTraceServiceResponse { partial_success { rejected_spans: 1 } }
    response.end(isTaken ? undefined : Buffer.from([0x0a, 2, 0x08, 1]));
  }
}

/** The spans of an `ExportTraceServiceRequest`. */
export function spansIn(content: Buffer): ReceivedSpan[] {
  return all(content, 1).flatMap((resourceSpans) => {
    const resource = attributesOf(one(resourceSpans, 1), 1);
    return all(resourceSpans, 2).flatMap((scoped) => all(scoped, 2).map((span) => spanOf(span, resource)));
  });
}

function spanOf(span: Buffer, resource: Record<string, Value>): ReceivedSpan {
  const status = one(span, 15);
  return {
    traceId: one(span, 1).toString('hex'),
    spanId: one(span, 2).toString('hex'),
    parentId: one(span, 4).toString('hex'),
    name: one(span, 5).toString(),
    kind: Number(number(span, 6)),
    start: number(span, 7),
    end: number(span, 8),
    attributes: attributesOf(span, 9),
    status: { code: Number(number(status, 3)), message: one(status, 2).toString() },
    flags: Number(number(span, 16)),
    resource,
  };
}

function attributesOf(message: Buffer, field: number): Record<string, Value> {
  return Object.fromEntries(
    all(message, field).map((pair) => [one(pair, 1).toString(), anyValueIn(one(pair, 2))]),
  );
}

/** An `AnyValue`: what it may be has a field each. */
function anyValueIn(value: Buffer): Value {
  for (const { field, number: known, bytes } of fieldsOf(value)) {
    if (field === 1) return bytes.toString();
    if (field === 2) return known === 1n;
    if (field === 3) return Number(BigInt.asIntN(64, known));
    if (field === 4) return bytes.readDoubleLE();
  }
  throw new Error('a value of another kind');
}

interface Field {
  field: number;
  number: bigint;
  bytes: Buffer;
}

function all(message: Buffer, field: number): Buffer[] {
  return fieldsOf(message).flatMap((one) => (one.field === field ? [one.bytes] : []));
}

function one(message: Buffer, field: number): Buffer {
  return all(message, field)[0] ?? Buffer.alloc(0);
}

function number(message: Buffer, field: number): bigint {
  return fieldsOf(message).find((one) => one.field === field)?.number ?? 0n;
}

/** The wire format of protocol buffers. */
function fieldsOf(message: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number) => {
    if (at + length > message.length) throw new Error('a field is longer than its message');
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = Number(varint());
    const field = tag >> 3;
    const none = Buffer.alloc(0);
    switch (tag & 7) {
      case 0:
        fields.push({ field, number: varint(), bytes: none });
        break;
      case 1: {
        const bytes = take(8);
        fields.push({ field, number: bytes.readBigUInt64LE(), bytes });
        break;
      }
      case 2:
        fields.push({ field, number: 0n, bytes: take(Number(varint())) });
        break;
      case 5: {
        const bytes = take(4);
        fields.push({ field, number: BigInt(bytes.readUInt32LE()), bytes });
        break;
      }
      default:
        throw new Error(`wire type ${tag & 7}`);
    }
  }
  return fields;
}
