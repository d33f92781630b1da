/* A ROUTER and a DEALER with nothing in between: `node node-relay.ts ADDRESS...`. It shows what zeromq.js itself costs, used in the
 * cheapest way. */
import { Dealer, Router } from 'zeromq';
import { Inbox } from '../../src/transport/zeromq/inbox.ts';

const options = { sendTimeout: 0, sendHighWaterMark: 0 };
const front = new Router({ ...options, backlog: 4_096 });
const back = new Dealer(options);
await front.bind('tcp://127.0.0.1:*');
for (const address of process.argv.slice(2)) back.connect(address);
console.log(`listening ${front.lastEndpoint}`);
await Promise.all([pump(front, back), pump(back, front)]);

async function pump(from: Router | Dealer, to: Router | Dealer): Promise<never> {
  const inbox = new Inbox(from);
  for (;;) for (const frames of await inbox.receive(64)) await to.send(frames);
}
