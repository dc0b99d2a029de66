/**
 * Depthwise convolutions as kernel calls. Which taps of a row or column fall inside the image is tabulated here, once,
 * so that the kernel has neither borders to test nor padded copies to make.
 */

import { dimension, nhwc, type Tensor } from '../../../graph/tensor.js';
import type { Window } from '../../../ops/window.js';
import type { KernelCall, Lowering, LoweringContext } from '../lowered.js';
import {
  addPartialSums,
  chooseItem,
  convolutionArguments,
  gatherMoments,
  ITEM_PIXELS,
  PANEL,
  TARGET_CHUNKS,
} from './convolutionItems.js';

/** The taps that a row or column of the result meets inside the image: neighbours in the source, `tapStep` apart. */
export interface Span {
  /** The first row or column of the source; 0 where no tap falls inside. */
  readonly source: number;
  readonly taps: number;
  readonly firstTap: number;
}

/** Columns of the result, `resultStep` apart, that meet the same taps, `sourceStep` further on in the source each. */
export interface Run extends Span {
  readonly first: number;
  readonly count: number;
}

export const depthwiseConv2d: Lowering<'depthwiseConv2d'> = (node, context) => {
  const { x } = node.operands;
  const { y } = node.results;
  const { stride } = node.attributes;
  return lowerGather(context, {
    ...{ source: x, weights: node.operands.w, result: y, addend: null, moments: node.results.moments },
    ...{ tapStep: 1, sourceStep: stride, resultStep: 1 },
    span: (at, size, taps) => forwardSpan(at, size, taps, node.attributes),
  });
};

export const depthwiseConv2dInputGradient: Lowering<'depthwiseConv2dInputGradient'> = (node, context) => {
  const { dy } = node.operands;
  const { dx } = node.results;
  const { stride } = node.attributes;
  return lowerGather(context, {
    ...{ source: dy, weights: node.operands.w, result: dx, addend: node.operands.addend, moments: null },
    ...{ tapStep: -stride, sourceStep: 1, resultStep: stride },
    span: (at, size, taps) => gradientSpan(at, size, taps, node.attributes),
  });
};

/** Taps of output row `at` on an axis of `size` inputs. */
export function forwardSpan(at: number, size: number, taps: number, { stride, padding }: Window): Span {
  const start = at * stride - padding;
  return spanOf(Math.max(0, start), Math.min(size, start + taps), Math.max(0, -start));
}

/**
 * Taps of input row `at` on an axis of `size` outputs: output o met it at tap at + padding − stride·o, so the tap falls
 * by the stride from one output to the next.
 */
export function gradientSpan(at: number, size: number, taps: number, { stride, padding }: Window): Span {
  const first = Math.max(0, Math.ceil((at + padding - taps + 1) / stride));
  const end = Math.min(size, Math.floor((at + padding) / stride) + 1);
  return spanOf(first, end, at + padding - stride * first);
}

function spanOf(source: number, end: number, firstTap: number): Span {
  return end > source ? { source, taps: end - source, firstTap } : { source: 0, taps: 0, firstTap: 0 };
}

/** Joins the spans of neighbouring columns into runs. */
export function runsOf(spans: readonly Span[], sourceStep: number, resultStep: number): Run[] {
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
  readonly tapStep: number;
  readonly sourceStep: number;
  readonly resultStep: number;
  readonly span: (at: number, size: number, taps: number) => Span;
}

function lowerGather(context: LoweringContext, gather: Gather): KernelCall[] {
  const { source, weights, result, addend, moments, tapStep, sourceStep, resultStep, span } = gather;
  const [images, height, width, channels] = nhwc(source);
  const [, resultHeight, resultWidth] = nhwc(result);
  const [tapRows, tapColumns] = [dimension(weights, 0), dimension(weights, 1)];
  const spans = (count: number, size: number, taps: number) =>
    Array.from({ length: count }, (_, at) => span(at, size, taps));
  const rows = spans(resultHeight, height, tapRows);
  const runs = runsOf(spans(resultWidth, width, tapColumns), sourceStep, resultStep);
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
        ...{ kernelColumns: tapColumns, tapStep, rows: images * resultHeight, chunks, sourceStep, resultStep },
        ...{ moments: combined.blocks, runs: runs.length },
      },
      tables: [...rows, ...runs].map((span) => ({ ...span })),
    },
    ...combined.calls,
  ];
}

/** The padded window of an item and of a block of channels; shared with the gradient it should fit the first cache. */
const WINDOW_BYTES = 32 * 1024;
const BLOCK_CHANNELS = 32;

export const depthwiseConv2dWeightGradient: Lowering<'depthwiseConv2dWeightGradient'> = (node, context) => {
  const { x, dy } = node.operands;
  const { dw } = node.results;
  const { stride, padding } = node.attributes;
  const [images, , , channels] = nhwc(x);
  const [, resultHeight, resultWidth] = nhwc(dy);
  const [tapRows, tapColumns] = [dimension(dw, 0), dimension(dw, 1)];
  const blockChannels = Math.min(BLOCK_CHANNELS, Math.ceil(channels / PANEL) * PANEL);
  const rowBytes = ((resultWidth - 1) * stride + tapColumns) * blockChannels * 4;
  const windowBytes = (rows: number) => ((rows - 1) * stride + tapRows) * rowBytes;
  const item = chooseItem(images, resultHeight, resultWidth, windowBytes, WINDOW_BYTES, 4 * ITEM_PIXELS);
  const chunks = Math.min(TARGET_CHUNKS, item.count);
  // The last panel of channels may read past its pixel.
  const scratch = context.workerScratch(item.images * windowBytes(item.rows) + PANEL * 4);
  const kernelRows = tapRows * tapColumns;
  const panels = Math.ceil(channels / PANEL);
  const partials = context.scratch(chunks * panels * kernelRows * PANEL * 4);
  const reduceChunks = Math.min(TARGET_CHUNKS, Math.ceil((panels * kernelRows) / 64));
  return [
    {
      kernel: 'depthwiseWeightGradient',
      chunks,
      args: {
        ...convolutionArguments(context, x, dy, item, chunks, scratch),
        ...{ partials, blockChannels, tapRows, tapColumns, stride, padding },
      },
    },
    addPartialSums('reduceWeightGradient', reduceChunks, {
      ...{ partials, pixelChunks: chunks, dw: context.address(dw), kernelRows, channels },
    }),
  ];
};
