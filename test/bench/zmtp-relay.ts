/* A listener and connections of our ZMTP engine with no features in between: `node zmtp-relay.ts ADDRESS...`. It shows what the engine
 * itself costs. Each request has a number in its envelope, so that one connection to each upstream is enough. */
import { wordsOf } from '../../src/transport/connection-end.ts';
import type { Client, ClientOwner, Connection } from '../../src/transport/transport.ts';
import { zmtp } from '../../src/transport/zmtp/zmtp-transport.ts';

const MiB = 2 ** 20;
/** An envelope of one frame of four bytes, and the delimiter. */
const ENVELOPE = Buffer.from([1, 4, 0, 0, 0, 0, 1, 0]);
const NUMBER_AT = 2;

const upstreams: Connection[] = [];
let turn = 0;
/** Who asked, and with which envelope, by the request's number. */
const asked: ({ client: Client; envelope: Buffer } | undefined)[] = [];
const free: number[] = [];

for (const address of process.argv.slice(2)) upstreams.push(await connected(address));
const listener = await zmtp.listen(
  { address: 'tcp://127.0.0.1:0', secretKey: undefined },
  { mode: undefined, connections: 10_000, messageBytes: 16 * MiB, unreadBytes: 64 * MiB, allowedKeys: [] },
  { joined, refused: ({ why }) => fail(`refused: ${why}`) },
);
console.log(`listening ${listener.address}`);

function connected(address: string): Promise<Connection> {
  return new Promise((resolve) => {
    const connection = zmtp.connect(
      {
        address,
        messageBytes: 16 * MiB,
        connectTimeoutMs: 1_000,
        handshakeTimeoutMs: 1_000,
        heartbeat: undefined,
        curve: undefined,
      },
      {
        accepted: () => undefined,
        ready: () => resolve(connection),
        message: (envelope, body) => {
          const number = envelope.readUInt32BE(NUMBER_AT);
          const request = asked[number];
          asked[number] = undefined;
          free.push(number);
          request?.client.reply(request.envelope, body);
        },
        malformed: () => fail('a malformed reply'),
        tooLarge: () => fail('a reply that is too large'),
        closed: (end) => fail(wordsOf(end)),
      },
    );
  });
}

function joined(client: Client): ClientOwner {
  return {
    isIdle: true,
    request: (envelope, body) => {
      const number = free.pop() ?? asked.length;
      asked[number] = { client, envelope };
      const numbered = Buffer.from(ENVELOPE);
      numbered.writeUInt32BE(number, NUMBER_AT);
      turn = (turn + 1) % upstreams.length;
      upstreams[turn]?.send(numbered, body);
    },
    malformed: () => fail('a malformed request'),
    tooLarge: () => fail('a request that is too large'),
    overflow: () => undefined,
    overflowAtOnce: () => false,
    left: () => undefined,
  };
}

/** A benchmark must not go on without some of its requests. */
function fail(why: string): never {
  throw new Error(why);
}
