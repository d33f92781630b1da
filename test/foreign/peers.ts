/*
 * The foreign implementations that are tested, and the contract of their programs:
 *
 *     PEER serve TYPE ADDRESS ...   binds each address (port 0: any) with a REP or a ROUTER, prints "serving TYPE ADDRESS" for each,
 *                                   and echoes until it is killed. "TYPE: WHY" on standard error if it cannot receive or send
 *     PEER app                      reads commands, one a line, and prints one line for each:
 *       open TYPE ADDRESS [MS]        closes the socket that is open, and connects a REQ or a DEALER, which sends a heartbeat each MS
 *                                     milliseconds if that is given: "opened"
 *       ask COUNT SIZE,SIZE,...       sends COUNT requests with frames of these sizes. A REQ sends one after the other, a DEALER all
 *                                     at once, and each behind an empty delimiter. "right" if all came back in order, else "wrong: WHY"
 *
 * Byte A of frame F of request R is 31 A + 7 F + 13 R, modulo 256.
 */
import { TRANSPORT } from '../support/chosen-transport.ts';

export type Type = 'REQ' | 'DEALER' | 'REP' | 'ROUTER';
export type Shape = keyof typeof SHAPES;

/** Sizes of the frames of a body. */
export const SHAPES = {
  'one frame': [[5]],
  'many frames': [Array.from({ length: 100 }, (_, size) => size + 1), [254, 255, 256], [1, 2 ** 20, 1]],
  'empty frames': [[0], [0, 3], [3, 0, 3], [3, 0], [0, 0, 0]],
  '1 MiB': [[2 ** 20]],
} satisfies Record<string, number[][]>;

/** What this implementation does not do as the others do. The tests check that it is so. */
export interface Fault {
  type: Type;
  shape: Shape;
  why: string;
}

export interface Peer {
  /** The name of its program. */
  id: string;
  name: string;
  version: string;
  /** The version of ZMTP that it announces. */
  zmtp: '2.0' | '3.0' | '3.1';
  /** Whether its REP brings back the id of an attempt, so that `correlate: auto` sends many on one connection. */
  echoes: boolean;
  /** What its REP does when a PING comes all the same, if its ZMTP has none. `fails`: the server's receive ends with an error. */
  onPing: 'answers' | 'ignores' | 'fails';
  /** Whether its sockets can send PINGs. */
  sendsPings: boolean;
  /** Whether its REQ goes on by itself when the connection has dropped, or the reason why the app has to open a new one. */
  reconnects: true | string;
  faults: readonly Fault[];
}

/** Whether a sidecar can use it as an upstream: libzmq never tells that a server of ZMTP 2.0 is ready. */
export function isUpstream({ zmtp }: Peer): boolean {
  return zmtp !== '2.0' || TRANSPORT === 'zmtp';
}

/** Whether PINGs pass between it and a sidecar. ZMTP has PINGs since 3.1. */
export function hasHeartbeats({ zmtp, sendsPings }: Peer): boolean {
  return sendsPings || zmtp === '3.1';
}

const LIBZMQ = {
  version: '4.3',
  zmtp: '3.1',
  echoes: true,
  onPing: 'answers',
  sendsPings: true,
  reconnects: true,
  faults: [],
} as const;

const REP_TAKES_THE_LAST =
  'its REP takes everything up to the last empty frame for the envelope, so a body with an empty frame comes back wrong; a REQ of libzmq sees the same';
const REQ_SINGLE = 'its REQ refuses to send more than one frame; its DEALER sends them';

export const PEERS: readonly Peer[] = [
  { id: 'libzmq-c', name: 'libzmq in C', ...LIBZMQ },
  { id: 'pyzmq', name: 'libzmq in Python (pyzmq)', ...LIBZMQ },
  {
    id: 'jeromq-0.6',
    name: 'JeroMQ (Java)',
    version: '0.6.0',
    zmtp: '3.0',
    echoes: true,
    onPing: 'answers',
    sendsPings: true,
    reconnects: true,
    faults: [],
  },
  {
    id: 'jeromq-0.4',
    name: 'JeroMQ (Java)',
    version: '0.4.3',
    zmtp: '3.0',
    echoes: true,
    onPing: 'ignores',
    sendsPings: false,
    reconnects: true,
    faults: [],
  },
  {
    id: 'jeromq-0.3',
    name: 'JeroMQ (Java)',
    version: '0.3.6',
    zmtp: '2.0',
    echoes: true,
    onPing: 'ignores',
    sendsPings: false,
    reconnects: true,
    faults: [],
  },
  {
    id: 'zmq4',
    name: 'go-zeromq/zmq4 (Go)',
    version: '0.17.0',
    zmtp: '3.0',
    echoes: true,
    onPing: 'fails',
    sendsPings: false,
    reconnects:
      'it notices only at the next request that the connection has dropped, and fails that with EOF',
    faults: [{ type: 'REP', shape: 'empty frames', why: REP_TAKES_THE_LAST }],
  },
  {
    id: 'zeromq',
    name: 'crate zeromq (Rust)',
    version: '0.7.0',
    zmtp: '3.0',
    echoes: true,
    onPing: 'fails',
    sendsPings: false,
    reconnects: 'it fails the next request with NoMessage',
    faults: [],
  },
  {
    id: 'rzmq',
    name: 'crate rzmq (Rust)',
    version: '0.5.28',
    zmtp: '3.0',
    echoes: true,
    onPing: 'answers',
    sendsPings: true,
    reconnects: true,
    faults: (['many frames', 'empty frames'] as const).map((shape) => ({
      type: 'REQ',
      shape,
      why: REQ_SINGLE,
    })),
  },
];
