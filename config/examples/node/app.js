import { Request } from 'zeromq';

const socket = new Request();
socket.connect('tcp://127.0.0.1:5555'); // the sidecar

for (let number = 1; ; number++) {
  await socket.send(`order ${number}`);
  const reply = String((await socket.receive())[0]);
  // A failure: no server could reply.
  if (reply.startsWith('{"lazypirate"')) console.log(`order ${number} failed: ${reply}`);
  else console.log(reply);
}
