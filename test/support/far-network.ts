import { execFileSync } from 'node:child_process';
import type { Scope } from './program.ts';
import { UpstreamProcess } from './upstream-process.ts';

const PORT = 7000;
/** Locally administered hardware addresses for the two ends of every cable. */
const [HERE, THERE] = ['02:00:00:00:00:01', '02:00:00:00:00:02'];
let opened = 0;

/** A network namespace that one cable (veth) connects with this one. Everything in it can disappear, as a cluster node can. */
export class FarNetwork {
  readonly #name: string;
  /** Addresses of the two ends of the cable. */
  readonly #here: string;
  readonly #there: string;

  private constructor(number: number) {
    const id = (process.pid * 4 + number) % 16_384;
    this.#name = `lazypirate${id}`;
    // 198.18.0.0/15 is for benchmarks between networks (RFC 2544), so nothing else is there.
    const net = `198.18.${id >> 6}.`;
    this.#here = `${net}${(id & 63) * 4 + 1}`;
    this.#there = `${net}${(id & 63) * 4 + 2}`;
  }

  /** Why none can be created here, if so. */
  static missing(): string | false {
    if (process.getuid?.() !== 0) return 'needs root, for a network namespace';
    const ends: (() => unknown)[] = [];
    try {
      FarNetwork.open({ after: (end) => ends.push(end) });
      return false;
    } catch (error) {
      return `needs network namespaces and veth: ${(error as Error).message.trim().split('\n').at(-1)}`;
    } finally {
      for (const end of ends) end();
    }
  }

  /** It is removed with its scope. */
  static open(scope: Scope): FarNetwork {
    const network = new FarNetwork(opened++);
    const name = network.#name;
    ip(`netns add ${name}`);
    scope.after(() => ip(`netns del ${name}`));
    ip(`link add ${name} address ${HERE} type veth peer name cable address ${THERE} netns ${name}`);
    ip(`address add ${network.#here}/30 dev ${name}`);
    ip(`link set ${name} up`);
    ip(`-n ${name} address add ${network.#there}/30 dev cable`);
    ip(`-n ${name} link set cable up`);
    // The two ends have static ARP entries: ARP for a neighbour behind a blackholed route asks only once a second, and that second
    // is not part of the fault.
    ip(`neighbour add ${network.#there} lladdr ${THERE} dev ${name} nud permanent`);
    ip(`-n ${name} neighbour add ${network.#here} lladdr ${HERE} dev cable nud permanent`);
    // Strict reverse path filtering drops packets from addresses without a route back (RFC 3704).
    ip(`netns exec ${name} sh -c`, 'echo 1 > /proc/sys/net/ipv4/conf/cable/rp_filter');
    return network;
  }

  /** Starts an upstream in the namespace. */
  startUpstream(scope: Scope): Promise<UpstreamProcess> {
    const within = ['ip', 'netns', 'exec', this.#name];
    return UpstreamProcess.start(scope, `tcp://${this.#there}:${PORT}`, within);
  }

  /** From now on, nothing gets through in either direction, and nothing reports it: no RST, no ICMP. */
  blackhole(): void {
    ip(`-n ${this.#name} route add blackhole ${this.#here}/32`);
  }

  mend(): void {
    ip(`-n ${this.#name} route del blackhole ${this.#here}/32`);
  }
}

function ip(command: string, ...args: string[]): void {
  execFileSync('ip', [...command.split(' '), ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
}
