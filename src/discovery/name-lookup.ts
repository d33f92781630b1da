import { Resolver } from 'node:dns/promises';
import { readFileSync } from 'node:fs';
import { isIPv6, type LookupFunction } from 'node:net';
import { codeOf, messageOf } from '../errors.ts';
import type { Family } from './address-family.ts';
import type { DiscoveryFailure } from './discovery.ts';
import { addressesInHosts, namesToTry, parseResolvConf, type ResolvConf } from './resolv-conf.ts';

/** The answer for one address family. `none`: the name exists but has no such record. `missing`: the name does not exist. */
export type FamilyAnswer =
  | { kind: 'some'; addresses: readonly string[] }
  | { kind: 'none' | 'missing' }
  /** @property isSilent no name server has answered; `isRefused`: it refused the connection */
  | { kind: 'failed'; why: string; isSilent?: boolean; isRefused?: boolean };

export type LookupAnswer =
  /** `name` is the name that was found, with its search domain. At least one family has addresses. */
  | ({ kind: 'found'; name: string } & Record<Family, FamilyAnswer>)
  | { kind: 'failed'; reason: DiscoveryFailure; why: string; isRefused?: boolean };

/** The files that configure name lookups on the machine. */
export interface NameFiles {
  resolvConf: string;
  hosts: string;
}

const SYSTEM: NameFiles = { resolvConf: '/etc/resolv.conf', hosts: '/etc/hosts' };

/**
 * Looks up a name as other programs on the machine do: in the hosts file, then at the name servers, with the search domains
 * that short names in a cluster need. It asks for each family separately, so that one may fail without the other. It does not
 * use the system's lookup, which blocks a thread that cannot be stopped: the process could not end before the name server
 * answers.
 *
 * @param known the name that was found last time; if that one fails, no other name is tried
 * @throws the signal's reason once it is aborted
 */
export async function lookUp(
  name: string,
  signal: AbortSignal,
  { known, files = SYSTEM }: { known?: string | undefined; files?: NameFiles } = {},
): Promise<LookupAnswer> {
  const inHosts = addressesInHosts(name, textOf(files.hosts));
  if (inHosts.length > 0) return { kind: 'found', name, ...answersByFamily(inHosts) };
  const conf = parseResolvConf(textOf(files.resolvConf));
  let failure: LookupAnswer | undefined;
  let isKnown = false;
  for (const candidate of namesToTry(name, conf)) {
    const [IPv4, IPv6] = await Promise.all([
      ask(candidate, 'IPv4', conf, signal),
      ask(candidate, 'IPv6', conf, signal),
    ]);
    const kinds = [IPv4.kind, IPv6.kind];
    if (kinds.includes('some')) return { kind: 'found', name: candidate, IPv4, IPv6 };
    isKnown ||= kinds.includes('none');
    if (!kinds.includes('failed')) continue;
    const why = `${candidate}: ${whyOf(IPv4, IPv6)}`;
    failure ??= { kind: 'failed', reason: 'unreachable', why, isRefused: is('isRefused', IPv4, IPv6) };
    // As in the C library: try the next name only if the name server answered and the name does not exist.
    if (candidate === known || kinds.includes('none') || is('isSilent', IPv4, IPv6)) return failure;
  }
  if (failure !== undefined) return failure;
  const why = isKnown ? `${name} has no address (no A and no AAAA record)` : `there is no DNS name ${name}`;
  return { kind: 'failed', reason: 'not_found', why };
}

/** The same lookup in the form that `net.connect` needs. */
export function lookupUntil(signal: AbortSignal): LookupFunction {
  return (name, options, done) => {
    const fail = (code: string, why: string) => done(Object.assign(new Error(why), { code }), '');
    lookUp(name, signal).then(
      (answer) => {
        if (answer.kind === 'failed') return fail('ENOTFOUND', answer.why);
        const found = [...addressesIn(answer.IPv4), ...addressesIn(answer.IPv6)].map((address) => ({
          address,
          family: isIPv6(address) ? 6 : 4,
        }));
        const wanted = found.filter(({ family }) => !options.family || options.family === family);
        const [first] = wanted;
        if (first === undefined) return fail('ENOTFOUND', `${name} has no address of that family`);
        if (options.all) return done(null, wanted);
        return done(null, first.address, first.family);
      },
      (error) => fail('ECANCELLED', messageOf(error)),
    );
  };
}

export function addressesIn(ofFamily: FamilyAnswer): readonly string[] {
  return ofFamily.kind === 'some' ? ofFamily.addresses : [];
}

/** Asks each name server in turn until one answers, with as many attempts as resolv.conf says. */
async function ask(
  name: string,
  family: Family,
  conf: ResolvConf,
  signal: AbortSignal,
): Promise<FamilyAnswer> {
  let why = '';
  let last: string | undefined;
  for (let attempt = 0; attempt < conf.attempts; attempt++) {
    for (const server of conf.servers) {
      signal.throwIfAborted();
      // One server and one try at a time, because the resolver does not go on to the next server after a SERVFAIL.
      const resolver = new Resolver({ timeout: conf.timeoutMs, maxTimeout: conf.timeoutMs, tries: 1 });
      const cancel = () => resolver.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      try {
        resolver.setServers([server]);
        const addresses = await (family === 'IPv4' ? resolver.resolve4(name) : resolver.resolve6(name));
        return addresses.length > 0 ? { kind: 'some', addresses } : { kind: 'none' };
      } catch (error) {
        signal.throwIfAborted();
        const code = codeOf(error);
        if (code === 'ENODATA') return { kind: 'none' };
        if (code === 'ENOTFOUND') return { kind: 'missing' };
        last = code;
        why = WORDS[code ?? ''] ?? code ?? messageOf(error);
      } finally {
        signal.removeEventListener('abort', cancel);
      }
    }
  }
  const isRefused = last === 'ECONNREFUSED';
  return { kind: 'failed', why, isSilent: isRefused || last === 'ETIMEOUT', isRefused };
}

const WORDS: Record<string, string> = {
  ESERVFAIL: 'SERVFAIL',
  EREFUSED: 'REFUSED',
  ETIMEOUT: 'no answer from the name server',
  ECONNREFUSED: 'no answer from the name server (connection refused)',
};

function is(what: 'isSilent' | 'isRefused', ...families: readonly FamilyAnswer[]): boolean {
  return families.some((one) => one.kind === 'failed' && one[what] === true);
}

function whyOf(IPv4: FamilyAnswer, IPv6: FamilyAnswer): string {
  const four = IPv4.kind === 'failed' ? IPv4.why : undefined;
  const six = IPv6.kind === 'failed' ? IPv6.why : undefined;
  if (four !== undefined && six !== undefined && four !== six) return `${four} (A), ${six} (AAAA)`;
  return four ?? six ?? '';
}

function answersByFamily(addresses: readonly string[]): Record<Family, FamilyAnswer> {
  const ofFamily = (isSix: boolean): FamilyAnswer => {
    const some = addresses.filter((address) => isIPv6(address) === isSix);
    return some.length > 0 ? { kind: 'some', addresses: some } : { kind: 'none' };
  };
  return { IPv4: ofFamily(false), IPv6: ofFamily(true) };
}

/** A missing file counts as empty. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
