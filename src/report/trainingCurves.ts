/**
 * Losses and metrics over the epochs, of one run or of several.
 *
 * The two curves of a single run have their names and last values at their ends. With several runs the colour is the
 * run, the solid line its evaluation and the thin dashed one its training.
 */

import type { TopLevelSpec } from 'vega-lite';
import { capitalized } from '../capitalized.js';
import { type MetricName, metrics } from '../task.js';
import { curveMarks } from './curveMarks.js';
import { epochAxis, epochDomain } from './epochAxis.js';
import { allEvaluatedOn, displayNames, headline, runColor } from './labels.js';
import type { CurvePoint, RunRecord } from './runRecord.js';
import { EVALUATION_COLOR, LABEL_SIZE, TRAINING_COLOR } from './theme.js';

const WIDTH = 460;
const HEIGHT = 270;

interface Curve {
  readonly run: string;
  readonly part: 'training' | 'evaluation';
  readonly points: readonly CurvePoint[];
}

interface Measure {
  readonly what: string;
  readonly axisTitle: string;
  readonly scale: Record<string, unknown>;
  readonly axis: Record<string, unknown>;
  readonly format: (value: number) => string;
}

/** The loss of one or several runs, or `undefined` before the end of the first epoch. */
export function lossPlot(runs: readonly RunRecord[]): TopLevelSpec | undefined {
  const curves = curvesOf(runs, (run) => [run.trainingLoss, run.evaluationLoss]);
  const values = curves.flatMap((curve) => curve.points.map((point) => point.value));
  const isEntropy = runs.every(({ metric }) => metric === 'error');
  return curvePlot(runs, curves, lossMeasure(values, isEntropy ? 'cross-entropy' : 'loss'));
}

/**
 * The accuracy of one or several runs in percent, or the metric of another task; `undefined` before the end of the
 * first epoch.
 */
export function metricPlot(runs: readonly RunRecord[]): TopLevelSpec | undefined {
  const curves = curvesOf(runs, (run) => [run.trainingMetric, run.evaluationMetric]);
  const values = curves.flatMap((curve) => curve.points.map((point) => point.value));
  const { metric } = runs[0] ?? { metric: 'error' };
  if (metric !== 'error') return curvePlot(runs, curves, metricMeasure(metric, values));
  const floor = Math.max(0, Math.min(90, 10 * Math.floor(Math.min(100, ...values) / 10)));
  const top = Math.min(100, Math.max(floor + 10, 10 * Math.ceil(Math.max(0, ...values) / 10)));
  return curvePlot(runs, curves, {
    what: 'accuracy',
    axisTitle: 'accuracy (%)',
    scale: { domain: [floor, top], nice: false },
    axis: { format: 'f', tickCount: 6 },
    format: (value) => `${value.toFixed(2)} %`,
  });
}

function metricMeasure(name: MetricName, values: readonly number[]): Measure {
  const { title, inPercent } = metrics[name];
  const sign = inPercent ? ' %' : '';
  return {
    what: title,
    axisTitle: inPercent ? `${title} (%)` : title,
    scale: { domain: [Math.min(...values), Math.max(...values)], nice: true },
    axis: { format: '~g', tickCount: 6 },
    format: (value) => `${Number(value.toPrecision(4))}${sign}`,
  };
}

function curvesOf(
  runs: readonly RunRecord[],
  pick: (run: RunRecord) => readonly [readonly CurvePoint[], readonly CurvePoint[]],
): Curve[] {
  const names = displayNames(runs);
  return runs
    .flatMap((run, i): Curve[] => {
      const [training, evaluation] = pick(run);
      const name = names[i] ?? run.name;
      return [
        { run: name, part: 'training', points: training },
        { run: name, part: 'evaluation', points: evaluation },
      ];
    })
    .filter((curve) => curve.points.length > 0);
}

/** A logarithmic axis if the loss falls a hundredfold, else a linear one. */
function lossMeasure(values: readonly number[], name: string): Measure {
  const lowest = Math.min(...values);
  const highest = Math.max(...values);
  const logarithmic = lowest > 0 && highest > 100 * lowest;
  return {
    what: 'loss',
    axisTitle: logarithmic ? `${name} (logarithmic)` : name,
    scale: logarithmic
      ? { type: 'log', domain: [lowest, highest], nice: true }
      : { domain: [Math.min(0, lowest), highest], nice: true },
    axis: logarithmic ? { format: '~f', values: decades(lowest, highest) } : { format: 'f', tickCount: 6 },
    format: (value) => value.toPrecision(3),
  };
}

function decades(lowest: number, highest: number): number[] {
  const ticks: number[] = [];
  for (let k = Math.floor(Math.log10(lowest)); k <= Math.ceil(Math.log10(highest)); k++) ticks.push(10 ** k);
  return ticks;
}

function curvePlot(runs: readonly RunRecord[], curves: readonly Curve[], measure: Measure): TopLevelSpec | undefined {
  if (curves.length === 0) return undefined;
  const values = curves.flatMap((curve) =>
    curve.points.map((point) => ({ run: curve.run, part: curve.part, ...point })),
  );
  const epochs = values.map((value) => value.epoch);
  const overlaid = runs.length > 1;
  const names = displayNames(runs);
  const title = capitalized(measure.what);
  return {
    title: overlaid
      ? { text: title, subtitle: `solid: ${allEvaluatedOn(runs)}, dashed: training` }
      : { text: title, subtitle: headline(runs[0]!) },
    data: { values },
    width: WIDTH,
    height: HEIGHT,
    encoding: {
      x: {
        field: 'epoch',
        type: 'quantitative',
        scale: { domain: epochDomain(epochs), nice: false },
        axis: epochAxis(),
      },
      y: {
        field: 'value',
        type: 'quantitative',
        scale: measure.scale,
        axis: { title: measure.axisTitle, ...measure.axis },
      },
    },
    layer: overlaid
      ? [
          curveLayer('training', epochs, runColor(names, WIDTH)),
          curveLayer('evaluation', epochs, runColor(names, WIDTH)),
        ]
      : [
          curveLayer('training', epochs, { value: TRAINING_COLOR }, false),
          curveLayer('evaluation', epochs, { value: EVALUATION_COLOR }),
          ...endLabels(curves, measure, allEvaluatedOn(runs)),
        ],
  } as TopLevelSpec;
}

function curveLayer(
  part: Curve['part'],
  epochs: readonly number[],
  color: object,
  dashed = part === 'training',
): object {
  return {
    transform: [{ filter: { field: 'part', equal: part } }],
    encoding: { color },
    layer: curveMarks(epochs, dashed),
  };
}

/** Name and last value at each curve's end, moved apart if the ends are close. */
function endLabels(curves: readonly Curve[], measure: Measure, evaluation: string): object[] {
  const position = (value: number) => (measure.scale.type === 'log' ? Math.log(value) : value);
  const heights = curves.flatMap((curve) => curve.points.map((point) => position(point.value)));
  const [low, high] = (measure.scale.domain as [number, number]).map(position) as [number, number];
  const span = Math.max(high, ...heights) - Math.min(low, ...heights) || 1;
  const ends = curves.map((curve) => ({ curve, end: curve.points.at(-1)! })).sort((a, b) => b.end.value - a.end.value);
  const gapPixels =
    ends.length === 2 ? (HEIGHT * (position(ends[0]!.end.value) - position(ends[1]!.end.value))) / span : HEIGHT;
  const shift = Math.max(0, (1.6 * LABEL_SIZE - gapPixels) / 2);
  return ends.map(({ curve, end }, i) => ({
    data: {
      values: [
        { ...end, label: `${curve.part === 'training' ? 'training' : evaluation} ${measure.format(end.value)}` },
      ],
    },
    mark: {
      type: 'text',
      align: 'left',
      baseline: 'middle',
      dx: 8,
      dy: i === 0 ? -shift : shift,
      color: curve.part === 'training' ? TRAINING_COLOR : EVALUATION_COLOR,
    },
    encoding: { text: { field: 'label' } },
  }));
}
