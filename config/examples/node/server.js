import { setTimeout } from 'node:timers/promises';
import { Reply } from 'zeromq';

const [port] = process.argv.slice(2);
const socket = new Reply();
await socket.bind(`tcp://127.0.0.1:${port}`);

for await (const [order] of socket) {
  console.log(`${port} works on ${order}`);
  await setTimeout(500);
  await socket.send(`${order}: done by ${port}`);
}
