/*
 * A bad network between the sidecar and its upstreams, in a separate process: `node network.ts SHARE HOLD_MS UPSTREAM...`
 * Prints the addresses of its relays, and then every second the harm it has done. Ends on SIGTERM.
 */
import { ManInTheMiddle } from '../support/man-in-the-middle.ts';

export interface Harm {
  resets: number;
  delays: number;
}

const [share = '0', holdMs = '0', ...upstreams] = process.argv.slice(2);
const harm: Harm = { resets: 0, delays: 0 };

/** Decides what happens to a connection when part of a reply arrives: half of the harm is a reset, half a delay beyond the timeout. */
function whim(): number | 'reset' {
  if (Math.random() >= Number(share)) return 0;
  if (Math.random() < 0.5) {
    harm.resets++;
    return 'reset';
  }
  harm.delays++;
  return Number(holdMs) * (1 + Math.random());
}

const relays = await Promise.all(upstreams.map((upstream) => ManInTheMiddle.start(upstream)));
for (const relay of relays) relay.whim = whim;
console.log(`relaying ${relays.map(({ address }) => address).join(',')}`);
setInterval(() => console.log(JSON.stringify(harm)), 1_000);
process.once('SIGTERM', () => process.exit(0));
