const FORMS = 'service/NAME:PORT for a Service, dns/NAME:PORT for a name, or tcp://10.1.2.3:7000';

/** What is wrong with the form of an upstream. The configuration would name keys instead that nobody has written. */
export function upstreamProblem(given: string): string | undefined {
  if (/^(?:service|dns)\//.test(given)) {
    const hasPort = /:.+$/.test(given);
    return hasPort ? undefined : `${given} has no port: write ${given.replace(/:$/, '')}:PORT`;
  }
  for (const one of given.split(',').map((part) => part.trim())) {
    if (!/^(?:tcp|ipc):\/\//.test(one)) return `${JSON.stringify(one)} is not an upstream: write ${FORMS}`;
    const [, host, port] = /^tcp:\/\/([a-z0-9.-]*[a-z][a-z0-9.-]*):(\d+)$/i.exec(one) ?? [];
    if (host !== undefined)
      return `${one}: ${host} is not an IP address: write dns/${host}:${port}, or service/NAME:PORT for a Service`;
  }
  return undefined;
}
