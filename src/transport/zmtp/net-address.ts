/** The address in the form that `node:net` needs. */
type NetAddress = { host: string; port: number } | { path: string };

/** @param address in the form that the configuration's parser returns */
export function netAddressOf(address: string): NetAddress {
  const ipc = /^ipc:\/\/(@?)(.*)$/s.exec(address);
  // An abstract name on Linux starts with a NUL (unix(7)).
  if (ipc !== null) return { path: `${ipc[1] === '@' ? '\0' : ''}${ipc[2]}` };
  const tcp = /^tcp:\/\/(.*):(\d+)$/.exec(address);
  if (tcp === null) throw new Error(`${address} is not an address that this transport can use`);
  const host = (tcp[1] ?? '').replace(/^\[|\]$/g, '');
  return { host: host === '*' ? '0.0.0.0' : host, port: Number(tcp[2]) };
}
