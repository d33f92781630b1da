import { setTimeout } from 'node:timers/promises';
import type { Router } from 'zeromq';
import { parseArguments, parseValue } from '../config/text/arguments.ts';
import { parseListen } from '../config/values/address.ts';
import { ConfigError, messageOf, StartError } from '../errors.ts';
import { split } from '../transport/zeromq/frames.ts';
import type { Command } from './command.ts';
import { parseTime } from './time-argument.ts';

const help = `Usage: lazypirate serve [OPTIONS] ENDPOINT

Runs a test server that answers each request with the request's own body. It handles requests concurrently and keeps going
when a client disconnects.

  ENDPOINT        where to listen: tcp://127.0.0.1:7000 (port 0: any free port) or ipc:///PATH
  --delay D       how long to take for each request (0)
  --drop RATIO    share of requests to leave unanswered, from 0 to 1 (0)
  --exit-after N  exit after N replies

Exit code 0 after SIGINT, SIGTERM or N replies; 1 if it cannot listen; 2 if the arguments are wrong.
`;

/** How long replies that are on their way out may take at the end. */
const LINGER_MS = 1_000;

interface Behaviour {
  endpoint: string;
  delayMs: number;
  drop: number;
  exitAfter: number;
}

export const serve: Command = {
  name: 'serve',
  summary: 'run a test server that echoes requests',
  help,
  async run(args, { stdout, interrupted }) {
    const behaviour = behaviourOf(args);
    const socket = await listen(behaviour.endpoint);
    const stop = () => socket.close();
    if (interrupted.aborted) stop();
    interrupted.addEventListener('abort', stop);
    stdout.write(`serving ${socket.lastEndpoint}\n`);
    const answered = await answerAll(socket, behaviour);
    interrupted.removeEventListener('abort', stop);
    // The last replies lie in memory that Node frees when it ends, while libzmq may still be sending them.
    if (answered > 0) await setTimeout(LINGER_MS + 100);
    stdout.write(`answered ${answered} ${answered === 1 ? 'request' : 'requests'}\n`);
    return 0;
  },
};

function behaviourOf(args: string[]): Behaviour {
  const text = { type: 'string' } as const;
  const options = { delay: text, drop: text, 'exit-after': text };
  const { values, positionals } = parseArguments('serve', { args, options, allowPositionals: true });
  const [endpoint, other] = positionals;
  if (endpoint === undefined)
    throw new ConfigError([
      'serve needs an ENDPOINT, such as tcp://127.0.0.1:7000; try lazypirate serve --help',
    ]);
  if (other !== undefined)
    throw new ConfigError([`unexpected argument ${other}; try lazypirate serve --help`]);
  return {
    // libzmq's own way to have any port is known as well.
    endpoint: parseValue('ENDPOINT', parseListen, endpoint.replace(/:\*$/, ':0')),
    delayMs: parseTime('--delay', values.delay ?? '0', 0),
    drop: numberOf('--drop', values.drop ?? '0', (share) => share >= 0 && share <= 1, 'a number from 0 to 1'),
    exitAfter: numberOf(
      '--exit-after',
      values['exit-after'] ?? 'Infinity',
      (count) => count >= 1 && (Number.isInteger(count) || count === Number.POSITIVE_INFINITY),
      'a whole number of at least 1',
    ),
  };
}

function numberOf(flag: string, text: string, isRight: (value: number) => boolean, what: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (isRight(value)) return value;
  throw new ConfigError([`${flag} must be ${what}, not ${JSON.stringify(text)}`]);
}

async function listen(endpoint: string): Promise<Router> {
  const { Router, context } = await import('./zeromq-sockets.ts');
  const socket = new Router({ context, linger: LINGER_MS, sendTimeout: 0, ipv6: endpoint.includes('[') });
  try {
    await socket.bind(endpoint);
    return socket;
  } catch (error) {
    socket.close();
    throw new StartError(`cannot listen on ${endpoint}: ${messageOf(error)}`, { cause: error });
  }
}

/** Until the socket is closed, or enough are answered; returns how many were. */
async function answerAll(socket: Router, { delayMs, drop, exitAfter }: Behaviour): Promise<number> {
  let answered = 0;
  const answer = async (frames: Buffer[]) => {
    if (delayMs > 0) await setTimeout(delayMs, undefined, { ref: false });
    // A client that has left is not a reason to stop: without `mandatory`, libzmq drops its reply.
    await socket.send(frames);
    if (++answered >= exitAfter) socket.close();
  };
  try {
    while (!socket.closed) {
      const frames = await socket.receive();
      if (split(frames, 1) >= 0 && Math.random() >= drop) answer(frames).catch(() => undefined);
    }
  } catch (error) {
    if (!socket.closed) throw error;
  }
  return answered;
}
