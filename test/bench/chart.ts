import { availableParallelism } from 'node:os';
import type { Figure, MeasuredCell, Row } from './contest.ts';

interface Panel {
  title: string;
  note: string;
  clients: number;
  figure(row: Row): Figure;
  text(value: number): string;
}

const PANELS: Panel[] = [
  {
    title: 'Requests per second',
    note: '64 clients, 64 B; more is better',
    clients: 64,
    figure: ({ perSecond }) => perSecond,
    text: (value) => Math.round(value).toLocaleString('en'),
  },
  {
    title: 'Median latency, µs',
    note: 'one client, 64 B; less is better',
    clients: 1,
    figure: ({ p50Ms: { median, min, max } }) => ({
      median: median * 1_000,
      min: min * 1_000,
      max: max * 1_000,
    }),
    text: (value) => value.toFixed(0),
  },
  {
    title: 'CPU time per request, µs',
    note: '64 clients, 64 B; less is better',
    clients: 64,
    figure: ({ cpuUs }) => cpuUs,
    text: (value) => value.toFixed(1),
  },
];

const NAMES_WIDTH = 180;
const PANEL_WIDTH = 270;
const BAR_WIDTH = 190;
const TOP = 92;
const ROW = 30;

/** An SVG with one panel per figure and one bar per contestant: bars show medians, whiskers the lowest and highest round. */
export function contestChart(cells: readonly MeasuredCell[]): string {
  const cellOf = (clients: number) =>
    cells.find((cell) => cell.clients === clients && cell.size === 64 && cell.rate === 0);
  const names = cellOf(64)?.rows.map(({ contestant }) => contestant) ?? [];
  const width = NAMES_WIDTH + PANELS.length * PANEL_WIDTH + 10;
  const height = TOP + names.length * ROW + 40;
  const labels = names.map((name, index) =>
    text(NAMES_WIDTH - 12, TOP + index * ROW + 18, name, `class="${kindOf(name)} name"`),
  );
  const panels = PANELS.map((panel, index) =>
    panelOf(panel, NAMES_WIDTH + index * PANEL_WIDTH, names, cellOf(panel.clients)?.rows ?? []),
  );
  const foot = `Medians; whiskers show the slowest and the fastest round. Load, contestant and upstream share ${availableParallelism()} cores.`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="13">
<style>
text { fill: #24292f }
.title { font-size: 15px; font-weight: 600 }
.heading { font-size: 18px; font-weight: 600 }
.note { fill: #6e7781; font-size: 12px }
.name { text-anchor: end }
rect.other { fill: #b6c2cf }
rect.ours { fill: #d1495b }
text.ours { font-weight: 600 }
.whisker { stroke: #57606a; stroke-width: 1.5 }
.axis { stroke: #d0d7de }
</style>
<rect width="${width}" height="${height}" fill="#ffffff"/>
${text(20, 30, 'What a proxy between app and upstream costs', 'class="heading"')}
${[...labels, ...panels].join('\n')}
${text(20, height - 14, foot, 'class="note"')}
</svg>
`;
}

function panelOf(
  { title, note, figure, text: say }: Panel,
  left: number,
  names: string[],
  rows: Row[],
): string {
  const most = Math.max(...rows.map((row) => figure(row).max));
  const x = (value: number) => left + (value / most) * BAR_WIDTH;
  const bars = names.map((name, index) => {
    const row = rows.find(({ contestant }) => contestant === name);
    if (row === undefined) return '';
    const { median, min, max } = figure(row);
    // Without a proxy there is no cost to show.
    if (median === 0) return '';
    const [top, middle] = [TOP + index * ROW + 4, TOP + index * ROW + 13.5];
    return [
      `<rect x="${left}" y="${top}" width="${(x(median) - left).toFixed(1)}" height="19" rx="2" class="${kindOf(name)}"/>`,
      `<path d="M${x(min).toFixed(1)} ${middle}H${x(max).toFixed(1)}" class="whisker"/>`,
      text(x(max) + 6, middle + 4.5, say(median), `class="${kindOf(name)}"`),
    ].join('');
  });
  return [
    text(left, 62, title, 'class="title"'),
    text(left, 80, note, 'class="note"'),
    ...bars,
    `<path d="M${left} ${TOP}V${TOP + names.length * ROW}" class="axis"/>`,
  ].join('\n');
}

function kindOf(name: string): string {
  return name.startsWith('lazypirate') ? 'ours' : 'other';
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${x.toFixed(1)}" y="${y}" ${attributes}>${content.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</text>`;
}
