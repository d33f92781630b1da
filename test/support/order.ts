/** The test files that take longest: the end of the suite waits for none of them if they start first. */
export const LONGEST = [
  'integration/data-path-libzmq',
  'faults/upstream',
  'integration/discovery-faults',
  'faults/hostile-app',
  'helm/dashboard',
  'helm/charts',
  'integration/connections',
  'integration/cli',
  'faults/app',
  'integration/bad-input-libzmq',
  'integration/promises',
  'image/image',
  'faults/slow-upstream',
  'faults/descriptors',
  'integration/kubernetes',
  'simulation/simulation',
  'helm/alerts',
  'faults/network',
  'integration/page',
  'integration/tracing',
  'faults/restart',
  'faults/process',
  'faults/leaving',
  'examples/languages',
  'unit/config/hostile',
  'unit/inject/hostile',
  'unit/inject/properties',
  'unit/transport/zeromq/zeromq-listener',
].map((name) => `test/${name}.test.ts`);

/** Sorts these files: the longest first, then the others by name. */
export function inOrder(files: readonly string[]): string[] {
  const rank = (file: string) => {
    const place = LONGEST.indexOf(file);
    return place < 0 ? LONGEST.length : place;
  };
  return [...files].sort().sort((one, other) => rank(one) - rank(other));
}
