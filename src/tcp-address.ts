/** `HOST:PORT`, an IPv6 address in brackets. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `tcp://IP:PORT`, an IPv6 address in brackets. */
export function tcpAddress(ip: string, port: number): string {
  return `tcp://${hostPort(ip, port)}`;
}
