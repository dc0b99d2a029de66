/** Direct convolutions of codes, of any stride, as kernel calls. */

import { nhwc } from '../../../graph/tensor.js';
import { extentOf } from '../../../ops/window.js';
import type { LoweringContext } from '../lowered.js';
import { chooseItem, DIRECT_WINDOW_BYTES, ITEM_PIXELS, PANEL } from './convolutionItems.js';
import { type IntegerCalls, type IntegerConvolution, packingArguments, windowCalls } from './integerProducts.js';

const LARGEST_CODE = 32767;

export function integerDirect(context: LoweringContext, convolution: IntegerConvolution): IntegerCalls {
  const { operands, results, attributes } = convolution.node;
  const [tapRows, tapColumns, depth, channels] = nhwc(operands.w);
  const [images, height, width] = nhwc(results.y);
  const extent = (count: number, stride: number, taps: number) => (count - 1) * stride + extentOf(taps, 1);
  const windowColumns = extent(width, attributes.columns.stride, tapColumns);
  const windowRows = (rows: number) => extent(rows, attributes.rows.stride, tapRows);
  const pixels = (rows: number) => windowRows(rows) * windowColumns * depth;
  const item = chooseItem(images, height, width, (rows) => pixels(rows) * 4, DIRECT_WINDOW_BYTES, ITEM_PIXELS);
  const scratch = context.workerScratch(item.images * pixels(item.rows) * 2 + 64 + (item.rows * width + 3) * 8);
  const rows = tapRows * tapColumns * depth;
  const weights = context.scratch(rows * channels * 2);
  const shared = { weights, span: 1, windowRows: windowRows(item.rows), windowColumns };
  const { args, chunks, combine } = windowCalls(context, convolution, item, shared, scratch);
  return {
    inputCodes: LARGEST_CODE,
    weightCodes: LARGEST_CODE,
    pack: {
      kernel: 'packIntegerWeights',
      chunks: channels / PANEL,
      args: { ...packingArguments(context, convolution, weights), rows },
    },
    products: [
      {
        kernel: 'convolveIntegers',
        chunks,
        args: { ...args, tapRows, tapColumns, sourceColumnStride: attributes.columns.stride },
      },
      ...combine,
    ],
  };
}
