import type { Row } from '../main.js';
import { casesOf, describeBytes, describeFigure, figureOf } from '../report.js';

const WIDTH = 720;
const BAR_X = 190;
const BAR_WIDTH = 400;
const BAR_HEIGHT = 18;
const LINE_HEIGHT = 24;
const PANEL_GAP = 34;

/** Readable on light and dark pages alike. */
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #1f2933; }
  .title { font-weight: 600; font-size: 13px; }
  .bar { fill: #9fb3c8; }
  .own { fill: #7c3aed; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e7eb; }
    .bar { fill: #52667a; }
    .own { fill: #a78bfa; }
  }`;

/** Bars for each case of one transport, as SVG. Longer is better, save for the times of an echo. */
export function renderChart(transport: string, rows: readonly Row[]): string {
  const parts: string[] = [];
  let y = 22;
  for (const [, panel] of casesOf(rows)) {
    parts.push(...renderPanel(panel, y));
    y += panel.length * LINE_HEIGHT + PANEL_GAP;
  }
  const height = y - PANEL_GAP + 24;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${transport} benchmark">`,
    `<style>${STYLE}\n</style>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function renderPanel(rows: readonly Row[], y: number): string[] {
  const [first] = rows;
  if (first === undefined) return [];
  const goal =
    first.kind === 'one-way' ? 'one way, longer is better' : 'there and back, p50, shorter is better';
  const most = Math.max(...rows.map(figureOf));
  return [
    `<text class="title" x="0" y="${y}">${describeBytes(first.bytes)} ${goal}</text>`,
    ...rows.flatMap((row, index) => {
      const top = y + 10 + index * LINE_HEIGHT;
      const width = Math.max(1, (figureOf(row) / most) * BAR_WIDTH).toFixed(1);
      const kind = row.system === 'rxflare' ? 'bar own' : 'bar';
      const middle = top + BAR_HEIGHT / 2 + 4;
      return [
        `<text x="${BAR_X - 10}" y="${middle}" text-anchor="end">${row.system}</text>`,
        `<rect class="${kind}" x="${BAR_X}" y="${top}" width="${width}" height="${BAR_HEIGHT}" rx="3"/>`,
        `<text x="${BAR_X + Number(width) + 8}" y="${middle}">${describeFigure(row)}</text>`,
      ];
    }),
  ];
}
