import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { DiscoveryOwner } from '../../../src/discovery/discovery.ts';
import { Events } from '../../../src/proxy/events.ts';
import { Admission } from '../../../src/proxy/request/admission.ts';
import { RetryBudget } from '../../../src/proxy/request/budget.ts';
import { LazyPirate } from '../../../src/proxy/request/lazy-pirate.ts';
import { Request, type RequestClient } from '../../../src/proxy/request/request.ts';
import { Upstream } from '../../../src/proxy/upstream/upstream.ts';
import { ended } from '../../../src/transport/connection-end.ts';
import { bodyOf, DELIMITER } from '../../../src/transport/message.ts';
import type { ConnectionOwner, Target, Transport } from '../../../src/transport/transport.ts';
import { type RouteOptions, settingsOf } from '../../support/route.ts';
import { VirtualClock } from './virtual-clock.ts';

/** A connection of a transport that does nothing by itself. */
interface Fake {
  address: string;
  target: Target;
  owner: ConnectionOwner;
  sent: number;
  isOpen: boolean;
  isReady: boolean;
  /** Its transport has a bug. */
  isBroken: boolean;
}

/** The data path of a route between apps and servers that the test plays, on virtual time. */
export function startVirtual(t: TestContext, { retry, ...options }: RouteOptions = {}) {
  const clock = new VirtualClock(t.mock);
  t.mock.method(globalThis, 'setInterval', () => ({ unref: () => undefined }));
  const settings = settingsOf({ retry: { timeoutMs: 1_000, deadlineMs: 10_000, ...retry }, ...options });
  const admission = new Admission(settings.requests.limits);
  const connections: Fake[] = [];
  const transport = {
    connect(target: Target, owner: ConnectionOwner) {
      const state = { sent: 0, isOpen: true, isReady: false, isBroken: false };
      const fake: Fake = { address: target.address, target, owner, ...state };
      connections.push(fake);
      return {
        send: () => {
          assert.ok(!fake.isBroken, 'a bug');
          return ++fake.sent;
        },
        get handedOver() {
          return fake.sent;
        },
        withdraw: () => false,
        close: () => {
          fake.isOpen = false;
        },
      };
    },
  } as unknown as Transport;
  const events = new Events((error) => {
    throw error;
  });
  events.on('internalError', ({ error }) => {
    throw error;
  });
  const makeUpstream = () => {
    const upstream = new Upstream(settings, transport, admission, events, '', () => 0);
    let owner: DiscoveryOwner | undefined;
    void upstream.run({
      isFixed: true,
      run: async (one: DiscoveryOwner) => {
        owner = one;
      },
    } as never);
    const found = (...addresses: string[]) => owner?.found(addresses.map((address) => ({ address })));
    return { upstream, found };
  };
  const { upstream, found } = makeUpstream();
  const settled: Request[] = [];
  const budget = new RetryBudget(settings.requests.budget, clock.nowMs);
  const pirate = new LazyPirate(
    settings,
    upstream,
    budget,
    admission,
    events,
    { deliver: (request) => settled.push(request) },
    () => 0.5,
  );
  let number = 0;
  const request = (weight = 10, deadlineMs?: number): Request => {
    const idle = { address: undefined, queued: 0, hasLeft: false };
    const client: RequestClient = { ...idle, reply: () => 'taken', done: () => undefined };
    const { retry } = settings.requests;
    const policy = { ...retry, deadlineMs: deadlineMs ?? retry.deadlineMs };
    const arrival = {
      number: ++number,
      run: 'test.run',
      client,
      envelope: DELIMITER,
      body: bodyOf([Buffer.from('x')]),
      bytes: 1,
      weight,
      policy,
    };
    const made = new Request({ ...arrival, arrivedMs: clock.nowMs }, pirate);
    assert.ok(admission.enter(made));
    return made;
  };
  const begin = (...args: [weight?: number, deadlineMs?: number]) => {
    const made = request(...args);
    pirate.begin(made, clock.nowMs);
    return made;
  };
  const open = (address: string) => connections.filter((one) => one.address === address && one.isOpen);
  const ready = (address: string) => {
    for (const one of open(address)) {
      if (one.isReady) continue;
      one.isReady = true;
      one.owner.accepted();
      one.owner.ready({ socketType: 'ROUTER', version: '3.1' });
    }
  };
  /** The oldest open connection to the address replies. */
  const reply = (address: string) =>
    open(address)[0]?.owner.message(DELIMITER, bodyOf([Buffer.from('reply')]));
  const drop = (one: Fake | undefined) => {
    assert.ok(one?.isOpen);
    one.isOpen = false;
    one.owner.closed(ended('closed', 'lost'));
  };
  const lose = (address: string) => {
    for (const one of open(address)) drop(one);
  };
  return {
    clock,
    admission,
    upstream,
    found,
    makeUpstream,
    settled,
    pirate,
    begin,
    request,
    ready,
    reply,
    drop,
    lose,
    open,
    connections,
    pass: (ms: number) => clock.pass(ms),
  };
}

export const A = 'tcp://10.0.0.1:1';
export const B = 'tcp://10.0.0.2:1';
export const C = 'tcp://10.0.0.3:1';
