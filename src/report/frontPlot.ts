/**
 * Error over kB of weights: one line for each way to choose bits, each with its own shape and colour, and bars for the
 * spread over seeds. Filled points are not dominated by any other. The float network is a dashed line in a band of its
 * spread.
 */
import type { TopLevelSpec } from 'vega-lite';
import { axisPosition, linearDomain } from './axis.js';
import { labelLayer, placeLabels } from './placeLabels.js';
import { INK, LABEL_SIZE, LINE_WIDTH, MUTED_INK, RUN_COLORS } from './theme.js';

const WIDTH = 520;
const HEIGHT = 320;

/** A mean over seeds in percent, with the sample deviation, `null` for a single seed. */
export interface MeasuredError {
  readonly mean: number;
  readonly deviation: number | null;
  /** Number of seeds. */
  readonly count: number;
}

export interface FrontSeries {
  readonly name: string;
  readonly points: readonly {
    readonly kbytes: number;
    readonly error: MeasuredError;
    readonly isBeaten: boolean;
    /** Number of seeds without a result. */
    readonly missingSeeds: number;
  }[];
}

const SHAPES = ['circle', 'square', 'diamond', 'triangle-up', 'triangle-down', 'cross'] as const;

/** The picture of at least one point. */
export function frontPlot(subject: string, series: readonly FrontSeries[], float: MeasuredError | null): TopLevelSpec {
  // The first way is drawn last, above the others.
  const values = series.toReversed().flatMap(({ name, points }) =>
    points.map(({ kbytes, error: { mean, deviation, count }, isBeaten, missingSeeds }) => ({
      ...{ way: name, kbytes, percent: mean, isBeaten },
      ...spread({ mean, deviation }),
      text: missingSeeds > 0 ? `${count} of ${count + missingSeeds}` : '',
    })),
  );
  const names = series.map(({ name }) => name);
  const sizes = values.map(({ kbytes }) => kbytes);
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  // Sizes that hardly differ, as of one budget, are not drawn apart.
  const room = Math.max(0.06 * (most - least), 0.1 * most - (most - least) / 2);
  const domain = [least - room, most + room] as const;
  const bars = [...values, ...(float ? [spread(float)] : [])];
  const errors = linearDomain(bars.flatMap(({ low, high }) => [low, high]));
  const at = (kbytes: number, percent: number) => ({
    x: WIDTH * axisPosition(kbytes, domain),
    y: HEIGHT * (1 - axisPosition(percent, errors)),
  });
  const points = values.map((value) => ({ ...value, ...at(value.kbytes, value.percent) }));
  const labels = placeLabels(
    points.filter(({ text }) => text !== ''),
    {
      ...{ width: WIDTH, height: HEIGHT, points },
      lines: [
        ...points.slice(1).flatMap((point, i) => (point.way === points[i]!.way ? [[points[i]!, point] as const] : [])),
        ...values.map(({ kbytes, low, high }) => [at(kbytes, low), at(kbytes, high)] as const),
        ...(float ? [[at(domain[0], float.mean), at(domain[1], float.mean)] as const] : []),
      ],
    },
  );
  const legend = { title: null, orient: 'bottom', columns: Math.min(5, names.length), symbolSize: 80 };
  const way = {
    color: { field: 'way', type: 'nominal', scale: { domain: names, range: RUN_COLORS }, legend },
    shape: { field: 'way', type: 'nominal', scale: { domain: names, range: SHAPES }, legend },
  };
  const place = { x: { field: 'kbytes' }, y: { field: 'percent' } };
  return {
    title: {
      text: `How small can it get? ${subject}`,
      subtitle: [
        'filled: no other network is both no larger and better; hollow: one is',
        ...(values.some(({ low, high }) => low < high) ? ['bars: one standard deviation over the seeds'] : []),
        ...(labels.length > 0 ? ['2 of 3: seeds that are finished, where some are not'] : []),
      ],
    },
    width: WIDTH,
    height: HEIGHT,
    encoding: {
      x: {
        type: 'quantitative',
        scale: { domain, nice: false },
        axis: { title: 'kB of weights', format: '~f', tickCount: 8 },
      },
      y: {
        type: 'quantitative',
        scale: { domain: errors, nice: false },
        axis: { title: 'test error (%)', tickCount: 7 },
      },
    },
    layer: [
      ...floatLayers(float),
      {
        data: { values },
        mark: { type: 'line', strokeWidth: LINE_WIDTH, opacity: 0.6 },
        encoding: { ...place, color: way.color },
      },
      {
        data: { values },
        mark: { type: 'rule', strokeWidth: 1.25 },
        encoding: { x: place.x, y: { field: 'low' }, y2: { field: 'high' }, color: way.color },
      },
      {
        data: { values },
        mark: { type: 'point', size: 90, strokeWidth: 1.75, opacity: 1 },
        encoding: {
          ...{ ...place, ...way },
          // Hides the line behind a hollow point.
          fill: {
            condition: { test: 'datum.isBeaten', value: '#ffffff' },
            ...way.color,
          },
        },
      },
      labelLayer(labels, { color: way.color }),
    ],
  } as TopLevelSpec;
}

function floatLayers(float: MeasuredError | null): object[] {
  if (!float) return [];
  const { mean } = float;
  return [
    {
      data: { values: [spread(float)] },
      mark: { type: 'rect', color: INK, opacity: 0.08 },
      encoding: { y: { field: 'low' }, y2: { field: 'high' } },
    },
    {
      data: { values: [{ percent: mean }] },
      mark: { type: 'rule', color: MUTED_INK, strokeDash: [5, 4] },
      encoding: { y: { field: 'percent' } },
    },
    {
      data: { values: [{ percent: mean, text: ['float', `${mean.toFixed(2)} %`] }] },
      mark: { type: 'text', align: 'left', dx: 6, color: MUTED_INK, fontSize: LABEL_SIZE },
      encoding: { x: { value: WIDTH }, y: { field: 'percent' }, text: { field: 'text' } },
    },
  ];
}

/** The bar of one deviation to both sides of the mean; no error is below 0. */
function spread({ mean, deviation }: Omit<MeasuredError, 'count'>): { low: number; high: number } {
  return { low: Math.max(0, mean - (deviation ?? 0)), high: mean + (deviation ?? 0) };
}
