import { addAbortSignal } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { loadConfig } from '../config/load-config.ts';
import { parseArguments, parseValue } from '../config/text/arguments.ts';
import { parseEndpoint } from '../config/values/address.ts';
import { StaticDiscovery } from '../discovery/static.ts';
import { formatDuration } from '../duration.ts';
import { ConfigError, UserError } from '../errors.ts';
import type { FailureReply } from '../proxy/client/failure-reply.ts';
import { Events } from '../proxy/events.ts';
import { BUG, CUT, type Failure } from '../proxy/outcome.ts';
import { Admission } from '../proxy/request/admission.ts';
import { RetryBudget } from '../proxy/request/budget.ts';
import { LazyPirate } from '../proxy/request/lazy-pirate.ts';
import { Request, type RequestClient } from '../proxy/request/request.ts';
import type { RetryPolicy } from '../proxy/settings.ts';
import { Upstream } from '../proxy/upstream/upstream.ts';
import { type Body, bodyOf, copyOf, DELIMITER, framesOf } from '../transport/message.ts';
import { zmtp } from '../transport/zmtp/zmtp-transport.ts';
import type { Command, Terminal } from './command.ts';
import { parseTime } from './time-argument.ts';

/** Long enough for a sidecar to make all its attempts and tell what came of them. */
const TIMEOUT = '60s';
const WAIT = '5s';

const help = `Usage: lazypirate send [OPTIONS] ENDPOINT [BODY...]

Sends one request to a sidecar or a server and prints the reply. Ctrl-C stops waiting.

  ENDPOINT      tcp://IP:PORT or ipc:///PATH
  BODY...       the frames of the request; without any, standard input is the only frame
  --timeout D   how long to wait for the reply to an attempt (${TIMEOUT})
  --attempts N  how often to send the request at most (1)
  --wait D      how long to wait for a connection (${WAIT})

Each frame of the reply is a line on standard output. The elapsed time goes to standard error.
A sidecar's failure reply is explained on standard error.
Exit code 0 with a reply; 1 with a failure reply or none; 2 if the arguments are wrong.
`;

export const send: Command = {
  name: 'send',
  summary: 'send one request and print the reply',
  help,
  async run(args, terminal) {
    const { body, settings, address } = await argumentsOf(args, terminal);
    const admission = new Admission(settings.requests.limits);
    const events = new Events((error) => {
      throw error;
    });
    const upstream = new Upstream(settings, zmtp, admission, events, '');
    const budget = new RetryBudget(settings.requests.budget, performance.now());
    const settled = Promise.withResolvers<{ request: Request; reply: Body | undefined }>();
    const pirate = new LazyPirate(settings, upstream, budget, admission, events, {
      // The reply is only lent.
      deliver: (request) => settled.resolve({ request, reply: request.reply && copyOf(request.reply) }),
    });
    const arrivedMs = performance.now();
    const { bytes, weight } = body;
    const policy = settings.requests.retry;
    const of = { number: 1, run: 'send', client: NOBODY, envelope: DELIMITER, policy };
    const request = new Request({ ...of, body, bytes, weight, arrivedMs }, pirate);
    if (!admission.enter(request))
      throw new ConfigError([`the request is larger than ${settings.requests.limits.queueBytes} bytes`]);
    const running = upstream.run(new StaticDiscovery([address]));
    const interrupt = () => request.fail(CUT);
    terminal.interrupted.addEventListener('abort', interrupt);
    try {
      pirate.begin(request, arrivedMs);
      const { request: asked, reply } = await settled.promise;
      const { failure = BUG, attempts } = asked;
      const elapsedMs = performance.now() - arrivedMs;
      if (reply !== undefined) return printReply(reply, elapsedMs, attempts.length, terminal);
      const { why } = upstream.status(performance.now()).endpoints[0] ?? {};
      const words = terminal.interrupted.aborted
        ? `interrupted before ${attempts.length === 0 ? 'the request was sent' : 'a reply came'}`
        : failureWords(failure, attempts.length, settings.requests.retry, address, why);
      terminal.stderr.write(`${words} (${cost(elapsedMs, attempts.length)})\n`);
      return 1;
    } finally {
      terminal.interrupted.removeEventListener('abort', interrupt);
      upstream.close();
      await running;
    }
  },
};

/** There is no app behind this request. */
const NOBODY: RequestClient = {
  address: undefined,
  queued: 0,
  hasLeft: false,
  reply: () => 'taken',
  done: () => undefined,
};

async function argumentsOf(args: string[], terminal: Terminal) {
  const text = { type: 'string' } as const;
  const options = { timeout: text, attempts: text, wait: text };
  const { values, positionals } = parseArguments('send', { args, options, allowPositionals: true });
  const [endpoint, ...frames] = positionals;
  if (endpoint === undefined)
    throw new ConfigError([
      'send needs an ENDPOINT, such as tcp://127.0.0.1:5555; try lazypirate send --help',
    ]);
  const settings = settingsOf(endpoint, values);
  const body = frames.length > 0 ? frames.map((frame) => Buffer.from(frame)) : [await input(terminal)];
  return { body: bodyOf(body), ...settings };
}

/** Settings that no flag sets are as in a route of the sidecar, except the deadline: only attempts end a request. */
function settingsOf(endpoint: string, flags: { timeout?: string; attempts?: string; wait?: string }) {
  const { timeout = TIMEOUT, attempts = '1', wait = WAIT } = flags;
  const address = parseValue('ENDPOINT', parseEndpoint, endpoint);
  const waitMs = parseTime('--wait', wait, 0);
  // Of this route only the policy counts. Its upstream is any, because a path with a comma would be two endpoints there.
  const own = { upstream: 'tcp://127.0.0.1:1', timeout, attempts };
  const [route] = loadConfig({ env: {}, flags: own }).routes;
  if (route === undefined) throw new ConfigError([`${endpoint} is not an address`]);
  const { requests } = route;
  const deadlineMs = waitMs + requests.retry.deadlineMs;
  const retry = { ...requests.retry, waitMs, deadlineMs };
  return { address, settings: { ...route, requests: { ...requests, retry } } };
}

async function input({ stdin, stderr, interrupted }: Terminal): Promise<Buffer> {
  if (stdin.isTTY) stderr.write('Type the request; Ctrl-D on a new line sends it.\n');
  try {
    return await buffer(addAbortSignal(interrupted, stdin));
  } catch (error) {
    if (interrupted.aborted) throw new UserError(['interrupted; nothing was sent'], 1, { cause: error });
    throw error;
  }
}

function printReply(body: Body, elapsedMs: number, attempts: number, { stdout, stderr }: Terminal): number {
  const frames = framesOf(body.chunks);
  const failure = failureOf(frames);
  if (failure === undefined) {
    for (const frame of frames) {
      stdout.write(frame);
      stdout.write('\n');
    }
  } else stderr.write(`${failureReplyWords(failure)}\n`);
  stderr.write(`${cost(elapsedMs, attempts)}\n`);
  return failure === undefined ? 0 : 1;
}

function failureWords(
  { code, message }: Failure,
  attempts: number,
  { timeoutMs, waitMs }: RetryPolicy,
  address: string,
  why: string | undefined,
): string {
  switch (code) {
    case 'NO_ENDPOINTS':
      return `no connection to ${address} within ${formatDuration(waitMs)}, so the request was not sent${why ? `: ${why}` : ''}`;
    case 'TIMEOUT':
      return `no reply within ${formatDuration(timeoutMs)}${attempts > 1 ? ' to any attempt' : ''}`;
    default:
      return `no reply: ${message}`;
  }
}

/** What a sidecar tells in its failure reply, where it is one of the format `json` or `multipart`. */
function failureOf(body: readonly Buffer[]): FailureReply | undefined {
  const frame = body.length === 3 && body[0]?.toString() === 'LAZYPIRATE' ? body[2] : body[0];
  if (frame === undefined || (frame === body[0] && body.length > 1)) return undefined;
  if (!frame.toString('latin1', 0, 24).startsWith('{"lazypirate":{"status":')) return undefined;
  try {
    return (JSON.parse(frame.toString()) as { lazypirate: FailureReply }).lazypirate;
  } catch {
    return undefined;
  }
}

function failureReplyWords({
  status,
  code,
  message,
  route,
  attempts,
  executed,
  elapsedMs,
  requestId,
}: FailureReply): string {
  const fate = executed === 'no' ? 'the request was not executed' : 'the request may have been executed';
  return [
    `failure reply ${status} ${code}: ${message}`,
    `route ${route}, request ${requestId}, ${attempts === 0 ? 'not sent' : attemptsOf(attempts)}, ${elapsedMs} ms; ${fate}`,
  ].join('\n');
}

/** An attempt is a send: to look for a connection in vain is none. */
function cost(elapsedMs: number, attempts: number): string {
  const ms = `${elapsedMs.toFixed(1)} ms`;
  return attempts === 0 ? ms : `${ms}, ${attemptsOf(attempts)}`;
}

function attemptsOf(count: number): string {
  return `${count} ${count === 1 ? 'attempt' : 'attempts'}`;
}
