/** What is used of the client: to name it lets the bundle leave out the rest, which is its whole generated API. */
export {
  HttpMethod,
  IsomorphicFetchHttpLibrary,
  KubeConfig,
  RequestContext,
  ResponseContext,
} from '@kubernetes/client-node';
