import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { HostPort } from '../config/config.ts';
import { loadConfig, readSource } from '../config/load-config.ts';
import { parseValue } from '../config/text/arguments.ts';
import type { ConfigSources } from '../config/text/flags.ts';
import { parseHostPort } from '../config/values/address.ts';
import { ConfigError, codeOf, messageOf, StartError, UserError } from '../errors.ts';
import { hostPort } from '../tcp-address.ts';
import type { Terminal } from './command.ts';

/* Commands that ask a running sidecar. */

const DEFAULT: HostPort = { host: '127.0.0.1', port: 9556 };
const VARIABLE = 'LAZYPIRATE_ADMIN_INSPECT';
const ANSWER_WITHIN_MS = 10_000;

export const INSPECT_HELP = `  --inspect HOST:PORT  where the sidecar answers (the admin.inspect of LAZYPIRATE_CONFIG or ${VARIABLE}, or
                       ${hostPort(DEFAULT.host, DEFAULT.port)})`;

/**
 * Where the sidecar of this machine or pod answers: the address that `run` would listen on with the same environment.
 *
 * @param given with `--inspect`
 * @throws {UserError}
 */
export function inspectAddress(given: string | undefined, env: Terminal['env']): string {
  const { host, port } =
    given === undefined ? configuredAddress(env) : parseValue('--inspect', parseHostPort, given);
  // A listener on all addresses is also on loopback.
  return hostPort(host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host, port);
}

function configuredAddress(env: Terminal['env']): HostPort {
  const inspect = configuredInspect({ env, flags: {} });
  if (inspect === undefined)
    throw new StartError('admin.inspect is off in the configuration, so the sidecar cannot be asked');
  return inspect;
}

/** `undefined` if it is off. */
function configuredInspect(sources: ConfigSources): HostPort | undefined {
  try {
    return loadConfig(sources).admin.inspect;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    // A configuration that is refused is one of the reasons to ask a sidecar.
    const given = sources.env[VARIABLE]?.trim();
    if (given && given !== 'off') return parseValue(VARIABLE, parseHostPort, given);
    return given ? undefined : writtenInspect(sources);
  }
}

/** What a file says of it whose other keys are wrong. */
function writtenInspect(sources: ConfigSources): HostPort | undefined {
  try {
    const { admin } = readSource(sources).value as { admin?: { inspect?: unknown } };
    if (admin?.inspect === 'off' || admin?.inspect === false) return undefined;
    return parseHostPort(String(admin?.inspect));
  } catch {
    return DEFAULT;
  }
}

/**
 * Reads a page of the sidecar.
 *
 * @returns its JSON
 * @throws {StartError} if there is no answer, or another one than 200
 */
export async function askSidecar(address: string, path: string): Promise<string> {
  const { status, body } = await answerOf(address, path);
  if (status !== 200) throw new StartError(body.trim());
  return body;
}

/**
 * The lines of a page that goes on, until it ends or the signal aborts. Not by `fetch`, which gives up after five minutes of silence.
 *
 * @throws {UserError} if there is no answer, another one than 200, or the sidecar breaks it off
 */
export async function* streamFrom(address: string, path: string, stop: AbortSignal): AsyncGenerator<string> {
  try {
    const response = await responseOf(address, path, stop);
    if (response.statusCode !== 200) throw refusalOf(response.statusCode, (await text(response)).trim());
    let rest = '';
    for await (const chunk of response.setEncoding('utf8')) {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } catch (error) {
    if (stop.aborted) return;
    if (error instanceof UserError) throw error;
    throw new StartError(`the sidecar at ${address} broke off: ${messageOf(error)}`, { cause: error });
  }
}

async function responseOf(address: string, path: string, stop: AbortSignal): Promise<IncomingMessage> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(LATE), ANSWER_WITHIN_MS);
  const asked = get(`http://${address}${path}`, {
    agent: false,
    signal: AbortSignal.any([stop, late.signal]),
  });
  try {
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    asked.on('error', () => undefined);
    return response;
  } catch (error) {
    throw new StartError(unreachable(address, stop.aborted || late.signal.aborted ? LATE : error), {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

function refusalOf(status: number | undefined, words: string): UserError {
  return status === 400 ? new ConfigError([words]) : new StartError(words);
}

/** Why there is no answer. */
const LATE = new Error('late');

/** By the same means, because `fetch` refuses some ports. */
async function answerOf(address: string, path: string): Promise<{ status: number; body: string }> {
  const late = AbortSignal.timeout(ANSWER_WITHIN_MS);
  try {
    const response = await responseOf(address, path, late);
    return { status: response.statusCode ?? 0, body: await text(response) };
  } catch (error) {
    if (error instanceof UserError) throw error;
    // It may end in the middle of its answer.
    throw new StartError(unreachable(address, late.aborted ? LATE : error), { cause: error });
  }
}

function unreachable(address: string, error: unknown): string {
  const why =
    error === LATE
      ? `no answer within ${ANSWER_WITHIN_MS / 1_000} s: it hangs, or is short of CPU`
      : causeOf(error);
  return `no sidecar answers at ${address} (${why}). Is it running here (kubectl get pod, kubectl logs)? Is this its admin.inspect? The line "inspect listening" of its log has the address. To ask at another one, use --inspect HOST:PORT`;
}

function causeOf(error: unknown): string {
  const code = codeOf(error) ?? '';
  if (code === 'ECONNREFUSED') return 'nobody listens there';
  if (code === 'ECONNRESET') return 'the connection was closed before the whole answer came';
  if (code.startsWith('HPE_'))
    return 'what listens there does not speak HTTP: it is another program, or a listener for apps';
  return messageOf(error);
}
