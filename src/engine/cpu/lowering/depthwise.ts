/**
 * Depthwise convolutions as kernel calls. The taps of a row or column that are inside the image are tabulated here,
 * once, so that the kernel neither tests borders nor makes padded copies.
 */

import { dimension, nhwc, type Tensor } from '../../../graph/tensor.js';
import { type AxisWindow, extentOf, type Window } from '../../../ops/window.js';
import type { KernelCall, Lowering, LoweringContext } from '../lowered.js';
import {
  addPartialSums,
  chooseItem,
  convolutionArguments,
  gatherMoments,
  greatestCommonDivisor,
  ITEM_PIXELS,
  PANEL,
  TARGET_CHUNKS,
} from './convolutionItems.js';

/** The taps of a row or column of the result that are inside the image, at the axis's distances. */
export type Span = {
  /** The first row or column of the source; 0 if no tap is inside. */
  readonly source: number;
  readonly taps: number;
  readonly firstTap: number;
};

/**
 * Columns of the result, `resultStep` apart, with the same taps; the source advances by `sourceStep` from each to the
 * next.
 */
export type Run = Span & {
  readonly first: number;
  readonly count: number;
};

/** The taps of all rows or columns of a result, and the distances between neighbours. */
export interface GatherAxis {
  /** Taps of each row or column of the result. */
  readonly spans: readonly Span[];
  /** Distance between taps of a span, in the weights and in the source. */
  readonly tapStep: number;
  readonly dilation: number;
  /** Distance between columns of a run, in source and result. */
  readonly sourceStep: number;
  readonly resultStep: number;
}

export const depthwiseConv2d: Lowering<'depthwiseConv2d'> = (node, context) =>
  lowerGather(context, {
    ...{ source: node.operands.x, weights: node.operands.w, result: node.results.y },
    ...{ addend: null, moments: node.results.moments, window: node.attributes, axis: forwardAxis },
  });

export const depthwiseConv2dInputGradient: Lowering<'depthwiseConv2dInputGradient'> = (node, context) => {
  const { dy, w, addend } = node.operands;
  const { dx } = node.results;
  const window = node.attributes;
  if (addend === null && isHalving(dx, dy, w, window)) return [lowerQuads(context, dy, w, dx)];
  const shared = { addend, moments: null, window, axis: gradientAxis };
  return lowerGather(context, { source: dy, weights: w, result: dx, ...shared });
};

/** `count` outputs and the `size` inputs that they meet at `taps` taps. */
export function forwardAxis(count: number, size: number, taps: number, window: AxisWindow): GatherAxis {
  const { stride, before, dilation } = window;
  const spans = Array.from({ length: count }, (_, at) => {
    const start = at * stride - before;
    const first = Math.max(0, Math.ceil(-start / dilation));
    return spanOf(start + first * dilation, Math.min(taps, Math.ceil((size - start) / dilation)) - first, first);
  });
  return { spans, tapStep: 1, dilation, sourceStep: stride, resultStep: 1 };
}

/**
 * `count` inputs and the `size` outputs that met them: output o met input i at tap k if i + before = stride·o +
 * dilation·k, so the tap falls by stride / g from one such output to the next, which is dilation / g further, for g =
 * gcd(stride, dilation).
 */
export function gradientAxis(count: number, size: number, taps: number, window: AxisWindow): GatherAxis {
  const { stride, before, dilation } = window;
  const common = greatestCommonDivisor(stride, dilation);
  const [tapStep, outputStep] = [stride / common, dilation / common];
  const spans = Array.from({ length: count }, (_, at) => {
    const place = at + before;
    let first = Math.max(0, Math.ceil((place - (taps - 1) * dilation) / stride));
    const end = Math.min(size, Math.floor(place / stride) + 1);
    while (first < end && (place - stride * first) % dilation !== 0) first++;
    return spanOf(first, Math.ceil((end - first) / outputStep), (place - stride * first) / dilation);
  });
  return { spans, tapStep: -tapStep, dilation: outputStep, sourceStep: 1, resultStep: stride };
}

function spanOf(source: number, taps: number, firstTap: number): Span {
  return taps > 0 ? { source, taps, firstTap } : { source: 0, taps: 0, firstTap: 0 };
}

/** Joins the spans of neighbouring columns into runs. */
export function runsOf({ spans, sourceStep, resultStep }: GatherAxis): Run[] {
  const runs: { -readonly [K in keyof Run]: Run[K] }[] = [];
  for (let phase = 0; phase < resultStep; phase++) {
    let run: (typeof runs)[number] | undefined;
    for (let at = phase; at < spans.length; at += resultStep) {
      const { source, taps, firstTap } = spans[at]!;
      const follows = taps === 0 || (run?.firstTap === firstTap && run.source + run.count * sourceStep === source);
      if (run && run.taps === taps && follows) run.count++;
      else {
        run = { first: at, count: 1, source, taps, firstTap };
        runs.push(run);
      }
    }
  }
  return runs;
}

interface Gather {
  readonly source: Tensor;
  readonly weights: Tensor;
  readonly result: Tensor;
  readonly addend: Tensor | null;
  readonly moments: Tensor | null;
  readonly window: Window;
  readonly axis: typeof forwardAxis;
}

function lowerGather(context: LoweringContext, gather: Gather): KernelCall[] {
  const { source, weights, result, addend, moments, window, axis } = gather;
  const [images, height, width, channels] = nhwc(source);
  const [, resultHeight, resultWidth] = nhwc(result);
  const [tapRows, tapColumns] = [dimension(weights, 0), dimension(weights, 1)];
  const place = placeOfColumns(gather);
  if (place) return lowerColumns(context, gather, place);
  const rows = axis(resultHeight, height, tapRows, window.rows);
  const columns = axis(resultWidth, width, tapColumns, window.columns);
  const runs = runsOf(columns);
  const chunks = Math.min(TARGET_CHUNKS, images * resultHeight);
  const combined = gatherMoments(context, moments, chunks, channels);
  return [
    {
      kernel: 'depthwiseConvolve',
      chunks,
      args: {
        ...{ source: context.address(source), height, width },
        ...{ result: context.address(result), resultHeight, resultWidth, channels },
        ...{ addend: addend ? context.address(addend) : 0, weights: context.address(weights) },
        ...{ kernelColumns: tapColumns, tapRowStep: rows.tapStep, tapColumnStep: columns.tapStep },
        ...{ rowDilation: rows.dilation, columnDilation: columns.dilation, rows: images * resultHeight, chunks },
        ...{ sourceStep: columns.sourceStep, resultStep: columns.resultStep },
        ...{ moments: combined.blocks, runs: runs.length },
      },
      tables: [...rows.spans, ...runs],
    },
    ...combined.calls,
  ];
}

/** Rows of an average chunk without which columns are too short. */
const COLUMN_ROWS = 3;

/** First row and column of the first result's window. */
interface Place {
  readonly top: number;
  readonly left: number;
}

/** The place of the windows if `kernels/depthwiseColumns.ts` computes them, else null. */
function placeOfColumns({ source, weights, result, addend, window, axis }: Gather): Place | null {
  const isLong = nhwc(result)[0] * nhwc(result)[1] >= COLUMN_ROWS * TARGET_CHUNKS;
  if (!isLong || addend !== null) return null;
  const start = ({ before }: AxisWindow) => (axis === forwardAxis ? -before : before - 2);
  return placeOfNeighbours(source, result, weights, window, { top: start(window.rows), left: start(window.columns) });
}

/**
 * The place if windows are 3×3 neighbours, one pixel apart, which begin at the image's border or one pixel before, with two
 * rows and columns at least inside, and channels are whole vectors; else null.
 */
function placeOfNeighbours(
  source: Tensor,
  result: Tensor,
  weights: Tensor,
  window: Window,
  place: Place,
): Place | null {
  const [, height, width] = nhwc(source);
  const [, resultHeight, resultWidth] = nhwc(result);
  const fits = (first: number, count: number, size: number) =>
    (first === -1 || first === 0) && first + count <= size - 1 && size > 1;
  const isInside = fits(place.top, resultHeight, height) && fits(place.left, resultWidth, width);
  return isInside && isThreeByThree(weights, window, 1) ? place : null;
}

/** Tells whether windows are two pixels apart with padding 1, so that `kernels/depthwiseQuads.ts` computes the gradient. */
function isHalving(large: Tensor, small: Tensor, weights: Tensor, window: Window): boolean {
  const [, height, width] = nhwc(large);
  const [, halfHeight, halfWidth] = nhwc(small);
  const isPadded = window.rows.before === 1 && window.columns.before === 1;
  const isHalf = halfHeight === Math.ceil(height / 2) && halfWidth === Math.ceil(width / 2);
  return isPadded && isHalf && isThreeByThree(weights, window, 2);
}

/** Tells whether windows are 3×3 neighbours, `step` pixels apart, and channels whole vectors. */
function isThreeByThree(weights: Tensor, { rows, columns }: Window, step: number): boolean {
  const isDense = [rows, columns].every(({ stride, dilation }) => stride === step && dilation === 1);
  return dimension(weights, 0) === 3 && dimension(weights, 1) === 3 && isDense && dimension(weights, 2) % 4 === 0;
}

function lowerQuads(context: LoweringContext, dy: Tensor, weights: Tensor, dx: Tensor): KernelCall {
  const [images, height, width, channels] = nhwc(dy);
  const [, resultHeight, resultWidth] = nhwc(dx);
  const rows = images * height;
  const chunks = Math.min(TARGET_CHUNKS, rows);
  return {
    kernel: 'depthwiseQuads',
    chunks,
    args: {
      ...{ source: context.address(dy), height, width },
      ...{ result: context.address(dx), resultHeight, resultWidth, channels },
      ...{ weights: context.address(weights), rows, chunks },
    },
  };
}

function lowerColumns(context: LoweringContext, gather: Gather, place: Place): KernelCall[] {
  const { source, weights, result, moments, axis } = gather;
  const [images, height, width, channels] = nhwc(source);
  const [, resultHeight, resultWidth] = nhwc(result);
  const rows = images * resultHeight;
  const chunks = TARGET_CHUNKS;
  const combined = gatherMoments(context, moments, chunks, channels);
  // A gradient meets the taps from last to first.
  const tap = (axis === forwardAxis ? 4 : -4) * channels;
  return [
    {
      kernel: 'depthwiseColumns',
      chunks,
      args: {
        ...{ source: context.address(source), height, width },
        ...{ result: context.address(result), resultHeight, resultWidth, channels },
        ...{ weights: context.address(weights) + Math.max(0, -8 * tap), tapRow: 3 * tap, tapColumn: tap },
        ...{ ...place, rows, chunks, moments: combined.blocks },
      },
    },
    ...combined.calls,
  ];
}

/** Bytes of the window of an item and of some channels, which together with the gradient fits into the first cache. */
const WINDOW_BYTES = 32 * 1024;
const WINDOW_CHANNELS = 32;

export const depthwiseConv2dWeightGradient: Lowering<'depthwiseConv2dWeightGradient'> = (node, context) => {
  const { x, dy } = node.operands;
  const { dw } = node.results;
  const { rows, columns } = node.attributes;
  const [images, height, width, channels] = nhwc(x);
  const [, resultHeight, resultWidth] = nhwc(dy);
  const [tapRows, tapColumns] = [dimension(dw, 0), dimension(dw, 1)];
  const windowChannels = Math.min(WINDOW_CHANNELS, Math.ceil(channels / PANEL) * PANEL);
  const windowColumns = (resultWidth - 1) * columns.stride + extentOf(tapColumns, columns.dilation);
  const rowBytes = windowColumns * windowChannels * 4;
  const windowBytes = (count: number) => ((count - 1) * rows.stride + extentOf(tapRows, rows.dilation)) * rowBytes;
  const item = chooseItem(images, resultHeight, resultWidth, windowBytes, WINDOW_BYTES, 4 * ITEM_PIXELS);
  const chunks = Math.min(TARGET_CHUNKS, item.count);
  const kernelRows = tapRows * tapColumns;
  // Zeros for borders, and the sums of two panels; three vectors of a panel are read at once.
  const scratch = context.workerScratch((1 + 2 * kernelRows + 2) * PANEL * 4);
  const panels = Math.ceil(channels / PANEL);
  const partials = context.scratch(chunks * panels * kernelRows * PANEL * 4);
  const reduceChunks = Math.min(TARGET_CHUNKS, Math.ceil((panels * kernelRows) / 64));
  const runs = runsOf(forwardAxis(resultWidth, width, tapColumns, columns));
  const args = { ...convolutionArguments(context, x, dy, item, chunks, scratch), partials };
  const place = placeOfNeighbours(x, dy, dw, node.attributes, { top: -rows.before, left: -columns.before });
  return [
    place
      ? { kernel: 'depthwiseNineSums', chunks, args: { ...args, ...place } }
      : {
          kernel: 'depthwiseWeightGradient',
          chunks,
          args: {
            ...{ ...args, tapRows, tapColumns, rowDilation: rows.dilation, columnDilation: columns.dilation },
            ...{ sourceStep: columns.stride, runs: runs.length },
          },
          tables: [...forwardAxis(resultHeight, height, tapRows, rows).spans, ...runs],
        },
    addPartialSums(reduceChunks, {
      ...{ partials, pixelChunks: chunks, dw: context.address(dw), kernelRows, channels },
    }),
  ];
};
