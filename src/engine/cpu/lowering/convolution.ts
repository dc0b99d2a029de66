/**
 * Convolution and its input gradient as kernel calls: weights packed first, then items of some whole images or a band
 * of rows, small enough for a core's second cache, shared out in about 32 chunks.
 */

import { nhwc, type Tensor } from '../../../graph/tensor.js';
import type { ArgumentBlock, KernelCall, Lowering, LoweringContext } from '../lowered.js';
import {
  chooseItem,
  convolutionArguments,
  gatherMoments,
  ITEM_PIXELS,
  PANEL,
  TARGET_CHUNKS,
} from './convolutionItems.js';
import { lowerWinograd, winogradApplies } from './winograd.js';

/** Leaves half of a 512 KiB second cache to weights and result. */
const WINDOW_BYTES = 160 * 1024;

/** Pixels of the result whose rows (or columns) meet the same taps. See `kernels/convDirect.ts`. */
interface AxisClass {
  /** First row of the result, and how many. */
  readonly first: number;
  readonly count: number;
  readonly taps: number;
  /** First tap in the kernel and step between taps, in the order in which the window is read. */
  readonly firstTap: number;
  readonly tapStep: number;
  /** Row of the source that the first result's first tap meets. */
  readonly source: number;
}

export const conv2d: Lowering<'conv2d'> = (node, context) => {
  const { x, w } = node.operands;
  const { y, moments } = node.results;
  const { stride, padding } = node.attributes;
  const [, height, width, channels] = nhwc(y);
  const [tapRows, tapColumns, depth] = nhwc(w);
  const weightStrides = { channel: 1, depth: channels, column: depth * channels, row: tapColumns * depth * channels };
  if (winogradApplies(w, stride, depth, channels)) {
    return lowerWinograd(context, {
      ...{ source: x, weights: w, weightStrides, rotated: false, result: y, addend: null, moments },
      padding,
    });
  }
  const axis = (count: number, taps: number): AxisClass[] => [
    { first: 0, count, taps, firstTap: 0, tapStep: 1, source: -padding },
  ];
  return lowerDirect(context, {
    source: x,
    weights: w,
    weightStrides,
    result: y,
    addend: null,
    moments,
    sourceStride: stride,
    resultStride: 1,
    rowClasses: axis(height, tapRows),
    columnClasses: axis(width, tapColumns),
  });
};

export const conv2dInputGradient: Lowering<'conv2dInputGradient'> = (node, context) => {
  const { dy, w, addend } = node.operands;
  const { dx } = node.results;
  const { stride, padding } = node.attributes;
  const [, height, width, channels] = nhwc(dx);
  const [tapRows, tapColumns, , depth] = nhwc(w);
  const weightStrides = { channel: depth, depth: 1, column: channels * depth, row: tapColumns * channels * depth };
  if (winogradApplies(w, stride, depth, channels)) {
    return lowerWinograd(context, {
      ...{ source: dy, weights: w, weightStrides, rotated: true, result: dx, addend, moments: null },
      padding: 2 - padding,
    });
  }
  return lowerDirect(context, {
    source: dy,
    weights: w,
    weightStrides,
    result: dx,
    addend,
    moments: null,
    sourceStride: 1,
    resultStride: stride,
    rowClasses: parityClasses(height, tapRows, stride, padding),
    columnClasses: parityClasses(width, tapColumns, stride, padding),
  });
};

interface DirectConvolution {
  readonly source: Tensor;
  readonly weights: Tensor;
  /** Distances in elements between neighbours; `channel` and `depth` are those of the result and of the source. */
  readonly weightStrides: Readonly<Record<'channel' | 'depth' | 'column' | 'row', number>>;
  readonly result: Tensor;
  readonly addend: Tensor | null;
  readonly moments: Tensor | null;
  readonly sourceStride: number;
  readonly resultStride: number;
  readonly rowClasses: readonly AxisClass[];
  readonly columnClasses: readonly AxisClass[];
}

function lowerDirect(context: LoweringContext, convolution: DirectConvolution): KernelCall[] {
  const { source, weights, weightStrides, result, addend, moments, sourceStride, resultStride } = convolution;
  const { rowClasses, columnClasses } = convolution;
  const [images, , , depth] = nhwc(source);
  const channels = nhwc(result)[3];
  const panels = Math.ceil(channels / PANEL);

  const top = Math.min(...rowClasses.map((c) => c.source));
  const left = Math.min(...columnClasses.map((c) => c.source));
  const span = (classes: readonly AxisClass[], origin: number, count: (c: AxisClass) => number) =>
    Math.max(...classes.map((c) => c.source - origin + (count(c) - 1) * sourceStride + Math.max(c.taps, 1)));
  const windowColumns = span(columnClasses, left, (c) => c.count);
  const windowRows = (rows: number) => span(rowClasses, top, () => rows);
  const windowBytes = (rows: number) => windowRows(rows) * windowColumns * depth * 4;

  const classRows = Math.max(...rowClasses.map((c) => c.count));
  const classColumns = Math.max(...columnClasses.map((c) => c.count));
  const item = chooseItem(images, classRows, classColumns, windowBytes, WINDOW_BYTES, ITEM_PIXELS);
  const chunks = Math.min(TARGET_CHUNKS, item.count);
  const tableBytes = (item.images * item.rows * classColumns + 3) * 8;
  const scratch = context.workerScratch(item.images * windowBytes(item.rows) + tableBytes + 64);
  const combined = gatherMoments(context, moments, chunks, channels);

  const packed: ArgumentBlock[] = [];
  const classes: ArgumentBlock[] = [];
  for (const row of rowClasses) {
    for (const column of columnClasses) {
      const target = context.scratch(Math.max(1, panels * row.taps * column.taps * depth) * PANEL * 4);
      packed.push({
        target,
        first: row.firstTap * weightStrides.row + column.firstTap * weightStrides.column,
        ...{ rows: row.taps, rowStride: row.tapStep * weightStrides.row },
        ...{ columns: column.taps, columnStride: column.tapStep * weightStrides.column },
      });
      classes.push({
        ...{ rows: row.count, columns: column.count, firstRow: row.first, firstColumn: column.first },
        ...{ tapRows: row.taps, tapColumns: column.taps },
        ...{ windowRow: row.source - top, windowColumn: column.source - left, weights: target },
      });
    }
  }
  return [
    {
      kernel: 'packConvolutionWeights',
      chunks: classes.length * panels,
      args: {
        ...{ weights: context.address(weights), channels, channelStride: weightStrides.channel },
        ...{ depth, depthStride: weightStrides.depth, panels },
      },
      tables: packed,
    },
    {
      kernel: 'convolve',
      chunks,
      args: {
        ...convolutionArguments(context, source, result, item, chunks, scratch),
        ...{ addend: addend ? context.address(addend) : 0, moments: combined.blocks, sourceStride, resultStride },
        ...{ top, left, windowRows: windowRows(item.rows), windowColumns, classes: classes.length },
      },
      tables: classes,
    },
    ...combined.calls,
  ];
}

/**
 * Row y of the input and output row o meet at tap k = y + padding − stride·o, so the rows with the same
 * a = (y + padding) mod stride share the taps a, a + stride, … and o falls by one from each to the next.
 */
function parityClasses(size: number, taps: number, stride: number, padding: number): AxisClass[] {
  return Array.from({ length: stride }, (_, parity) => {
    const first = (((parity - padding) % stride) + stride) % stride;
    const classTaps = Math.max(0, Math.ceil((taps - parity) / stride));
    const lastTap = parity + (classTaps - 1) * stride;
    return {
      first,
      count: Math.max(0, Math.ceil((size - first) / stride)),
      taps: classTaps,
      firstTap: Math.max(0, lastTap),
      tapStep: -stride,
      source: (first + padding - parity) / stride - Math.max(0, classTaps - 1),
    };
  });
}
