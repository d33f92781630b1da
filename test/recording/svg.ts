import type { Frame, Part } from './recorder.ts';

const [FONT_SIZE, LINE_HEIGHT, COLUMN] = [14, 20, 8.4];
const [LEFT, TOP] = [16, 40];
const COLUMNS = 80;
/** How long the last frame stays before it begins again. */
const HOLD_MS = 6_000;
const WIDTH = Math.ceil(2 * LEFT + COLUMNS * COLUMN);
const COLORS: Record<number, string> = { 31: 'red', 32: 'green', 33: 'yellow' };

/** A picture of a terminal that plays the frames over and over; where nothing is animated it shows the last one. */
export function svgOf(title: string, frames: readonly Frame[]): string {
  const height = TOP + LINE_HEIGHT * Math.max(...frames.map(({ lines }) => lines.length)) + 8;
  const wholeMs = (frames.at(-1)?.atMs ?? 0) + HOLD_MS;
  const steps = frames.map(({ atMs }, index) => {
    const percent = ((index === 0 ? 0 : atMs) / wholeMs) * 100;
    return `${percent.toFixed(2)}%{transform:translateX(${-index * WIDTH}px)}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>${escaped(title)}</title>
<style>
text{font:${FONT_SIZE}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#c9d1d9;white-space:pre}
.red{fill:#ff7b72}.green{fill:#3fb950}.yellow{fill:#d29922}
#strip{transform:translateX(${-(frames.length - 1) * WIDTH}px);animation:play ${(wholeMs / 1_000).toFixed(1)}s step-end infinite}
@keyframes play{${steps.join('')}}
@media (prefers-reduced-motion:reduce){#strip{animation:none}}
</style>
<rect x=".5" y=".5" width="${WIDTH - 1}" height="${height - 1}" rx="8" fill="#0d1117" stroke="#6e7681"/>
<circle cx="20" cy="18" r="5" fill="#ff7b72"/><circle cx="38" cy="18" r="5" fill="#d29922"/><circle cx="56" cy="18" r="5" fill="#3fb950"/>
<g id="strip">
${frames.map(frameOf).join('\n')}
</g>
</svg>
`;
}

function frameOf({ lines }: Frame, index: number): string {
  const texts = lines.map((line, row) => lineOf(line, TOP + LINE_HEIGHT * row + FONT_SIZE));
  return `<g transform="translate(${LEFT + index * WIDTH})">\n${texts.filter(Boolean).join('\n')}\n</g>`;
}

function lineOf(line: readonly Part[], y: number): string {
  const columns = line.reduce((sum, { text }) => sum + text.length, 0);
  if (columns === 0) return '';
  const parts = line.map(({ text, color }) => {
    const name = color === undefined ? undefined : COLORS[color];
    return name === undefined ? escaped(text) : `<tspan class="${name}">${escaped(text)}</tspan>`;
  });
  // The length keeps the columns where the font is another.
  const length = (columns * COLUMN).toFixed(1);
  return `<text y="${y}" textLength="${length}" xml:space="preserve">${parts.join('')}</text>`;
}

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (one) => `&#${one.charCodeAt(0)};`);
}
