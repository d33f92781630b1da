/* The guide's Lazy Pirate as a proxy with one socket on each side: `node lazy-pirate-proxy.ts ADDRESS...`. A REP faces the apps,
 * and the guide's client faces the upstreams; one request at a time. */
import { Reply } from 'zeromq';
import { LazyPirateClient } from '../support/lazy-pirate.ts';

const front = new Reply({ backlog: 4_096 });
await front.bind('tcp://127.0.0.1:*');
const client = new LazyPirateClient(process.argv.slice(2));
console.log(`listening ${front.lastEndpoint}`);
for await (const [body = Buffer.alloc(0)] of front) {
  await front.send((await client.exchange(body)) ?? 'failed');
}
