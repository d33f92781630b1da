import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StaticDiscovery } from '../../src/discovery/static.ts';
import type { Attempt } from '../../src/proxy/attempt.ts';
import { RetryBudget } from '../../src/proxy/budget.ts';
import { Forwarder, type Settled } from '../../src/proxy/forwarder.ts';
import type { Waiter } from '../../src/proxy/line.ts';
import { Load } from '../../src/proxy/load.ts';
import { Upstream } from '../../src/proxy/upstream.ts';
import { bodyOf } from '../../src/transport/message.ts';
import { zmtp } from '../../src/transport/zmtp/zmtp-transport.ts';
import { settingsOf } from '../support/route.ts';
import { delay, ScriptedUpstream } from '../support/scripted-upstream.ts';
import { until } from '../support/until.ts';

/** Most turns of the microtask queue between the moment a request is given a place and the moment it is sent. */
const TURNS = 8;

/** An upstream that tells when a request that stood in line is given its place. */
class ToldUpstream extends Upstream {
  onGrant = (_waiter: Waiter): void => undefined;

  override pick(waiter: Waiter): Attempt | undefined {
    const attempt = super.pick(waiter);
    if (attempt === undefined) {
      const grant = waiter.granted.bind(waiter);
      waiter.granted = (granted) => {
        grant(granted);
        this.onGrant(waiter);
      };
    }
    return attempt;
  }
}

async function afterTurns(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await undefined;
}

test('a request that is cut while it is given its place is never sent, in whichever turn of the event loop', async (t) => {
  const server = await ScriptedUpstream.start(delay(20));
  t.after(() => server.close());
  const settings = settingsOf({ limits: { inFlightPerEndpoint: 1 } });
  const load = new Load(settings.limits);
  const upstream = new ToldUpstream(settings, zmtp, load, () => undefined, '');
  const budget = new RetryBudget(settings.budget, performance.now());
  const forwarder = new Forwarder(settings, upstream, budget, load, () => undefined);
  const running = upstream.run(new StaticDiscovery([server.address]));
  t.after(async () => {
    upstream.close();
    await running;
  });
  await until('it is connected', () => upstream.isUsable);

  const forward = async (body: string) => {
    const place = load.enter(body.length, { queued: 0 });
    assert.ok(place !== undefined);
    return (await forwarder.forward(bodyOf([Buffer.from(body)]), place, performance.now())) as Settled;
  };
  let unsent = 0;
  for (let turns = 0; turns < TURNS; turns++) {
    const answered = forward(`first ${turns}`);
    await until('the first has the place', () => server.seen.at(-1) === `first ${turns}`);
    let sentBefore = -1;
    upstream.onGrant = ({ tried }) =>
      void afterTurns(turns).then(() => {
        sentBefore = tried.length;
        forwarder.cut();
      });
    const second = await forward(`second ${turns}`);
    assert.equal((await answered).kind, 'reply');
    upstream.onGrant = () => undefined;
    assert.ok(second.kind === 'failure');
    assert.equal(second.code, 'DRAINING');
    assert.equal(second.attempts, sentBefore, `cut after ${turns} turns`);
    assert.equal(second.executed, sentBefore === 0 ? 'no' : 'maybe');
    if (sentBefore === 0) unsent++;
  }
  // Or it was never cut in between, or always.
  assert.ok(unsent > 0 && unsent < TURNS, `${unsent} were not sent`);
  assert.deepEqual([load.queued, load.inFlight], [0, 0]);
  assert.equal((await forward('last')).kind, 'reply');
});
