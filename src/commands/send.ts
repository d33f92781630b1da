import { addAbortSignal } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { parseArgs } from 'node:util';
import { parseEndpoint } from '../config/address.ts';
import { loadConfig } from '../config/load.ts';
import { ConfigError, messageOf, UserError } from '../errors.ts';
import { RetryBudget } from '../proxy/budget.ts';
import { sizeOf } from '../proxy/envelope.ts';
import { Forwarder, type Settled } from '../proxy/forwarder.ts';
import { Load } from '../proxy/load.ts';
import { Upstream } from '../proxy/upstream.ts';
import type { Command, Terminal } from './command.ts';

const help = `Usage: lazypirate send ENDPOINT [BODY...] [--timeout D] [--attempts N]

Sends one request with the Lazy Pirate pattern and prints the reply.

  ENDPOINT      tcp://IP:PORT or ipc:///PATH of a REP, a ROUTER or a sidecar
  BODY...       the frames of the request, one each; without any, standard input is the only frame
  --timeout D   how long an attempt is waited for (2500ms)
  --attempts N  sends in total (3)

The reply goes to standard output, one line a frame; the time it took to standard error.
Exit code 0 with a reply, 1 without one, or if it is a sidecar's failure reply; 2 for wrong arguments.
`;

export const send: Command = {
  name: 'send',
  summary: 'send one request from the terminal',
  help,
  async run(args, terminal) {
    const { endpoint, body, timeout, attempts } = await argumentsOf(args, terminal);
    const flags = {
      // It listens nowhere, so that the address where a sidecar listens by default is an endpoint like others.
      listen: 'tcp://127.0.0.1:0',
      upstream: endpoint,
      ...(timeout !== undefined && { timeout }),
      ...(attempts !== undefined && { attempts }),
    };
    const [settings] = loadConfig({ env: {}, flags }).routes;
    if (settings?.upstream.kind !== 'static') throw new ConfigError([`${endpoint} is no address`]);

    const load = new Load(settings.limits);
    const upstream = new Upstream(settings, load, () => undefined, '');
    const budget = new RetryBudget(settings.budget, performance.now());
    const forwarder = new Forwarder(settings, upstream, budget, load, () => undefined);
    const place = load.enter(sizeOf(body), { queued: 0 });
    if (place === undefined)
      throw new ConfigError([`the request is larger than ${settings.limits.queueBytes} bytes`]);
    upstream.found(settings.upstream.endpoints.map((address) => ({ address })));
    const interrupt = () => forwarder.cut();
    terminal.interrupted.addEventListener('abort', interrupt);
    try {
      const sentMs = performance.now();
      const result = await forwarder.forward(body, place, sentMs);
      if (result.kind === 'moved') throw new Error('moved, and there is nowhere to move to');
      return report(result, performance.now() - sentMs, terminal);
    } finally {
      terminal.interrupted.removeEventListener('abort', interrupt);
      upstream.close();
    }
  },
};

async function argumentsOf(args: string[], { stdin, interrupted }: Terminal) {
  const options = { timeout: { type: 'string' }, attempts: { type: 'string' } } as const;
  try {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    const [endpoint, ...frames] = positionals;
    if (endpoint === undefined) throw new Error('send needs an endpoint, such as tcp://127.0.0.1:5555');
    checkEndpoint(endpoint);
    const body =
      frames.length > 0
        ? frames.map((frame) => Buffer.from(frame))
        : [await buffer(addAbortSignal(interrupted, stdin))];
    return { endpoint, body, ...values };
  } catch (error) {
    if (interrupted.aborted) throw new UserError(['interrupted; nothing was sent'], 1, { cause: error });
    throw new ConfigError([messageOf(error)], { cause: error });
  }
}

/** The configuration that is made of it would blame a key that nobody has typed. */
function checkEndpoint(endpoint: string): void {
  try {
    parseEndpoint(endpoint);
  } catch (error) {
    throw new Error(`ENDPOINT: ${messageOf(error)}`, { cause: error });
  }
}

function report(result: Settled, elapsedMs: number, { stdout, stderr }: Terminal): number {
  const { attempts } = result;
  const cost = `${elapsedMs.toFixed(1)} ms, ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`;
  if (result.kind === 'failure') {
    stderr.write(`${result.code}: ${result.message} (${cost})\n`);
    return 1;
  }
  for (const frame of result.body) {
    stdout.write(frame);
    stdout.write('\n');
  }
  stderr.write(`${cost}\n`);
  return isFailureReply(result.body) ? 1 : 0;
}

/** Whether a sidecar says, in the way it does by default, that it has no reply. */
function isFailureReply([first, ...others]: readonly Buffer[]): boolean {
  return (
    others.length === 0 && first !== undefined && first.toString().startsWith('{"lazypirate":{"status":')
  );
}
