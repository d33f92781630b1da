/** `LAZYPIRATE_TRANSPORT=libzmq` runs the tests of the data path, the faults and the soak on libzmq. */
export const TRANSPORT = process.env['LAZYPIRATE_TRANSPORT'] === 'libzmq' ? 'libzmq' : 'zmtp';

/** What a page of results says about the transport, and its name. The default needs no word. */
export const [ON_TRANSPORT, RESULTS_PAGE] =
  TRANSPORT === 'zmtp'
    ? ['', 'RESULTS.md']
    : [`, with \`transport: ${TRANSPORT}\``, `RESULTS-${TRANSPORT}.md`];
