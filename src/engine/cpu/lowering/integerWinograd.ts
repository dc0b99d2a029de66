/** Stride-1 3×3 convolutions of codes as calls of the kernels of F(4×4, 3×3). */

import { nhwc } from '../../../graph/tensor.js';
import type { ArgumentBlock, KernelCall, LoweringContext } from '../lowered.js';
import { type Item, PANEL, TARGET_CHUNKS, upTo } from './convolutionItems.js';
import { type IntegerCalls, type IntegerConvolution, packingArguments, windowCalls } from './integerProducts.js';
import { cutBlocks, LARGE_WEIGHT_BYTES } from './winograd.js';
import { PASS_BYTES } from './winogradApart.js';
import { partsOfWholeProducts } from './winogradTiles.js';

/** Source codes of the items that are computed at once. */
const WINDOW_BYTES = 96 * 1024;
/** Transformed inputs of a block of tiles, which stay in the second cache beside a panel of weights and of products. */
const BLOCK_BYTES = 160 * 1024;
/** As in `kernels/integerWinograd.ts`. */
const PLACES = 36;
const SKEW_BYTES = 64;
const STAGE_BYTES = PLACES * 16;
const TILE_BYTES = 24;
/**
 * Growth of codes by the transforms of weights, and of inputs with and without signs: (1 + 2 + 4)², 10² and 2² + 8², by the rows
 * (1, 2, 4) of G and (0, −4, −4, 1, 1, 0) of Bᵀ.
 */
const GROWTH = { weights: 49, signed: 100, unsigned: 68 } as const;
const LARGEST_CODE = 32767;

export function integerWinograd(context: LoweringContext, convolution: IntegerConvolution): IntegerCalls {
  const { x, w } = convolution.node.operands;
  const { y } = convolution.node.results;
  const [, , depth, channels] = nhwc(w);
  const width = nhwc(y)[2];
  const strides = { sourceStride: 1, resultStride: 1 };
  const { item } = cutBlocks({ source: x, result: y, edge: 2, groups: 1, top: 0, left: 0, ...strides }, depth).cut;
  const windowColumns = upTo(4, width) + 2;
  const windowBytes = (rows: number) => (upTo(4, rows) + 2) * windowColumns * depth * 2;
  const span = spanOf(item, windowBytes, Math.ceil(item.rows / 4) * Math.ceil(width / 4));
  const [images, rows] = item.bands > 1 ? [1, item.rows * span] : [item.images * span, item.rows];
  const tiles = images * Math.ceil(rows / 4) * Math.ceil(width / 4);
  const blockTiles = Math.min(64, Math.max(16, Math.floor(BLOCK_BYTES / (2 * PLACES * depth) / 4) * 4));
  const blockBytes = PLACES * (blockTiles * (2 * depth + 4 * PANEL) + 2 * SKEW_BYTES);
  const scratch = context.workerScratch(
    STAGE_BYTES + images * windowBytes(rows) + 64 + blockBytes + tiles * TILE_BYTES,
  );
  const isApart = 2 * PLACES * depth * channels >= LARGE_WEIGHT_BYTES;
  const [panels, bytes] = [channels / PANEL, depth * PANEL * 2];
  // Weights lie in the order in which they are read: in both orders no power of two apart.
  const distances = isApart
    ? { panelDistance: bytes, placeDistance: panels * bytes + SKEW_BYTES }
    : { panelDistance: PLACES * (bytes + SKEW_BYTES), placeDistance: bytes + SKEW_BYTES };
  const weights = context.scratch(panels * PLACES * (bytes + SKEW_BYTES));
  const shared = { weights, span, windowRows: upTo(4, rows) + 2, windowColumns };
  const { args, chunks, combine } = windowCalls(context, convolution, item, shared, scratch);
  const own = { ...args, ...distances, blockTiles };
  const products = isApart
    ? apart(context, own, chunks, mostTiles(item, span, tiles), 2 * depth + 4 * channels)
    : [{ kernel: 'convolveIntegerWinograd', chunks, args: own }];
  return {
    inputCodes: Math.floor(LARGEST_CODE / GROWTH[convolution.inputs.signed ? 'signed' : 'unsigned']),
    weightCodes: Math.floor(LARGEST_CODE / GROWTH.weights),
    pack: {
      kernel: 'packIntegerWinogradWeights',
      chunks: panels,
      args: {
        ...packingArguments(context, convolution, weights),
        ...{ depth, ...distances, stage: scratch.base, stageStride: scratch.stride },
      },
    },
    products: [...products, ...combine],
  };
}

/**
 * Items that are computed at once: bands of an image, of `tiles` each, or images, whose window fits, and a few more if that fills
 * products, but no more than a chunk has.
 */
function spanOf(item: Item, windowBytes: (rows: number) => number, tiles: number): number {
  const { count, bands, images, rows } = item;
  const bytes = (span: number) => (bands > 1 ? windowBytes(rows * span) : windowBytes(rows) * images * span);
  const most = Math.min(itemsOfChunk(item), bands > 1 ? bands : count);
  let span = 1;
  while (span < most && bytes(span + 1) <= WINDOW_BYTES) span++;
  return Math.min(most, upTo(partsOfWholeProducts(images * tiles), span));
}

function itemsOfChunk({ count }: Item): number {
  return Math.ceil(count / Math.min(TARGET_CHUNKS, count));
}

/** Tiles of the chunk that has most, whose items are computed together as in `kernels/integerWindow.ts`. */
function mostTiles(item: Item, span: number, tiles: number): number {
  const chunks = Math.min(TARGET_CHUNKS, item.count);
  const parts = Array.from({ length: chunks }, (_, chunk) => {
    const end = Math.floor(((chunk + 1) * item.count) / chunks);
    let count = 0;
    for (let first = Math.floor((chunk * item.count) / chunks); first < end; count++) {
      const imageEnd = item.bands > 1 ? (Math.floor(first / item.bands) + 1) * item.bands : end;
      first = Math.min(first + span, end, imageEnd);
    }
    return count;
  });
  return Math.max(...parts) * tiles;
}

/** The steps as calls of their own, for some chunks at a time. `bytes`: of a place of a tile, inputs and products. */
function apart(
  context: LoweringContext,
  args: ArgumentBlock,
  chunks: number,
  chunkTiles: number,
  bytes: number,
): KernelCall[] {
  const step = Math.min(chunks, Math.ceil(PASS_BYTES / (PLACES * bytes * chunkTiles)));
  const stepTiles = upTo(4, step * chunkTiles);
  const transformed = context.scratch(PLACES * (bytes * stepTiles + 2 * SKEW_BYTES));
  return Array.from({ length: Math.ceil(chunks / step) }, (_, pass) => {
    const firstChunk = pass * step;
    const stepChunks = Math.min(step, chunks - firstChunk);
    const own = { ...args, firstChunk, stepChunks, stepTiles, transformed };
    return [
      { kernel: 'transformIntegerInputs', chunks: stepChunks, args: own },
      { kernel: 'multiplyIntegers', chunks: 2 * PLACES, args: own },
      { kernel: 'transformIntegerResults', chunks: stepChunks, args: own },
    ];
  }).flat();
}
