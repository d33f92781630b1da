import type { LookupFunction } from 'node:net';
import { type DispatcherOptions, KubeConfig } from '@kubernetes/client-node';

/** What is used of the client: to name it lets the bundle leave out the rest, which is its whole generated API. */
export {
  HttpMethod,
  IsomorphicFetchHttpLibrary,
  RequestContext,
  ResponseContext,
} from '@kubernetes/client-node';

/**
 * With this one each request has a connection of its own. The client's own sends those to a cluster that needs no options of
 * TLS, as one that the public trusts, through connections that the whole process shares; over HTTP/2 what is taken up anew
 * there comes upon the same connection, and if that is dead it stays dead for minutes.
 */
export class ApiConfig extends KubeConfig {
  readonly #lookup: LookupFunction;

  /** @param lookup of the server's name: that of the system cannot be stopped, and an exit would wait for it */
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
