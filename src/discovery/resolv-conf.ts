import { isIP } from 'node:net';

/** The part of resolv.conf(5) that is used. */
export interface ResolvConf {
  servers: readonly string[];
  search: readonly string[];
  ndots: number;
  timeoutMs: number;
  attempts: number;
}

/** The defaults of the C library. */
const SERVERS_MOST = 3;

export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  let search: readonly string[] = [];
  const options = { ndots: 1, timeout: 5, attempts: 2 };
  const most = { ndots: 15, timeout: 30, attempts: 5 };
  for (const line of text.split('\n')) {
    if (/^[#;]/.test(line)) continue;
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === 'nameserver' && values[0] !== undefined) servers.push(values[0]);
    if (keyword === 'search') search = values;
    if (keyword === 'domain') search = values.slice(0, 1);
    if (keyword !== 'options') continue;
    for (const value of values) {
      const [, name, number] = /^(ndots|timeout|attempts):(\d+)$/.exec(value) ?? [];
      if (name !== 'ndots' && name !== 'timeout' && name !== 'attempts') continue;
      options[name] = Math.min(Number(number), most[name]);
    }
  }
  return {
    servers: servers.length === 0 ? ['127.0.0.1'] : servers.slice(0, SERVERS_MOST),
    search: search.map((domain) => domain.replace(/\.$/, '')).filter((domain) => domain !== ''),
    ndots: options.ndots,
    timeoutMs: Math.max(options.timeout, 1) * 1_000,
    attempts: Math.max(options.attempts, 1),
  };
}

/** The names to look up for a given name, in order. */
export function namesToTry(name: string, { search, ndots }: ResolvConf): string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const searched = search.map((domain) => `${name}.${domain}`);
  const dots = name.split('.').length - 1;
  return dots >= ndots ? [name, ...searched] : [...searched, name];
}

/** The addresses that a hosts(5) file has for a name. */
export function addressesInHosts(name: string, hosts: string): string[] {
  const wanted = name.replace(/\.$/, '').toLowerCase();
  return hosts.split('\n').flatMap((line) => {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    return isIP(address) !== 0 && names.some((one) => one.toLowerCase() === wanted) ? [address] : [];
  });
}
