import { isIPv4, isIPv6 } from 'node:net';
import { normalize } from 'node:path/posix';

/** `sun_path` of unix(7) holds 108 bytes, one of them the NUL. */
const IPC_PATH_BYTES = 107;
const WILDCARDS = ['*', '0.0.0.0', '[::]'];

/*
 * Patterns of addresses for JSON Schema. They accept everything that the parsers below accept, and little more. They use only
 * syntax that all dialects of regular expressions share.
 */
const OCTET = '(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])';
const IPV4 = `(${OCTET}\\.){3}${OCTET}`;
const IPV6 = '\\[[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(%[0-9A-Za-z.:-]+)?\\]';
const FIVE_DIGITS = '6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}';
const PORT = `0*(${FIVE_DIGITS}|[0-9]{1,4})`;
const IPC = `ipc://[/@][^\\x00-\\x1f\\x7f-\\x9f]{1,${IPC_PATH_BYTES - 1}}`;
export const HOST_PORT_PATTERN = `^(localhost|\\*|${IPV4}|${IPV6}):${PORT}$`;
export const LISTEN_PATTERN = `^(tcp://(localhost|\\*|${IPV4}|${IPV6}):${PORT}|${IPC})$`;
export const ENDPOINT_PATTERN = `^(tcp://(localhost|${IPV4}|${IPV6}):0*(${FIVE_DIGITS}|[1-9][0-9]{0,3})|${IPC})$`;

/**
 * Checks the address of an endpoint. It is stricter than libzmq, which accepts port 99999 and then never connects, and which
 * resolves a name for each connection, on its I/O thread, and uses only the first address.
 *
 * @returns the address in canonical form
 * @throws {Error} with a message that shows a valid address
 */
export function parseEndpoint(text: string): string {
  return parse(text, 'tcp://10.1.2.3:7000', (host, port) => {
    if (WILDCARDS.includes(host)) throw new Error(`${text}: ${host} is not an address to connect to`);
    if (port === 0) throw new Error(`${text}: the port must be from 1 to 65535`);
  });
}

/**
 * Checks an address to listen on.
 *
 * @returns the address in canonical form
 * @throws {Error} with a message that shows a valid address
 */
export function parseListen(text: string): string {
  return parse(text, 'tcp://127.0.0.1:5555', () => undefined);
}

/** Whether only this machine (or, with ipc, only this file system) can reach it. Takes a parsed address. */
export function isLocal(address: string): boolean {
  return /^(ipc:|tcp:\/\/127\.|tcp:\/\/\[::1\])/.test(address);
}

/** Whether an endpoint at this address would be the listener itself. Takes parsed addresses. */
export function leadsBackTo(endpoint: string, listen: string): boolean {
  if (endpoint === listen) return true;
  const [one, other] = [hostAndPort(endpoint), hostAndPort(listen)];
  if (one === undefined || other === undefined) return false;
  return one.port === other.port && includesHost(other.host, one.host) && isLocal(endpoint);
}

/** Whether one cannot listen while the other does. Takes parsed addresses. */
export function cannotBothListen(listen: string, by: string): boolean {
  // Up to a thousand routes are compared with each other, and nearly all differ in the port: check it first.
  if (!by.endsWith(listen.slice(listen.lastIndexOf(':')))) return false;
  const [one, other] = [hostAndPort(listen), hostAndPort(by)];
  if (one === undefined || other === undefined) return listen === by;
  if (one.port !== other.port || one.port === 0) return false;
  return one.host === other.host || includesHost(one.host, other.host) || includesHost(other.host, one.host);
}

/** `[::]` includes every address of both families; the other wildcards include those of IPv4. */
function includesHost(wildcard: string, host: string): boolean {
  return wildcard === '[::]' || (WILDCARDS.includes(wildcard) && !host.startsWith('['));
}

/**
 * Reads `host:port`, where the host is an IP address.
 *
 * @throws {Error} with a message that shows a valid address
 */
export function parseHostPort(text: string): { host: string; port: number } {
  refuseVariable(text);
  const found = hostAndPort(`tcp://${text}`);
  if (found === undefined)
    throw new Error(
      `${JSON.stringify(text)} is not an address: write 127.0.0.1:9556, 0.0.0.0:9555 or [::]:9555`,
    );
  checkPort(text, found.port);
  const host = checkHost(text, found.host);
  return { host: host === '*' ? '0.0.0.0' : host.replace(/^\[|\]$/g, ''), port: found.port };
}

function parse(text: string, example: string, check: (host: string, port: number) => void): string {
  refuseVariable(text);
  if (text.startsWith('ipc://')) return checkIpc(text);
  if (!text.startsWith('tcp://')) {
    throw new Error(`${JSON.stringify(text)} is not an address: write ${example} or ipc:///run/some.sock`);
  }
  const found = hostAndPort(text);
  if (found === undefined) throw new Error(`${text}: write tcp://IP:PORT, an IPv6 address in brackets`);
  checkPort(text, found.port);
  const host = checkHost(text, found.host);
  check(host, found.port);
  return `tcp://${host}:${found.port}`;
}

/** Refuses `${PORT}` and `$(PORT)`, which a shell or Kubernetes would replace elsewhere. */
function refuseVariable(text: string): void {
  const variable = /\$(\w+|\{[^}]*\}|\([^)]*\))/.exec(text)?.[0];
  if (variable !== undefined) throw new Error(`${text}: variables such as ${variable} are not expanded here`);
}

function checkIpc(text: string): string {
  const path = text.slice('ipc://'.length);
  if (!/^[/@]./s.test(path)) {
    throw new Error(
      `${text}: write an absolute path, ipc:///run/some.sock, or an abstract name, ipc://@some`,
    );
  }
  if (/\p{Cc}/u.test(path)) throw new Error(`${text}: an ipc path has no control characters`);
  if (Buffer.byteLength(path) > IPC_PATH_BYTES) {
    throw new Error(
      `the ipc path has ${Buffer.byteLength(path)} bytes; at most ${IPC_PATH_BYTES} are possible`,
    );
  }
  if (!path.startsWith('/')) return text;
  if (/\/\.\.(\/|$)/.test(path))
    throw new Error(
      // Links decide where it leads, and they may be others where the sidecar runs.
      `${text}: write the path without .., ipc://${normalize(path)} if it has no symbolic links`,
    );
  if (/\/\.?$/.test(path)) throw new Error(`${text}: the path is a directory: add the name of the socket`);
  return `ipc://${path.replace(/\/(\.?\/)+/g, '/')}`;
}

function hostAndPort(address: string): { host: string; port: number } | undefined {
  const [, host, port] = /^tcp:\/\/(\[[^\]]*\]|[^:/[\]\s]+):(\d+)$/.exec(address) ?? [];
  return host === undefined || port === undefined ? undefined : { host, port: Number(port) };
}

function checkPort(text: string, port: number): void {
  if (port > 65535) throw new Error(`${text}: the port must be at most 65535`);
}

function checkHost(text: string, host: string): string {
  if (host === 'localhost') return '127.0.0.1';
  if (host === '*' || isIPv4(host)) return host;
  if (host.startsWith('[') && isIPv6(host.slice(1, -1))) return inOneSpelling(host);
  throw new Error(
    `${text}: ${host} is not an IP address; names are not looked up here (upstream.dns will do that)`,
  );
}

/**
 * `[0:0:0:0:0:0:0:1]` becomes `[::1]`, and `[::ffff:127.0.0.1]` becomes `127.0.0.1`, which it is. A zone, after `%`, stays as it
 * is, because interface names are case-sensitive.
 */
function inOneSpelling(host: string): string {
  const [address = '', zone] = host.slice(1, -1).split('%');
  const { hostname } = new URL(`http://[${address}]`);
  const [, high, low] = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(hostname) ?? [];
  if (high !== undefined && low !== undefined)
    return inIpv4(Number.parseInt(high, 16), Number.parseInt(low, 16));
  return zone === undefined ? hostname : `${hostname.slice(0, -1)}%${zone}]`;
}

function inIpv4(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
