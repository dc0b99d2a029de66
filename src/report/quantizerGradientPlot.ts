/**
 * Gradients of parametrizations that describe the same quantizer (the paper's figure 2): the gradients of Q(x) to the
 * two learned values as functions of x, which show why one trains better than another. Computed by the functions that
 * training uses.
 */
import type { TopLevelSpec } from 'vega-lite';
import {
  coreOf,
  effectiveRange,
  type ParameterName,
  parameterGradients,
  parameterNames,
  type Quantizer,
  type QuantizerKind,
  quantizeGradient,
  quantizeValue,
  wideLimitsOfM,
} from '../quant/index.js';
import { EVALUATION_COLOR, INK, LINE_WIDTH, MUTED_INK, PANEL_TITLE, TRAINING_COLOR } from './theme.js';

const WIDTH = 215;
const HEIGHT = 105;
const POINTS = 481;
/** Ratio of the grid on which the largest gradient is searched to the drawn one. */
const FINER = 16;

/** A signed quantizer of `bits` bits, by the values that its parametrizations learn. */
export interface DescribedQuantizer {
  readonly bits: number;
  /** The step of uniform quantizers, or the smallest magnitude of powers of two. */
  readonly finest: number;
  readonly xmax: number;
}

export interface NamedKind {
  /** Name in the paper. */
  readonly name: string;
  readonly kind: QuantizerKind;
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** A gradient as a function of x, and its largest magnitude. */
export interface GradientCurve {
  readonly parameter: ParameterName;
  readonly points: readonly Point[];
  readonly largest: number;
}

const words: Readonly<Record<ParameterName, string>> = { n: 'b', d: 'd', xmin: 'qmin', xmax: 'qmax', m: 'm' };

/** A column for each parametrization, with Q and its two gradients; all gradients have one scale. */
export function quantizerGradientPlot(
  title: string,
  kinds: readonly NamedKind[],
  quantizer: DescribedQuantizer,
): TopLevelSpec {
  const columns = kinds.map(({ name, kind }) => ({ name, kind, gradients: gradientCurves(kind, quantizer) }));
  const largest = Math.max(...columns.flatMap(({ gradients }) => gradients.map((curve) => curve.largest)));
  const { bits, finest, xmax } = quantizer;
  return {
    title: {
      text: title,
      subtitle: `the same quantizer in every column: ${bits} bits, finest level ${finest}, largest ${xmax}`,
    },
    spacing: 26,
    hconcat: columns.map(({ name, kind, gradients }, index) => ({
      spacing: 16,
      vconcat: [
        panel(`${name}: Q(x)`, valueCurve(kind, quantizer), 1.25 * xmax, INK, index === 0, false),
        ...gradients.map((curve, row) => {
          const label = `∂Q/∂${words[curve.parameter]}, at most ${Number(curve.largest.toPrecision(2))}`;
          const color = row === 0 ? TRAINING_COLOR : EVALUATION_COLOR;
          return panel(label, curve.points, 1.1 * largest, color, index === 0, row === 1);
        }),
      ],
    })),
  } as TopLevelSpec;
}

/** The gradients of Q(x) to both learned values over x, a little beyond the range of the quantizer. */
export function gradientCurves(kind: QuantizerKind, described: DescribedQuantizer): GradientCurve[] {
  const q = quantizerOf(kind, described);
  const [p0, p1] = learnedValues(kind, described);
  const [e0, e1] = effectiveRange(q, p0, p1);
  return parameterNames(kind).map((parameter, index) => {
    const at = (x: number): Point => {
      const { s0, s1 } = quantizeGradient(coreOf(kind), true, e0, e1, x, 1);
      return { x, y: parameterGradients(q, p0, p1, s0, s1)[index]! };
    };
    const largest = Math.max(...abscissas(described, FINER * POINTS).map((x) => Math.abs(at(x).y)));
    return { parameter, points: abscissas(described, POINTS).map(at), largest };
  });
}

function valueCurve(kind: QuantizerKind, described: DescribedQuantizer): Point[] {
  const [e0, e1] = effectiveRange(quantizerOf(kind, described), ...learnedValues(kind, described));
  return abscissas(described, POINTS).map((x) => ({ x, y: quantizeValue(coreOf(kind), true, e0, e1, x) }));
}

function abscissas({ xmax }: DescribedQuantizer, count: number): number[] {
  const end = 1.6 * xmax;
  // The middles of intervals, since a jump is never exactly there.
  return Array.from({ length: count }, (_, i) => ((2 * i + 1) / count - 1) * end);
}

function learnedValues(kind: QuantizerKind, { bits, finest, xmax }: DescribedQuantizer): [number, number] {
  const values: Readonly<Record<ParameterName, number>> = {
    n: bits,
    d: finest,
    xmin: finest,
    xmax,
    m: Math.log2(xmax),
  };
  const [first, second] = parameterNames(kind);
  if (!first || !second) throw new Error(`${kind} learns nothing`);
  return [values[first], values[second]];
}

function quantizerOf(kind: QuantizerKind, { bits }: DescribedQuantizer): Quantizer {
  const free = { min: 2 ** -20, max: 2 ** 20 };
  return {
    name: kind,
    role: 'weight',
    kind,
    signed: true,
    count: 1,
    bitwidth: bits,
    bounds: { n: { min: 1, max: 16 }, d: free, xmin: free, xmax: free, m: wideLimitsOfM },
    accountingXmin: free,
    fixed: null,
  };
}

function panel(
  title: string,
  values: readonly Point[],
  limit: number,
  color: string,
  named: boolean,
  last: boolean,
): object {
  const end = Math.abs(values[0]?.x ?? 1);
  return {
    title: { ...PANEL_TITLE, text: title, offset: 5 },
    width: WIDTH,
    height: HEIGHT,
    data: { values },
    mark: { type: 'line', color, strokeWidth: 0.75 * LINE_WIDTH, interpolate: 'linear' },
    encoding: {
      x: {
        field: 'x',
        type: 'quantitative',
        scale: { domain: [-end, end], nice: false },
        axis: { title: last ? 'x' : null, labels: last, tickCount: 5, grid: false, titleColor: MUTED_INK },
      },
      y: {
        field: 'y',
        type: 'quantitative',
        scale: { domain: [-limit, limit], nice: false },
        axis: { title: null, labels: named, tickCount: 5, domain: false },
      },
    },
  };
}
