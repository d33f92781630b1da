import { setTimeout } from 'node:timers/promises';
import { Router } from 'zeromq';
import { context } from '../../src/transport/zeromq/context.ts';
import { split } from '../../src/transport/zeromq/frames.ts';
import { OWN_LOOPBACK } from './own-loopback.ts';

/** What an upstream does with one request. */
export type Step =
  /** Answers with the request's body, or with these frames. */
  | { do: 'reply'; frames?: readonly (string | Buffer)[] }
  /** Answers after this many ms. Others are answered meanwhile. */
  | { do: 'delay'; ms: number }
  /** Answers once the promise is fulfilled. */
  | { do: 'hold'; until: Promise<unknown> }
  /** Never answers. */
  | { do: 'drop' }
  /** Closes its socket and all connections without an answer. */
  | { do: 'die' }
  /** Sends these frames to the client; they need not be a valid reply. */
  | { do: 'garbage'; frames: readonly (string | Buffer)[] };

export const reply: Step = { do: 'reply' };
export const drop: Step = { do: 'drop' };
export const die: Step = { do: 'die' };
export const delay = (ms: number): Step => ({ do: 'delay', ms });
export const garbage = (...frames: (string | Buffer)[]): Step => ({ do: 'garbage', frames });

/** @param connection one for each, for as long as it lives */
export type Script = (body: string, number: number, connection: string) => Step;

/** A server on a real socket that looks like a REP and follows a script for each request. */
export class ScriptedUpstream {
  address = '';
  /** Bodies of the requests, first frame as text, in order of arrival: what was executed. */
  readonly seen: string[] = [];
  /** What it does from the next request on. */
  script: Script;
  #socket: Router | undefined;
  #count = 0;

  private constructor(script: Script) {
    this.script = script;
  }

  /** @param script one step for every request, one for each in turn (the last one goes on), or a function */
  static async start(
    script: Step | readonly Step[] | Script = reply,
    address = `tcp://${OWN_LOOPBACK}:*`,
  ): Promise<ScriptedUpstream> {
    const upstream = new ScriptedUpstream(scriptOf(script));
    await upstream.listen(address);
    return upstream;
  }

  /** Listens, on the previous address if none is given. Does nothing if it already listens. */
  async listen(address = this.address): Promise<void> {
    if (this.#socket !== undefined) return;
    const socket = new Router({ context, linger: 0, sendTimeout: 0 });
    this.#socket = socket;
    await bind(socket, address);
    this.address = socket.lastEndpoint ?? address;
    this.#serve(socket).catch(() => undefined);
  }

  /** Closes the socket and its connections; `listen` brings it back. */
  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  async #serve(socket: Router): Promise<void> {
    for (;;) {
      const frames = await socket.receive();
      const bodyAt = split(frames, 1);
      if (bodyAt < 0) continue;
      const body = String(frames[bodyAt]);
      this.seen.push(body);
      const step = this.script(body, this.#count++, frames[0]?.toString('hex') ?? '');
      this.#do(step, socket, frames.slice(0, bodyAt), frames.slice(bodyAt)).catch(() => undefined);
    }
  }

  async #do(step: Step, socket: Router, head: Buffer[], body: Buffer[]): Promise<void> {
    switch (step.do) {
      case 'delay':
        await setTimeout(step.ms);
        return socket.send([...head, ...body]);
      case 'hold':
        await step.until;
        return socket.send([...head, ...body]);
      case 'reply':
        return socket.send([...head, ...(step.frames ?? body)]);
      case 'garbage':
        return socket.send([...head.slice(0, 1), ...step.frames]);
      case 'die':
        return this.close();
      case 'drop':
        return;
    }
  }
}

function scriptOf(script: Step | readonly Step[] | Script): Script {
  if (typeof script === 'function') return script;
  const steps = Array.isArray(script) ? (script as readonly Step[]) : [script as Step];
  return (_body, number) => steps[Math.min(number, steps.length - 1)] ?? reply;
}

/** The kernel releases a port only some time after libzmq has closed it. */
async function bind(socket: Router, address: string): Promise<void> {
  for (;;) {
    try {
      return await socket.bind(address);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
      await setTimeout(5);
    }
  }
}
