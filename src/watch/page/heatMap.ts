/** The bits of every tensor over the epochs: one row a tensor, weights first, with the current bits at its end. */

import { layerLabels } from '../../report/layerLabels.js';
import { drawingOn, element, type Figure, figure, fill, showTip } from './dom.js';
import { drawEpochAxis, epochAxisRoom } from './epochAxis.js';
import { momentAt, type RunData } from './runData.js';
import { bitsColor, inkOn, theme } from './theme.js';
import { short } from './words.js';

export interface HeatMap extends Figure {
  draw(data: RunData, domain: readonly [number, number], chosen: string | null): void;
}

interface Row {
  readonly tensor: number;
  readonly name: string;
  readonly label: string;
  readonly y: number;
}

const HEADING = 24;
const NOW = 34;
const AXIS = 24;

/** @param onChoose called with the name of the tensor whose row was clicked */
export function heatMap(onChoose: (tensor: string) => void): HeatMap {
  const made = figure('Bits of every tensor');
  let drawn: { data: RunData; rows: readonly Row[]; height: number; epochAt: (pixel: number) => number } | null = null;
  const rowAt = (y: number) => drawn?.rows.find((row) => y >= row.y && y < row.y + drawn!.height);
  made.canvas.addEventListener('pointermove', ({ offsetX, offsetY }) => {
    const row = rowAt(offsetY);
    made.canvas.style.cursor = row ? 'pointer' : '';
    if (!drawn || !row) {
      made.tip.hidden = true;
      return;
    }
    const x = Math.max(0, Math.min(drawn.data.position, drawn.epochAt(offsetX)));
    showTip(made, offsetX, offsetY, told(drawn.data, row, x));
  });
  made.canvas.addEventListener('pointerleave', () => {
    made.tip.hidden = true;
  });
  made.canvas.addEventListener('click', ({ offsetY }) => {
    const row = rowAt(offsetY);
    if (row) onChoose(row.name);
  });
  return {
    ...made,
    draw: (data, domain, chosen) => {
      drawn = { data, ...drawMap(made.canvas, data, domain, chosen) };
      const { bits } = theme();
      fill(made.legend, bits, () => bits.map(swatch));
      made.canvas.setAttribute('aria-label', inWords(data));
    },
  };
}

function swatch(color: string, index: number, all: readonly string[]): HTMLElement {
  const made = element('i', {}, `${index + 1}${index === all.length - 1 ? '+' : ''}`);
  made.style.background = color;
  made.style.color = inkOn(color);
  return made;
}

function told(data: RunData, { tensor, name }: Row, x: number): string[] {
  const { learned = [], core, count } = data.run!.tensors[tensor]!;
  const pair = (moments: RunData['ranges']) => momentAt(moments, x)?.values.slice(2 * tensor, 2 * tensor + 2);
  const [range, before, after] = [pair(data.ranges), pair(data.gradients), pair(data.limited)];
  const ends = /uniform/i.test(core) ? ['step', 'range'] : ['smallest', 'largest'];
  return [
    name,
    `epoch ${x.toFixed(2)}: ${short(data.bitsAt(x)[tensor] ?? Number.NaN)} bits${count === null ? '' : `, ${count} values`}`,
    ...(range ? [`${ends[0]} ${short(range[0]!)}, ${ends[1]} ${short(range[1]!)}`] : []),
    ...(before && after
      ? learned.map((value, index) => `gradient of ${value}: ${short(before[index]!)}, limited ${short(after[index]!)}`)
      : []),
  ];
}

function inWords(data: RunData): string {
  const bits = data.bitsAt(Number.POSITIVE_INFINITY);
  const names = data.run?.tensors.map(({ name }, index) => `${name} ${bits[index]}`) ?? [];
  return `Bits of every tensor now: ${names.join(', ') || 'nothing is quantized'}`;
}

function drawMap(
  canvas: HTMLCanvasElement,
  data: RunData,
  [from, to]: readonly [number, number],
  chosen: string | null,
): { rows: readonly Row[]; height: number; epochAt: (pixel: number) => number } {
  const tensors = data.run?.tensors ?? [];
  const height = Math.max(6, Math.min(18, Math.floor(700 / Math.max(1, tensors.length))));
  const groups = [
    { heading: 'weights', of: tensors.flatMap(({ role }, index) => (role === 'activation' ? [] : [index])) },
    { heading: 'activations', of: tensors.flatMap(({ role }, index) => (role === 'activation' ? [index] : [])) },
  ].filter(({ of }) => of.length > 0);
  const rows: Row[] = [];
  let y = 0;
  for (const { of } of groups) {
    y += HEADING;
    const labels = layerLabels(of.map((index) => tensors[index]!.name));
    for (const [position, tensor] of of.entries()) {
      rows.push({ tensor, name: tensors[tensor]!.name, label: labels[position]!, y });
      y += height;
    }
  }
  const { pen, width } = drawingOn(canvas, y + AXIS);
  const { ink, muted, accent } = theme();
  // The chosen one is bold.
  pen.font = 'bold 12px system-ui, "DejaVu Sans", sans-serif';
  const widest = rows.reduce((sofar, { label }) => Math.max(sofar, pen.measureText(label).width), 0);
  const left = Math.round(Math.max(epochAxisRoom(pen), Math.min(widest + 12, width * 0.45)));
  const inner = width - left - NOW;
  const epochAt = (pixel: number) => from + ((pixel - left) / inner) * (to - from);

  const bitsAt = Array.from({ length: inner }, (_, column) => {
    const x = epochAt(left + column + 1);
    return x <= data.position + (to - from) / inner ? data.bitsAt(x) : [];
  });
  const now = data.bitsAt(Number.POSITIVE_INFINITY);
  pen.textAlign = 'left';
  for (const { heading, of } of groups) {
    const first = rows.find(({ tensor }) => tensor === of[0])!;
    pen.fillStyle = muted;
    pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
    pen.fillText(heading, 0, first.y - HEADING / 2 + 2);
  }
  const fontSize = Math.min(12, height - 2);
  for (const { tensor, name, label, y: top } of rows) {
    const isChosen = name === chosen;
    if (fontSize >= 7) {
      pen.font = `${isChosen ? 'bold ' : ''}${fontSize}px system-ui, "DejaVu Sans", sans-serif`;
      pen.fillStyle = isChosen ? accent : ink;
      pen.textAlign = 'left';
      pen.fillText(fitted(pen, label, left - 10), 0, top + height / 2 + 0.5);
    }
    let begun = 0;
    for (let column = 1; column <= inner; column++) {
      const bits = bitsAt[begun]![tensor];
      if (column < inner && bitsAt[column]![tensor] === bits) continue;
      if (bits !== undefined) {
        pen.fillStyle = bitsColor(bits);
        pen.fillRect(left + begun, top, column - begun, height - 1);
      }
      begun = column;
    }
    const bits = now[tensor];
    if (bits === undefined) continue;
    pen.fillStyle = bitsColor(bits);
    pen.fillRect(left + inner + 6, top, NOW - 6, height - 1);
    if (fontSize < 7) continue;
    pen.fillStyle = inkOn(bitsColor(bits));
    pen.textAlign = 'center';
    pen.font = `bold ${fontSize}px system-ui, "DejaVu Sans", sans-serif`;
    pen.fillText(short(bits), left + inner + 6 + (NOW - 6) / 2, top + height / 2);
  }
  const axis = y + AXIS / 2 + 2;
  // It ends before `now`.
  drawEpochAxis(pen, [from, to], { left, width: inner, y: axis, end: left + inner + 6 });
  pen.textAlign = 'right';
  pen.fillText('now', width, axis);
  return { rows, height, epochAt };
}

/** The end of a name that is too wide, which tells it from its neighbours. */
function fitted(pen: CanvasRenderingContext2D, text: string, width: number): string {
  if (pen.measureText(text).width <= width) return text;
  let cut = 1;
  while (cut < text.length && pen.measureText(`…${text.slice(cut)}`).width > width) cut++;
  return `…${text.slice(cut)}`;
}
