/** The values of a tensor in a histogram, with the levels of its quantizer. */

import type { TensorView } from '../messages.js';
import { drawingOn, type Figure, figure } from './dom.js';
import { theme } from './theme.js';
import { short, ticks } from './words.js';

export interface Histogram extends Figure {
  draw(view: TensorView): void;
}

const HEIGHT = 190;
const AXIS = 24;
const TOP = 10;

export function histogram(): Histogram {
  const made = figure('');
  return { ...made, draw: (view) => drawHistogram(made.canvas, view) };
}

function drawHistogram(canvas: HTMLCanvasElement, { counts, from, to, levels }: TensorView): void {
  const { pen, width } = drawingOn(canvas, HEIGHT);
  const { accent, limit, muted } = theme();
  const toX = (value: number) => ((value - from) / (to - from)) * width;
  const bottom = HEIGHT - AXIS;
  const most = Math.max(...counts);
  pen.fillStyle = accent;
  pen.globalAlpha = 0.75;
  counts.forEach((count, bin) => {
    const tall = ((bottom - TOP) * count) / most;
    const x = (bin / counts.length) * width;
    pen.fillRect(x, bottom - tall, Math.max(1, width / counts.length - 0.7), tall);
  });
  pen.globalAlpha = 1;
  pen.strokeStyle = limit;
  pen.lineWidth = 1;
  levels.forEach((level, index) => {
    const x = Math.round(toX(level)) + 0.5;
    const isEnd = index === levels.length - 1 || (index === 0 && level < 0);
    pen.setLineDash(isEnd ? [] : [2, 3]);
    pen.beginPath();
    pen.moveTo(x, isEnd ? 0 : TOP);
    pen.lineTo(x, bottom);
    pen.stroke();
  });
  pen.setLineDash([]);
  pen.fillStyle = muted;
  for (const tick of ticks(from, to, width / 80)) {
    const x = toX(tick);
    pen.textAlign = x < 20 ? 'left' : x > width - 20 ? 'right' : 'center';
    pen.fillText(short(tick), x, bottom + AXIS / 2);
  }
}
