/*
 * Loaded into a sidecar before its own code: on SIGWINCH, which processes ignore by default, it closes idle lanes at once.
 * Normally they are closed after a minute.
 */
import { Upstream } from '../../src/proxy/upstream/upstream.ts';

const upstreams = new Set<Upstream>();
const run = Upstream.prototype.run;
Upstream.prototype.run = function (discovery) {
  upstreams.add(this);
  return run.call(this, discovery);
};
process.on('SIGWINCH', () => {
  for (const upstream of upstreams) upstream.trim(Number.POSITIVE_INFINITY);
});
