import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { bodyOf, envelopeOf } from '../../src/transport/message.ts';
import type { Client } from '../../src/transport/transport.ts';
import { errorCommand, pingCommand } from '../../src/transport/zmtp/metadata.ts';
import { netAddressOf } from '../../src/transport/zmtp/net-address.ts';
import { Chance } from '../simulation/chance.ts';
import { HELLO, RawApp, requestOf } from '../support/raw-app.ts';
import { RawServer } from '../support/raw-server.ts';
import { reset } from '../support/reset.ts';
import { until } from '../support/until.ts';
import { connecting } from '../support/zmtp-connection.ts';
import { echo, listening } from '../support/zmtp-listener.ts';

const STREAMS = Number(process.env['LAZYPIRATE_STREAMS'] ?? 600);
/** Different streams each time, but reproducible from the seed. */
const SEED = Number(process.env['LAZYPIRATE_SEED'] ?? Date.now() % 2 ** 31);

test('a peer that sends byte after byte in the handshake is cut at its end', async (t) => {
  let sent = 0;
  const { address } = await RawServer.start(t, (socket) => {
    const drip = setInterval(() => socket.write(HELLO.subarray(sent, ++sent)), 5);
    socket.on('close', () => clearInterval(drip));
  });
  const { told } = connecting(t, address, { handshakeTimeoutMs: 100 });
  await until('it has ended', () => told.length === 2);
  const last = told[1];
  assert.ok(
    last?.kind === 'closed' && /not completed within 100ms/.test(last.end.what),
    JSON.stringify(last),
  );
  assert.ok(sent > 0 && sent < HELLO.length, `${sent} bytes`);
});

test('an app that does not complete the handshake is turned away after 15 s', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const whys: string[] = [];
  const { address } = await listening(t, { ...echo, refused: ({ why }) => whys.push(why) });
  const app = await RawApp.connect(t, address, HELLO.subarray(0, 70));
  await app.until((came) => came.length >= 64);
  t.mock.timers.tick(14_999);
  for (let turn = 0; turn < 5; turn++) await setImmediate();
  assert.deepEqual(whys, []);
  t.mock.timers.tick(1);
  await app.closed;
  assert.match(whys[0] ?? '', /^the handshake was not completed within 15s/);
});

test('a request that arrives byte by byte delays no other client, and is answered', async (t) => {
  const { address } = await listening(t, echo);
  const slow = await RawApp.connect(t, address);
  const good = await RawApp.connect(t, address);
  let asked = 0;
  for (const byte of requestOf('slow')) {
    await slow.send(Buffer.from([byte]));
    for (let round = 0; round < 20; round++) {
      await good.send(requestOf(String(asked++)));
      await good.replies(asked);
    }
  }
  assert.deepEqual(await slow.replies(1), ['slow']);
});

const LEAVES: Record<string, (app: RawApp) => void> = {
  'closes in the middle of a frame': (app) => {
    app.socket.end(requestOf('unfinished').subarray(0, 6));
  },
  'resets in the middle of a frame': (app) => {
    app.socket.write(requestOf('unfinished').subarray(0, 6), () => reset(app.socket));
  },
  'closes in the middle of a header': (app) => {
    app.socket.end(Buffer.concat([envelopeOf([]), Buffer.from([2, 0, 0])]));
  },
  'ends its half of the connection': (app) => {
    app.socket.end(requestOf('x'));
  },
  'sends ERROR': (app) => {
    app.socket.write(errorCommand('I am broken'));
  },
  'sends a frame of an impossible length': (app) => {
    app.socket.write(Buffer.from([2, 0x7f, 255, 255, 255, 255, 255, 255, 255]));
  },
};
for (const [what, leave] of Object.entries(LEAVES))
  test(`an app that ${what} has left, and others are answered`, async (t) => {
    const left: Client[] = [];
    const joined: Client[] = [];
    const texts: string[] = [];
    const { address } = await listening(t, {
      joined: (client) => joined.push(client),
      left: (client) => left.push(client),
      request: (client, envelope, body) => {
        texts.push(String(Buffer.concat(body.chunks).subarray(2)));
        client.reply(envelope, body);
      },
    });
    const good = await RawApp.connect(t, address);
    await until('the first has joined', () => joined.length === 1);
    const app = await RawApp.connect(t, address);
    await until('the other has joined', () => joined.length === 2);
    leave(app);
    await until('it has left', () => left.length === 1);
    assert.equal(left[0], joined[1]);
    await good.send(requestOf('good'));
    assert.deepEqual(await good.replies(1), ['good']);
    assert.ok(!texts.includes('unfinished'));
  });

test('idle connections take one descriptor each, and all of them are answered', async (t) => {
  const count = 300;
  const { address } = await listening(t, echo, 'tcp://127.0.0.1:0', { connections: count });
  const before = readdirSync('/proc/self/fd').length;
  const apps: RawApp[] = [];
  for (let index = 0; index < count; index++) apps.push(await RawApp.connect(t, address));
  await until('all are served', () => apps.every(({ came }) => came.includes('READY')));
  // The apps are in this process, too.
  assert.equal(readdirSync('/proc/self/fd').length - before, 2 * count);
  for (const app of apps) await app.send(requestOf('x'));
  for (const app of apps) assert.deepEqual(await app.replies(1), ['x']);
});

/** A valid stream, changed in one to four places. */
function mutated(chance: Chance): Buffer {
  const parts: Buffer[] = [HELLO];
  for (let count = chance.whole(0, 4); count > 0; count--) {
    const frames = Array.from({ length: chance.whole(1, 3) }, () =>
      Buffer.alloc(chance.one([0, 1, 5, 255, 256, 5_000]), 97),
    );
    parts.push(
      chance.is(0.1)
        ? pingCommand(0)
        : Buffer.concat([envelopeOf(chance.is(0.5) ? [] : [Buffer.from('id')]), ...bodyOf(frames).chunks]),
    );
  }
  let all: Buffer = Buffer.concat(parts);
  for (let changes = chance.whole(1, 4); changes > 0; changes--) {
    const at = chance.whole(0, all.length - 1);
    const to = Math.min(all.length, at + chance.whole(1, 20));
    const [start, piece, end] = [all.subarray(0, at), all.subarray(at, to), all.subarray(to)];
    switch (chance.whole(0, 4)) {
      case 0:
        all = Buffer.concat([start, end]);
        break;
      case 1:
        all = Buffer.concat([start, piece, piece, end]);
        break;
      case 2:
        all = Buffer.concat([start, Buffer.from(piece.map(() => chance.whole(0, 255))), end]);
        break;
      case 3:
        all = Buffer.concat([start, piece.map((byte) => byte ^ (1 << chance.whole(0, 7))), end]);
        break;
      default:
        all = Buffer.from(start);
    }
    if (all.length === 0) return HELLO;
  }
  return all;
}

/** Sends the stream, in one or two pieces, and hangs up in one way or another. */
async function send(address: string, stream: Buffer, chance: Chance): Promise<void> {
  const socket = connect(netAddressOf(address));
  socket.on('error', () => undefined);
  socket.resume();
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const at = chance.is(0.5) ? chance.whole(0, stream.length) : stream.length;
  const leave = chance.is(0.8) ? () => socket.end() : () => socket.destroy();
  socket.write(stream.subarray(0, at), () => {
    if (chance.is(0.5)) socket.write(stream.subarray(at), leave);
    else setTimeout(() => socket.write(stream.subarray(at), leave), 0);
  });
  await closed;
}

test(`a good client among ${STREAMS} mutated streams gets its own reply each time`, async (t) => {
  const clients = { joined: 0, left: 0, refused: 0, requests: 0 };
  const { address } = await listening(
    t,
    {
      joined: () => clients.joined++,
      left: () => clients.left++,
      refused: () => clients.refused++,
      request: (client, envelope, body) => {
        clients.requests++;
        client.reply(envelope, body);
      },
    },
    `ipc://@lazypirate-hostile-${process.pid}`,
  );
  const good = await RawApp.connect(t, address);
  t.diagnostic(`streams of seed ${SEED}`);
  const chance = new Chance(SEED);
  let asked = 0;
  let sent = 0;
  while (sent < STREAMS) {
    const batch = Array.from({ length: 50 }, () => send(address, mutated(chance), chance));
    const app = asked % 100 === 0 ? await RawApp.connect(t, address) : good;
    const text = `good ${asked++}`;
    const before = app.came.length;
    await app.send(requestOf(text));
    await app.untilBytes(before + requestOf(text).length + (app === good ? 0 : 64));
    await app.until((came) => came.subarray(-requestOf(text).length).equals(requestOf(text)));
    if (app !== good) app.socket.destroy();
    await Promise.all(batch);
    sent += batch.length;
  }
  good.socket.destroy();
  await until('all have left', () => clients.joined === clients.left);
  t.diagnostic(`${sent} streams, ${asked} replies to the good client, ${JSON.stringify(clients)}`);
  assert.ok(clients.refused > 0 && clients.requests > asked);
});
