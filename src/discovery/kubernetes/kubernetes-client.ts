import type { LookupFunction } from 'node:net';
import { type DispatcherOptions, KubeConfig } from '@kubernetes/client-node';

/** The only parts of the client that are used. Naming them lets the bundler drop the rest: its whole generated API. */
export {
  HttpMethod,
  IsomorphicFetchHttpLibrary,
  RequestContext,
  ResponseContext,
} from '@kubernetes/client-node';

/**
 * Gives each request a connection of its own. If a cluster needs no TLS options (for example, with a publicly trusted
 * certificate), the client's own class uses connections that the whole process shares. With HTTP/2, a new request then goes
 * through the same connection, and if that one is dead, requests fail for minutes.
 */
export class ApiConfig extends KubeConfig {
  readonly #lookup: LookupFunction;

  /** @param lookup resolves the server's name. The system's own lookup cannot be stopped, so an exit would wait for it. */
  constructor(lookup: LookupFunction) {
    super();
    this.#lookup = lookup;
  }

  override createDispatcherOptions(
    ...args: Parameters<KubeConfig['createDispatcherOptions']>
  ): DispatcherOptions {
    const options = super.createDispatcherOptions(...args);
    const lookup = this.#lookup;
    switch (options.type) {
      case 'none':
        return { type: 'agent', connect: { keepAlive: true, keepAliveInitialDelay: 30_000, lookup } };
      case 'agent':
      case 'proxy':
        return { ...options, connect: { ...options.connect, lookup } };
      case 'socks':
        return options;
    }
  }
}
