/* The table in README.md. */
import { hasHeartbeats, PEERS, type Peer, SHAPES, type Shape, type Type } from './peers.ts';

/** Each value is a column of the table for each type of server. */
export const CORRELATE = [false, true, 'auto'] as const;

export type Correlate = (typeof CORRELATE)[number];

const INTRODUCTION = `# Other implementations of ZeroMQ

Each of these programs is run as an app and as an upstream of a sidecar process. A cell says "right" if each body came back as it was
sent: one frame; many frames; empty frames first, in the middle, last and alone; 1 MiB. The sidecar connects to its upstream with
\`correlate: false\`, \`true\` and \`auto\`. Apps do not see the difference, so they send one frame with each of the three, and
all other bodies with \`auto\`. "Sidecar killed": the app's socket goes on when the sidecar is back.
"Upstream killed": no request was lost when the server was killed and started again. "Heartbeats": the connection lasts while
each side that sends PINGs gets its PONGs; the sidecar sends them only to peers of ZMTP 3.1. "Echoes": a REP brings back the id of an
attempt, so \`correlate: auto\` sends it many on one connection. The same programs are also run against the ZMTP engine alone.

\`npm run test:foreign\` runs this and writes the page. \`.ci/foreign\` builds the programs; [peers.ts](peers.ts) has their
contract.
`;

/** The shapes that fail, by column. */
export type Results = Partial<Record<string, Shape[]>>;

export function column(type: Type, correlate: Correlate): string {
  return `${type}, correlate: ${correlate}`;
}

const AS_APP = ['REQ', 'DEALER', 'sidecar killed'];
const AS_UPSTREAM = [...columns('REP'), ...columns('ROUTER'), 'upstream killed'];

const HEARTBEATS = 'heartbeats';

function columns(type: Type): string[] {
  return CORRELATE.map((correlate) => column(type, correlate));
}

/** What the declared faults make of it. */
export function expected(peer: Peer): Results {
  const { faults } = peer;
  const results: Results = {};
  for (const name of [...AS_APP, ...AS_UPSTREAM, ...(hasHeartbeats(peer) ? [HEARTBEATS] : [])]) {
    const type = name.split(',')[0];
    const shapes = faults.filter((fault) => fault.type === type).map(({ shape }) => shape);
    results[name] = (Object.keys(SHAPES) as Shape[]).filter((shape) => shapes.includes(shape));
  }
  return results;
}

const PINGS = { answers: 'answers', ignores: 'ignores it', fails: 'its receive fails' };

/** @param results by the peer's id */
export function page(results: Record<string, Results>): string {
  const notes: string[] = [];
  const noted = (text: string) => {
    if (!notes.includes(text)) notes.push(text);
    return `(${notes.indexOf(text) + 1})`;
  };
  const cell = (peer: Peer, name: string) => {
    const shapes = results[peer.id]?.[name];
    if (shapes === undefined) return '-';
    if (name === 'sidecar killed' && peer.reconnects !== true)
      return `with a new socket ${noted(`${peer.name}: ${peer.reconnects}`)}`;
    if (shapes.length === 0) return 'right';
    const whys = peer.faults
      .filter(({ type }) => name.split(',')[0] === type)
      .map(({ why }) => `${peer.name}: ${why}`);
    return `not ${shapes.join(', ')} ${[...new Set(whys)].map(noted).join(' ')}`;
  };
  const rows = (names: readonly string[], more: (peer: Peer) => string[]) =>
    PEERS.map((peer) => row([title(peer), ...names.map((name) => cell(peer, name)), ...more(peer)]));
  const apps = rows(AS_APP, ({ sendsPings }) => [sendsPings ? 'yes' : 'no']);
  const upstreams = rows([...AS_UPSTREAM, HEARTBEATS], ({ zmtp, echoes, onPing }) => [
    echoes ? 'yes' : 'no',
    zmtp,
    PINGS[onPing],
  ]);
  return [
    INTRODUCTION,
    '## As app\n',
    head(['implementation', ...AS_APP, 'sends PINGs']),
    ...apps,
    '\n## As upstream\n',
    head(['implementation', ...AS_UPSTREAM, HEARTBEATS, 'echoes', 'ZMTP', 'on PING']),
    ...upstreams,
    '\n## Notes\n',
    ...notes.map((note, index) => `${index + 1}. ${note}`),
    '',
  ].join('\n');
}

function title({ name, version }: Peer): string {
  return `${name} ${version}`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

function head(cells: readonly string[]): string {
  return `${row(cells)}\n${row(cells.map(() => '---'))}`;
}
