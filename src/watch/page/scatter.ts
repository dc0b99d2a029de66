/** Error over kB of weights of all runs with one metric, and the front of those that no other dominates. */

import { capitalized } from '../../capitalized.js';
import { metrics, metricText, namedMetric } from '../../task.js';
import type { RunOverview } from '../messages.js';
import { drawingOn, type Figure, figure, showTip } from './dom.js';
import { theme } from './theme.js';
import { kbytes, short, ticks } from './words.js';

export interface Scatter extends Figure {
  draw(runs: readonly RunOverview[], shown: ReadonlyMap<string, { color: string; letter: string }>): void;
}

interface Point {
  readonly run: RunOverview;
  readonly x: number;
  readonly y: number;
}

const HEIGHT = 260;
const EDGES = { left: 52, right: 16, top: 10, bottom: 38 };

/** @param onChoose called with the name of the run whose point was clicked */
export function scatter(onChoose: (run: string) => void): Scatter {
  const made = figure('');
  let points: readonly Point[] = [];
  const nearest = (x: number, y: number) => points.find((point) => Math.hypot(point.x - x, point.y - y) < 10)?.run;
  made.canvas.addEventListener('pointermove', ({ offsetX, offsetY }) => {
    const run = nearest(offsetX, offsetY);
    made.canvas.style.cursor = run ? 'pointer' : '';
    made.tip.hidden = true;
    const outcome = run?.outcome;
    if (!outcome) return;
    const { error, weights_kb, activations_max_kb, epoch } = outcome;
    showTip(made, offsetX, offsetY, [
      run.name,
      `${run.evaluatedOn} ${namedMetric(run.metric, error)}, epoch ${epoch}`,
      `weights ${kbytes(weights_kb)}, largest activation ${kbytes(activations_max_kb)}`,
    ]);
  });
  made.canvas.addEventListener('pointerleave', () => {
    made.tip.hidden = true;
  });
  made.canvas.addEventListener('click', ({ offsetX, offsetY }) => {
    const run = nearest(offsetX, offsetY);
    if (run) onChoose(run.name);
  });
  return {
    ...made,
    draw: (all, shown) => {
      // Runs with another metric than the shown one cannot be compared with it.
      const { metric } = all.find(({ name }) => shown.has(name)) ?? all[0] ?? { metric: 'error' };
      const runs = all.filter((run) => run.metric === metric);
      const name = metrics[metric].title;
      const title = `${capitalized(name)} over size of the weights`;
      made.title.textContent = `${title}, every run`;
      points = drawPoints(made.canvas, runs, shown);
      const words = runs.flatMap(({ name, outcome }) =>
        outcome ? [`${name} ${metricText(metric, outcome.error, 1)} at ${kbytes(outcome.weights_kb)}`] : [],
      );
      made.canvas.setAttribute('aria-label', `${title}: ${words.join(', ')}`);
    },
  };
}

function drawPoints(
  canvas: HTMLCanvasElement,
  runs: readonly RunOverview[],
  shown: ReadonlyMap<string, { color: string; letter: string }>,
): Point[] {
  const { pen, width } = drawingOn(canvas, HEIGHT);
  const { ink, muted, grid, paper } = theme();
  const { metric } = runs[0] ?? { metric: 'error' };
  const known = runs.flatMap(({ outcome }) => outcome ?? []);
  if (known.length === 0) return [];
  const sizes = known.map(({ weights_kb }) => Math.log2(weights_kb));
  const [low, high] = [Math.floor(Math.min(...sizes) - 0.3), Math.ceil(Math.max(...sizes) + 0.3)];
  const worst = Math.max(...known.map(({ error }) => error)) * 1.08 || 1;
  const inner = { width: width - EDGES.left - EDGES.right, height: HEIGHT - EDGES.top - EDGES.bottom };
  const toX = (kb: number) => EDGES.left + ((Math.log2(kb) - low) / (high - low)) * inner.width;
  const toY = (error: number) => EDGES.top + inner.height * (1 - error / worst);
  pen.strokeStyle = grid;
  pen.fillStyle = muted;
  pen.textAlign = 'right';
  for (const tick of ticks(0, worst, 4)) {
    const y = Math.round(toY(tick)) + 0.5;
    pen.beginPath();
    pen.moveTo(EDGES.left, y);
    pen.lineTo(width - EDGES.right, y);
    pen.stroke();
    pen.fillText(metricText(metric, tick, 0), EDGES.left - 6, y);
  }
  pen.textAlign = 'center';
  const every = Math.max(1, Math.ceil((high - low) / (inner.width / 60)));
  for (let power = low; power <= high; power += every) pen.fillText(short(2 ** power), toX(2 ** power), HEIGHT - 26);
  pen.fillText('kB of weights (each step doubles)', EDGES.left + inner.width / 2, HEIGHT - 9);

  const points = runs.flatMap((run): Point[] =>
    run.outcome ? [{ run, x: toX(run.outcome.weights_kb), y: toY(run.outcome.error) }] : [],
  );
  // Left is smaller, down is better.
  const front = points
    .filter(({ x, y }) => !points.some((other) => other.x <= x && other.y >= y && (other.x < x || other.y > y)))
    .sort((a, b) => a.x - b.x);
  pen.strokeStyle = muted;
  pen.setLineDash([2, 3]);
  pen.beginPath();
  for (const { x, y } of front) pen.lineTo(x, y);
  pen.stroke();
  pen.setLineDash([]);
  for (const { run, x, y } of points) {
    const style = shown.get(run.name);
    pen.beginPath();
    pen.arc(x, y, style ? 7 : 5, 0, 2 * Math.PI);
    pen.fillStyle = style?.color ?? (run.state === 'finished' ? muted : paper);
    pen.strokeStyle = style?.color ?? muted;
    pen.lineWidth = 1.5;
    pen.fill();
    pen.stroke();
    if (!style) continue;
    pen.fillStyle = ink;
    pen.font = 'bold 12px system-ui, "DejaVu Sans", sans-serif';
    pen.textAlign = x > width - 40 ? 'right' : 'left';
    pen.fillText(style.letter, x + (x > width - 40 ? -11 : 11), y - 8);
    pen.font = '12px system-ui, "DejaVu Sans", sans-serif';
  }
  return points;
}
