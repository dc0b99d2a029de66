/**
 * Error over size, one panel for weights and one for the largest activation. Runs are numbered points, with a legend
 * beside the panels: filled and joined by a staircase if no other run dominates them, else hollow and of another shape,
 * so that nothing depends on colour alone.
 */

import type { TopLevelSpec } from 'vega-lite';
import { capitalized } from '../capitalized.js';
import { metrics } from '../task.js';
import { axisPosition, linearDomain, logarithmicAxis, logarithmicDomain } from './axis.js';
import { type ComparedRun, front } from './comparison.js';
import { textWidth } from './fontMetrics.js';
import { labelLayer, placeLabels } from './placeLabels.js';
import {
  EVALUATION_COLOR as BEATEN_COLOR,
  TRAINING_COLOR as FRONT_COLOR,
  LABEL_SIZE,
  MUTED_INK,
  PANEL_TITLE,
} from './theme.js';

const WIDTH = 270;
const HEIGHT = 250;
const LINE_HEIGHT = 16;
const POINT_RADIUS = 5;

interface Point {
  readonly run: ComparedRun;
  readonly number: string;
  readonly kbytes: number;
  /** The metric, in percent if it is told so. */
  readonly percent: number;
  readonly isBeaten: boolean;
}

/** The picture of at least one run; runs are numbered from 1. */
export function comparisonPlot(runs: readonly ComparedRun[]): TopLevelSpec {
  const { title, inPercent } = metrics[runs[0]!.metric];
  const axisTitle = `test ${title}${inPercent ? ' (%)' : ''}`;
  const panels = [
    { title: 'weights', sizeOf: (run: ComparedRun) => run.weightsKbytes },
    { title: 'largest activation', sizeOf: (run: ComparedRun) => run.activationsKbytes },
  ];
  const others = runs.some(({ sameImages }) => !sameImages) ? ['grey: measured on other test images'] : [];
  return {
    title: {
      text: `${capitalized(title)} over size`,
      subtitle: ['filled, on the line: no other run is both smaller and better; hollow: some run is', ...others],
    },
    spacing: 34,
    hconcat: [
      ...panels.map(({ title, sizeOf }, i) => panelSpec(title, pointsOf(runs, sizeOf), i === 0 ? axisTitle : null)),
      legendSpec(runs),
    ],
  } as TopLevelSpec;
}

function pointsOf(runs: readonly ComparedRun[], sizeOf: (run: ComparedRun) => number): Point[] {
  const best = front(runs, sizeOf);
  return runs.map((run, i) => ({
    run,
    number: String(i + 1),
    kbytes: sizeOf(run),
    percent: (metrics[run.metric].inPercent ? 100 : 1) * metrics[run.metric].of(run.testError),
    isBeaten: !best.includes(run),
  }));
}

function panelSpec(title: string, points: readonly Point[], axisTitle: string | null): object {
  const sizes = points.map(({ kbytes }) => kbytes);
  const wide = logarithmicDomain(sizes);
  const domain = wide ?? linearDomain(sizes);
  const { scale, axis } = wide
    ? logarithmicAxis(wide)
    : { scale: { domain, nice: false }, axis: { format: '~f', tickCount: 5 } };
  const errors = linearDomain(points.map(({ percent }) => percent));
  const onFront = points.filter(({ isBeaten }) => !isBeaten).sort((a, b) => a.kbytes - b.kbytes);
  const corners = stairs(onFront);
  const place = ({ kbytes, percent }: { kbytes: number; percent: number }) => ({
    x: WIDTH * axisPosition(kbytes, domain, wide !== null),
    y: HEIGHT * (1 - axisPosition(percent, errors)),
  });
  const labels = placeLabels(
    points.map((point) => ({ ...place(point), text: point.number })),
    {
      ...{ width: WIDTH, height: HEIGHT, points: points.map(place) },
      lines: corners.slice(1).map((corner, i) => [place(corners[i]!), place(corner)]),
    },
  );
  const values = points.map(({ kbytes, percent, isBeaten, run }) => ({
    ...{ kbytes, percent },
    state: !run.sameImages ? 'other' : isBeaten ? 'beaten' : 'front',
  }));
  return {
    title: { ...PANEL_TITLE, text: title },
    width: WIDTH,
    height: HEIGHT,
    encoding: {
      x: { type: 'quantitative', scale, axis: { title: 'kB', ...axis } },
      y: {
        type: 'quantitative',
        scale: { domain: errors, nice: false },
        axis: { title: axisTitle, tickCount: 6 },
      },
    },
    layer: [
      {
        data: { values: corners },
        mark: { type: 'line', color: FRONT_COLOR, strokeWidth: 1.5, opacity: 0.55 },
        encoding: { x: { field: 'kbytes' }, y: { field: 'percent' }, order: { field: 'step' } },
      },
      ...(['other', 'beaten', 'front'] as const).map((state) => ({
        data: { values: values.filter((value) => value.state === state) },
        mark: { type: 'point', ...markOf[state], size: 4 * POINT_RADIUS ** 2, strokeWidth: 1.75, opacity: 1 },
        encoding: { x: { field: 'kbytes' }, y: { field: 'percent' } },
      })),
      labelLayer(labels),
    ],
  };
}

const markOf = {
  front: { shape: 'circle', color: FRONT_COLOR, filled: true },
  beaten: { shape: 'diamond', color: BEATEN_COLOR, filled: false },
  other: { shape: 'triangle-up', color: MUTED_INK, filled: false },
} as const;

/** The corners of the staircase through the front: at any size the error of the next smaller run can be had. */
function stairs(points: readonly Point[]): { kbytes: number; percent: number; step: number }[] {
  const corners = points.flatMap(({ kbytes, percent }, i) => {
    const before = points[i - 1];
    return [...(before ? [{ kbytes, percent: before.percent }] : []), { kbytes, percent }];
  });
  return corners.map((corner, step) => ({ ...corner, step }));
}

function legendSpec(runs: readonly ComparedRun[]): object {
  const values = runs.map(({ name }, i) => ({ line: i, text: `${i + 1}  ${name}` }));
  return {
    width: Math.max(...values.map(({ text }) => textWidth(text, LABEL_SIZE))),
    height: LINE_HEIGHT * runs.length,
    data: { values },
    mark: { type: 'text', align: 'left', baseline: 'middle', fontSize: LABEL_SIZE },
    encoding: {
      x: { value: 0 },
      y: { field: 'line', type: 'ordinal', axis: null },
      text: { field: 'text' },
    },
  };
}
