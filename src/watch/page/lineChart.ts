/** Curves over epochs: raw values, and if a pixel has more than one, their band from the smallest to the largest. */

import { type Column, columnsOf } from './bands.js';
import { drawingOn, element, type Figure, figure, fill, lineSample, showTip } from './dom.js';
import { drawEpochAxis } from './epochAxis.js';
import { type Curve, countUntil } from './runData.js';
import { type RunStyle, theme } from './theme.js';
import { ticks } from './words.js';

export interface Line {
  /** The quantity, for the legend; lines of several runs share it. */
  readonly name: string;
  readonly curve: Curve;
  readonly style: RunStyle;
  /** True for a mark at every point, for few points such as epochs. */
  readonly marked?: boolean;
}

export interface ChartContent {
  readonly lines: readonly Line[];
  /** Epochs at the left and at the right edge. */
  readonly domain: readonly [number, number];
  /** Horizontal lines for budgets. */
  readonly limits?: readonly { readonly y: number; readonly name: string }[];

  readonly inWords: (value: number) => string;
  readonly isLogarithmic?: boolean;
  /** Begins the scale at 0. */
  readonly fromZero?: boolean;
}

const HEIGHT = 190;
const EDGES = { left: 52, right: 20, top: 8, bottom: 24 };

export interface Chart extends Figure {
  draw(content: ChartContent): void;
}

export function lineChart(title: string): Chart {
  const made = figure(title);
  let drawn: { content: ChartContent; fromX: (pixel: number) => number } | null = null;
  made.canvas.addEventListener('pointermove', (event) => {
    if (!drawn) return;
    const { content, fromX } = drawn;
    const x = Math.max(content.domain[0], Math.min(content.domain[1], fromX(event.offsetX)));
    const told = content.lines.flatMap((line) => {
      const nearest = nearestTo(line.curve, x);
      const name = `${line.style.letter} ${line.name}`.trim();
      return nearest === null ? [] : [`${name}: ${content.inWords(line.curve.y[nearest]!)}`];
    });
    made.cursor.style.left = `${event.offsetX}px`;
    made.cursor.hidden = false;
    showTip(made, event.offsetX, event.offsetY, [`epoch ${x.toFixed(2)}`, ...told]);
  });
  made.canvas.addEventListener('pointerleave', () => {
    made.tip.hidden = true;
    made.cursor.hidden = true;
  });
  return {
    ...made,
    draw: (content) => {
      drawn = { content, fromX: drawLines(made.canvas, content) };
      fillLegend(made.legend, content);
      made.canvas.setAttribute('aria-label', inWords(made.title.textContent ?? '', content));
    },
  };
}

function fillLegend(legend: HTMLElement, { lines, limits = [] }: ChartContent): void {
  const { muted, limit } = theme();
  const names = [...new Set(lines.map(({ name }) => name))];
  const entries = names.map((name) => {
    const [first, ...others] = lines.filter((line) => line.name === name);
    const { color, dash } = first!.style;
    const sample = others.length > 0 ? { color: muted, dash: [] } : { color, dash };
    return { name, ...sample, isMarked: first!.marked ?? false };
  });
  const shown = [
    ...(entries.length > 1 ? entries : []),
    ...limits.map(({ name }) => ({ name, color: limit, dash: [3, 3], isMarked: false })),
  ];
  fill(legend, shown, () =>
    shown.map(({ name, color, dash, isMarked }) => element('span', {}, lineSample(color, dash, isMarked), name)),
  );
}

function inWords(title: string, { lines, inWords: words }: ChartContent): string {
  const last = lines.flatMap(({ name, curve }) => (curve.y.length ? [`${name} ${words(curve.y.at(-1)!)}`] : []));
  return `${title}: ${last.join(', ') || 'nothing yet'}`;
}

/** The value nearest to an x; null beyond the end of a curve. */
function nearestTo({ x }: Curve, wanted: number): number | null {
  if (x.length === 0 || wanted > x.at(-1)!) return null;
  const after = countUntil(x, wanted, (value) => value);
  if (after === 0) return 0;
  if (after === x.length) return after - 1;
  return wanted - x[after - 1]! < x[after]! - wanted ? after - 1 : after;
}

/** Draws all lines. Returns a function from pixels to epochs. */
function drawLines(canvas: HTMLCanvasElement, content: ChartContent): (pixel: number) => number {
  const { pen, width } = drawingOn(canvas, HEIGHT);
  const { muted, grid, limit } = theme();
  const [from, to] = content.domain;
  const inner = { width: width - EDGES.left - EDGES.right, height: HEIGHT - EDGES.top - EDGES.bottom };
  const toX = (x: number) => EDGES.left + ((x - from) / (to - from || 1)) * inner.width;
  const fromX = (pixel: number) => from + ((pixel - EDGES.left) / inner.width) * (to - from);
  const columns = content.lines.map(({ curve }) =>
    columnsOf(curve, content.domain, Math.max(1, Math.round(inner.width))),
  );
  const scale = scaleOf(columns.flat(), content);
  const toY = (y: number) => EDGES.top + inner.height * (1 - scale.position(y));

  pen.lineWidth = 1;
  pen.strokeStyle = grid;
  pen.fillStyle = muted;
  pen.textAlign = 'right';
  for (const tick of scale.ticks) {
    const y = Math.round(toY(tick)) + 0.5;
    line(pen, EDGES.left, y, EDGES.left + inner.width, y);
    pen.fillText(content.inWords(tick), EDGES.left - 6, y);
  }
  drawEpochAxis(pen, content.domain, { left: EDGES.left, width: inner.width, y: HEIGHT - 9, end: width });

  pen.save();
  pen.beginPath();
  pen.rect(EDGES.left, 0, inner.width + EDGES.right, HEIGHT - EDGES.bottom + 1);
  pen.clip();
  for (const { y } of content.limits ?? []) {
    pen.strokeStyle = limit;
    pen.setLineDash([3, 3]);
    line(pen, EDGES.left, toY(y), EDGES.left + inner.width, toY(y));
    pen.setLineDash([]);
  }
  content.lines.forEach((each, index) => {
    drawLine(pen, columns[index]!, each, toX, toY);
  });
  pen.restore();
  return fromX;
}

function drawLine(
  pen: CanvasRenderingContext2D,
  columns: readonly Column[],
  { style, marked }: Line,
  toX: (x: number) => number,
  toY: (y: number) => number,
): void {
  const last = columns.at(-1);
  if (!last) return;
  pen.strokeStyle = style.color;
  pen.fillStyle = style.color;
  if (columns.some(({ least, most }) => most > least)) {
    pen.globalAlpha = 0.25;
    pen.beginPath();
    for (const { x, most } of columns) pen.lineTo(toX(x), toY(most) - 0.5);
    for (const { x, least } of columns.toReversed()) pen.lineTo(toX(x), toY(least) + 0.5);
    pen.fill();
    pen.globalAlpha = 1;
  }
  pen.lineWidth = marked ? 2 : 1.4;
  pen.lineJoin = 'round';
  pen.setLineDash([...style.dash]);
  pen.beginPath();
  for (const { x, mean } of columns) pen.lineTo(toX(x), toY(mean));
  pen.stroke();
  pen.setLineDash([]);
  if (marked || columns.length === 1) {
    for (const { x, mean } of columns) {
      pen.beginPath();
      pen.arc(toX(x), toY(mean), columns.length > 60 ? 2 : 3.2, 0, 2 * Math.PI);
      pen.fill();
    }
  }
  if (style.letter === '') return;
  pen.textAlign = 'left';
  pen.font = 'bold 12px system-ui, "DejaVu Sans", sans-serif';
  pen.fillText(style.letter, toX(last.x) + 6, toY(last.mean));
}

interface Scale {
  readonly ticks: readonly number[];
  /** Position of a value: 0 for the lower end, 1 for the upper. */
  position(y: number): number;
}

function scaleOf(columns: readonly Column[], { isLogarithmic, fromZero, limits = [] }: ChartContent): Scale {
  const ends = columns.flatMap(({ least, most }) => [least, most]);
  // Spreading many numbers over a call's arguments overflows the stack.
  const most = limits.reduce(
    (sofar, { y }) => Math.max(sofar, y),
    ends.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
  );
  const least = limits.reduce(
    (sofar, { y }) => Math.min(sofar, y),
    ends.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
  );
  if (!(most >= least)) return { ticks: [], position: () => 0 };
  if (isLogarithmic) {
    const positive = ends.filter((value) => value > 0);
    const smallest = positive.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const [low, high] = [
      Math.floor(Math.log10(smallest)),
      Math.max(Math.floor(Math.log10(smallest)) + 1, Math.ceil(Math.log10(most))),
    ];
    const every = Math.max(1, Math.round((high - low) / 4));
    const decades = Array.from(
      { length: Math.floor((high - low) / every) + 1 },
      (_, index) => 10 ** (low + index * every),
    );
    return { ticks: decades, position: (y) => Math.max(0, (Math.log10(y) - low) / (high - low)) };
  }
  const bottom = fromZero ? Math.min(0, least) : least;
  const room = (most - bottom || Math.abs(most) || 1) * 0.06;
  const [low, high] = [bottom === 0 ? 0 : bottom - room, most + room];
  return { ticks: ticks(low, high, 4), position: (y) => (y - low) / (high - low) };
}

function line(pen: CanvasRenderingContext2D, x0: number, y0: number, x1: number, y1: number): void {
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
}
