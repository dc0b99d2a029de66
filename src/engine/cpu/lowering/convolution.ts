/**
 * Convolution and its input gradient as kernel calls: weights are packed first, then items of some whole images or a
 * band of rows, which fit into a core's second cache, are divided into about 32 chunks.
 */

import type { Node } from '../../../graph/graph.js';
import { nhwc } from '../../../graph/tensor.js';
import { type AxisWindow, extentOf } from '../../../ops/window.js';
import type { KernelCall, Lowering, LoweringContext } from '../lowered.js';
import {
  type Convolution,
  chooseItem,
  convolutionArguments,
  DIRECT_WINDOW_BYTES,
  gatherMoments,
  greatestCommonDivisor,
  groupsOf,
  ITEM_PIXELS,
  PANEL,
  TARGET_CHUNKS,
} from './convolutionItems.js';
import { lowerWinograd } from './winograd.js';
import { forwardPlace, winogradEdge } from './winogradTiles.js';

/** Pixels of the largest tile. */
const LARGEST_TILE = 6;
/** Floats of a cache line. */
const LINE_FLOATS = 16;

/** Rows, and columns, of results from which on F(4×4, 3×3) takes no more products than F(2×2, 3×3). */
const FEWEST_ROWS = 3;

/** Pixels of the result whose rows (or columns) meet the same taps. See `kernels/convDirect.ts`. */
interface AxisClass {
  /** First row of the result, and number of rows. */
  readonly first: number;
  readonly count: number;
  readonly taps: number;
  /** First tap in the kernel and step between taps, in the order in which the window is read. */
  readonly firstTap: number;
  readonly tapStep: number;
  /** Row of the source at the first result's first tap. */
  readonly source: number;
}

/** Positions of results and taps along one axis. */
interface Axis {
  readonly classes: readonly AxisClass[];
  /** Distance between neighbours of a class, in source and result. */
  readonly sourceStride: number;
  readonly resultStride: number;
  /** Distance between taps, in the source. */
  readonly dilation: number;
}

export const conv2d: Lowering<'conv2d'> = (node, context) => {
  const floats = () => lowerForward(node, context);
  return context.lowerQuantized?.(node, context, floats) ?? floats();
};
export const groupedConv2d: Lowering<'groupedConv2d'> = lowerForward;
export const conv2dInputGradient: Lowering<'conv2dInputGradient'> = lowerInputGradient;
export const groupedConv2dInputGradient: Lowering<'groupedConv2dInputGradient'> = lowerInputGradient;

function lowerForward(node: Node<'conv2d'> | Node<'groupedConv2d'>, context: LoweringContext): KernelCall[] {
  const { x, w } = node.operands;
  const { y, moments } = node.results;
  const { rows, columns } = node.attributes;
  const groups = groupsOf(node.attributes);
  const [, height, width, channels] = nhwc(y);
  const [tapRows, tapColumns, depth] = nhwc(w);
  const weightStrides = { channel: 1, depth: channels, column: depth * channels, row: tapColumns * depth * channels };
  const convolution = { source: x, weights: w, weightStrides, result: y, addend: null, moments, groups };
  const edge = winogradEdge(w, node.attributes, depth, channels / groups, groups, height, width);
  const quantized = [x, w].filter(context.isQuantized).length;
  // What is exact, as sums of quantized operands are, remains so.
  if (edge && (edge === 3 ? quantized < 2 : rows.stride === 1)) {
    const isSmall = edge === 4 && (quantized > 0 || Math.min(height, width) < FEWEST_ROWS);
    const tile = { resultStride: 1, edge: isSmall ? 2 : edge } as const;
    const place = { ...forwardPlace(node.attributes, edge), ...tile };
    return lowerWinograd(context, { ...convolution, rotated: false, ...place });
  }
  const axes = { rows: forwardAxis(height, tapRows, rows), columns: forwardAxis(width, tapColumns, columns) };
  return lowerDirect(context, { ...convolution, ...axes });
}

function lowerInputGradient(
  node: Node<'conv2dInputGradient'> | Node<'groupedConv2dInputGradient'>,
  context: LoweringContext,
): KernelCall[] {
  const { dy, w, addend } = node.operands;
  const { dx } = node.results;
  const { rows, columns } = node.attributes;
  const groups = groupsOf(node.attributes);
  const [, height, width] = nhwc(dx);
  const [tapRows, tapColumns, channels, depth] = nhwc(w);
  const weightStrides = { channel: depth, depth: 1, column: channels * depth, row: tapColumns * channels * depth };
  const convolution = { source: dy, weights: w, weightStrides, result: dx, addend, moments: null, groups };
  const grid = [height / rows.stride, width / columns.stride] as const;
  // Of a pair of rows the first has to be the one that meets a single tap.
  const [top, left] = [rows, columns].map(({ before, stride }) => (before - 1) / stride - 1) as [number, number];
  const applies = winogradEdge(w, node.attributes, depth / groups, channels, groups, ...grid) === 4;
  if (applies && [...grid, top, left].every(Number.isInteger)) {
    const edge = Math.min(height, width) < FEWEST_ROWS ? 2 : 4;
    const place = { top, left, sourceStride: 1, resultStride: rows.stride, edge } as const;
    return lowerWinograd(context, { ...convolution, rotated: true, ...place });
  }
  const axes = { rows: gradientAxis(height, tapRows, rows), columns: gradientAxis(width, tapColumns, columns) };
  return lowerDirect(context, { ...convolution, ...axes });
}

interface DirectConvolution extends Convolution {
  readonly rows: Axis;
  readonly columns: Axis;
}

function lowerDirect(context: LoweringContext, convolution: DirectConvolution): KernelCall[] {
  const { source, weights, weightStrides, result, addend, moments, groups, rows, columns } = convolution;
  const images = nhwc(source)[0];
  const [depth, channels] = [nhwc(source)[3] / groups, nhwc(result)[3] / groups];
  const panels = Math.ceil(channels / PANEL);

  const top = Math.min(...rows.classes.map((c) => c.source));
  const left = Math.min(...columns.classes.map((c) => c.source));
  const span = ({ classes, sourceStride, dilation }: Axis, origin: number, count: (c: AxisClass) => number) =>
    Math.max(
      ...classes.map(
        (c) => c.source - origin + (count(c) - 1) * sourceStride + extentOf(Math.max(c.taps, 1), dilation),
      ),
    );
  const windowColumns = span(columns, left, (c) => c.count);
  const windowRows = (count: number) => span(rows, top, () => count);
  const windowBytes = (count: number) => windowRows(count) * windowColumns * depth * 4;

  const classRows = Math.max(...rows.classes.map((c) => c.count));
  const classColumns = Math.max(...columns.classes.map((c) => c.count));
  const item = chooseItem(images, classRows, classColumns, windowBytes, DIRECT_WINDOW_BYTES, ITEM_PIXELS);
  const chunks = Math.min(TARGET_CHUNKS, item.count);
  const tableBytes = (item.images * item.rows * classColumns + LARGEST_TILE) * 8;
  const windowGroups = Math.min(groups, Math.max(1, Math.floor(LINE_FLOATS / depth)));
  const itemBytes = item.images * windowBytes(item.rows);
  const classCount = rows.classes.length * columns.classes.length;
  const scratch = context.workerScratch(windowGroups * itemBytes + classCount * tableBytes + 64);
  const combined = gatherMoments(context, moments, chunks, channels * groups);

  const classes = rows.classes.flatMap((row) =>
    columns.classes.map((column) => ({
      ...{ rows: row.count, columns: column.count, firstRow: row.first, firstColumn: column.first },
      ...{ tapRows: row.taps, tapColumns: column.taps },
      ...{ windowRow: row.source - top, windowColumn: column.source - left },
      weights: context.scratch(groups * panels * row.taps * column.taps * depth * PANEL * 4),
      firstTap: row.firstTap * weightStrides.row + column.firstTap * weightStrides.column,
      ...{ rowStride: row.tapStep * weightStrides.row, columnStride: column.tapStep * weightStrides.column },
    })),
  );
  return [
    {
      kernel: 'packConvolutionWeights',
      chunks: classes.length * groups * panels,
      args: {
        ...{ weights: context.address(weights), channels, channelStride: weightStrides.channel },
        ...{ depth, depthStride: weightStrides.depth, panels },
        ...{ groups, groupStride: nhwc(weights)[3] / groups },
      },
      tables: classes,
    },
    {
      kernel: 'convolve',
      chunks,
      args: {
        ...convolutionArguments(context, source, result, item, chunks, scratch),
        ...{ addend: addend ? context.address(addend) : 0, moments: combined.blocks },
        ...{ sourceRowStride: rows.sourceStride, sourceColumnStride: columns.sourceStride },
        ...{ resultRowStride: rows.resultStride, resultColumnStride: columns.resultStride },
        ...{ rowDilation: rows.dilation, columnDilation: columns.dilation },
        ...{ top, left, windowRows: windowRows(item.rows), windowColumns, classes: classes.length },
        ...{ groups, windowGroups, tableBytes },
      },
      tables: classes,
    },
    ...combined.calls,
  ];
}

/** All results are one class. */
function forwardAxis(count: number, taps: number, { stride, before, dilation }: AxisWindow): Axis {
  const all = { first: 0, count, taps, firstTap: 0, tapStep: 1, source: -before };
  return { classes: [all], sourceStride: stride, resultStride: 1, dilation };
}

/**
 * Row y of the input and output row o meet at tap k if y + before = stride·o + dilation·k. So the rows with the same a
 * = (y + before) mod stride share their taps, every stride / g-th one for g = gcd(stride, dilation), and o falls by
 * dilation / g from each to the next. If g does not divide a there are none.
 */
function gradientAxis(size: number, taps: number, { stride, before, dilation }: AxisWindow): Axis {
  const common = greatestCommonDivisor(stride, dilation);
  const step = stride / common;
  const classes = Array.from({ length: stride }, (_, remainder) => {
    const first = (((remainder - before) % stride) + stride) % stride;
    let tap = 0;
    while (tap < step && (dilation * tap) % stride !== remainder) tap++;
    if (tap === step) tap = taps;
    const classTaps = Math.max(0, Math.ceil((taps - tap) / step));
    const lastTap = classTaps > 0 ? tap + (classTaps - 1) * step : 0;
    return {
      first,
      count: Math.max(0, Math.ceil((size - first) / stride)),
      taps: classTaps,
      firstTap: lastTap,
      tapStep: -step,
      source: Math.floor((first + before - dilation * lastTap) / stride),
    };
  });
  return { classes, sourceStride: 1, resultStride: stride, dilation: dilation / common };
}
