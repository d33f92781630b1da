import { createReadStream } from 'node:fs';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { platform } from 'node:os';

/** Most that is read of a table of connections, and most descriptors that are looked at: on a large machine it is not worth more. */
const TABLE_BYTES_MOST = 4 * 1024 * 1024;
const DESCRIPTORS_MOST = 20_000;

/** One end of a connection, as `/proc/net/tcp` shows it. */
interface End {
  local: string;
  remote: string;
  inode: string;
}

/**
 * Finds the processes at the other ends of connections to this process, on Linux and over loopback, as far as `/proc` shows them. It does
 * not show those of other users, nor those in another PID namespace, such as another container of the pod.
 *
 * @param peers where the connections come from, as `IP:PORT`
 * @returns `NAME[PID]` of those that were found
 */
export async function processesOf(peers: ReadonlySet<string>): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const near = new Set([...peers].filter((peer) => /^(127\.|\[::1\]:)/.test(peer)));
  if (platform() !== 'linux' || near.size === 0) return found;
  const wanted = await peerSockets(near);
  let left = DESCRIPTORS_MOST;
  for (const pid of await namesIn('/proc')) {
    if (found.size === wanted.size || left <= 0) break;
    if (!/^\d+$/.test(pid)) continue;
    const inodes = await socketsOf(pid, left);
    left -= inodes.length;
    for (const inode of inodes) {
      const peer = wanted.get(inode);
      if (peer !== undefined) found.set(peer, `${await commandOf(pid)}[${pid}]`);
    }
  }
  return found;
}

/** The inodes of the sockets at the other ends of connections of this process, and their addresses. */
async function peerSockets(peers: ReadonlySet<string>): Promise<Map<string, string>> {
  const ends = [...(await endsIn('/proc/net/tcp', peers)), ...(await endsIn('/proc/net/tcp6', peers))];
  const own = new Set(await socketsOf('self', DESCRIPTORS_MOST));
  const ours = ends.filter(({ remote, inode }) => peers.has(remote) && own.has(inode));
  const theirs = new Set(ours.map(({ local, remote }) => `${remote} ${local}`));
  return new Map(
    ends.flatMap(({ local, remote, inode }) =>
      theirs.has(`${local} ${remote}`) ? [[inode, local] as const] : [],
    ),
  );
}

/** The ends of connections to and from these addresses. */
async function endsIn(table: string, addresses: ReadonlySet<string>): Promise<End[]> {
  const ends: End[] = [];
  let rest = '';
  try {
    for await (const chunk of createReadStream(table, { encoding: 'latin1', end: TABLE_BYTES_MOST })) {
      const lines = `${rest}${chunk}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const [, local = '', remote = '', , , , , , , inode = ''] = line.trim().split(/\s+/);
        const end = { local: addressOf(local), remote: addressOf(remote), inode };
        if (addresses.has(end.local) || addresses.has(end.remote)) ends.push(end);
      }
    }
  } catch {
    // There is no such table, for instance without IPv6.
  }
  return ends;
}

/** From hexadecimal, each 4 bytes in reverse. An IPv4 address in one of IPv6 becomes the former; other ones of IPv6 stay as they are. */
function addressOf(hex: string): string {
  const [address = '', port = ''] = hex.split(':');
  const number = Number.parseInt(port, 16);
  if (address === `${'0'.repeat(24)}01000000`) return `[::1]:${number}`;
  const [, four] = /^(?:0{16}FFFF0000)?([\dA-F]{8})$/.exec(address) ?? [];
  if (four === undefined) return `${address}:${number}`;
  const bytes = (four.match(/../g) ?? []).toReversed().map((byte) => Number.parseInt(byte, 16));
  return `${bytes.join('.')}:${number}`;
}

/** The inodes of the sockets that a process has open, from its first descriptors. */
async function socketsOf(pid: string, most: number): Promise<string[]> {
  const names = (await namesIn(`/proc/${pid}/fd`)).slice(0, most);
  const links = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
}

/** Empty if it may not be read, or is gone. */
async function namesIn(directory: string): Promise<string[]> {
  return await readdir(directory).catch(() => []);
}

async function commandOf(pid: string): Promise<string> {
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '?');
  return name.trim();
}
