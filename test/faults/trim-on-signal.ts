/*
 * Loaded into a sidecar before its own code: at each SIGWINCH, which does nothing to a process that does not ask for it, lanes
 * that have nothing to do are closed at once, as they are after a minute.
 */
import { Upstream } from '../../src/proxy/upstream.ts';

const upstreams = new Set<Upstream>();
const run = Upstream.prototype.run;
Upstream.prototype.run = function (discovery) {
  upstreams.add(this);
  return run.call(this, discovery);
};
process.on('SIGWINCH', () => {
  for (const upstream of upstreams) upstream.trim(Number.POSITIVE_INFINITY);
});
