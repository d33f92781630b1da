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
  override createDispatcherOptions(
    ...args: Parameters<KubeConfig['createDispatcherOptions']>
  ): DispatcherOptions {
    const options = super.createDispatcherOptions(...args);
    if (options.type !== 'none') return options;
    return { type: 'agent', connect: { keepAlive: true, keepAliveInitialDelay: 30_000 } };
  }
}
