/** Where `node:net` connects to or listens. */
export type NetAddress = { host: string; port: number } | { path: string };

/** @param address as the configuration's parser spells it */
export function netAddressOf(address: string): NetAddress {
  const ipc = /^ipc:\/\/(@?)(.*)$/s.exec(address);
  // An abstract name of Linux begins with a NUL (unix(7)).
  if (ipc !== null) return { path: `${ipc[1] === '@' ? '\0' : ''}${ipc[2]}` };
  const tcp = /^tcp:\/\/(.*):(\d+)$/.exec(address);
  if (tcp === null) throw new Error(`${address} is no address of a transport`);
  const host = (tcp[1] ?? '').replace(/^\[|\]$/g, '');
  return { host: host === '*' ? '0.0.0.0' : host, port: Number(tcp[2]) };
}
