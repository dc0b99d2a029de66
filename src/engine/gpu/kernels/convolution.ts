/**
 * Convolution and its two gradients as implicit matrix products (`convolutionTile.ts`), in float32.
 *
 * | | rows | columns | summed over |
 * |---|---|---|---|
 * | forward | output pixels | output channels | taps × input channels |
 * | input gradient | input pixels | input channels | taps × output channels |
 * | weight gradient | taps × input channels | output channels | output pixels, cut into parts that are added in order |
 */

import type { Node, OpName } from '../../../graph/graph.js';
import {
  bufferOperand,
  isInPlace,
  type KernelCall,
  kernelSource,
  type Operand,
  type Placement,
  tensorOperand,
} from '../kernel.js';
import { gradientScale } from '../kernelTraits.js';
import { lanesFor, wideIf } from '../lanes.js';
import type { Lowering } from '../lowering.js';
import type { ReductionBehind } from './batchNormGradient.js';
import { type ConvolutionSizes, convolutionSizes } from './convolutionSizes.js';
import {
  hasPhases,
  inputPhases,
  isPointwise,
  matrixColumns,
  matrixRows,
  reached,
  rotated,
  windowColumns,
  windows,
} from './convolutionSources.js';
import { type StripProduct, type TileProduct, type TileShape, tileDispatch, tileProduct } from './convolutionTile.js';
import { directTiles, gradientSplits, pixelTiles, weightTiles } from './convolutionTileShapes.js';
import { convolutionOfGroups, weightGradientOfGroups } from './groupedConvolution.js';
import { finishMoments, momentsEpilogue, rowPerPixel, type TileRows } from './moments.js';
import { matrixKernels, octetsIf, onMatrixUnits } from './onMatrixUnits.js';
import { isRowTile, pixelsInTurn, type RowTileProduct } from './rowTiles.js';
import {
  type Positions,
  positionsOf,
  slidingColumns,
  slidingRotated,
  slidingRows,
  slidingTaps,
  slidingUpstream,
  slidingWeights,
} from './slidingWindow.js';
import { finishSums } from './sums.js';

/**
 * A convolution that also computes the moments of its result. `statistics`: the only node that reads them, which the
 * kernel that finishes them then computes.
 */
export function conv2d(
  node: Node<'conv2d'>,
  placement: Placement,
  statistics: Node<'batchStatistics'> | null = null,
): KernelCall[] {
  const { x, w } = node.operands;
  const { y, moments } = node.results;
  const sizes = convolutionSizes(x, w, y, node.attributes);
  const { outputPixels: m, outputChannels: n, inputChannels, taps } = sizes;
  const shape = pixelTile(placement, 'conv2d', sizes, m, n);
  if (shape.isDirect) return convolutionOfGroups(node, 1, placement, statistics);
  const positions = shape.slides ? positionsOf(sizes) : null;
  const rows = positions ? rowPerPosition(positions) : rowPerPixel(m, shape.m);
  const tile = isRowTile(shape) ? pixelsInTurn(shape) : shape.m;
  const partials = moments ? placement.scratch(Math.ceil(rows.count / tile) * 2 * n) : null;
  const { operands, finish } = kernelSource(
    {
      x: tensorOperand(placement, x, 'read'),
      w: tensorOperand(placement, w, 'read'),
      y: tensorOperand(placement, y, 'write'),
      partials: partials && bufferOperand(partials, 'write'),
    },
    [...wideIf(lanesFor(inputChannels), ['x'] as const), ...wideIf(lanesFor(n), ['w', 'y'] as const)],
    [...octetsIf(placement, inputChannels, ['x']), ...octetsIf(placement, n, ['w'])],
  );
  const common = {
    n,
    shape,
    splits: 1,
    ...weightScale(placement),
    ...(moments && { epilogue: momentsEpilogue(shape, rows, n, operands.partials) }),
  };
  const label = `conv2d ${y.name}`;
  const calls = (call: KernelCall): KernelCall[] =>
    partials ? [call, ...finishMoments(placement, label, partials, { m, n, rows, tile }, moments, statistics)] : [call];
  if (isRowTile(shape)) {
    const product: RowTileProduct = {
      ...{ sizes, shape, direction: 'forward', x: operands.x, weights: slidingWeights(sizes, operands.w, shape) },
      store: operands.y.store4,
      end: moments && matrixKernels(placement).momentsEnd(shape, m, operands.partials),
    };
    return calls(finish(label, [Math.ceil(m / tile)], ...onMatrixUnits(placement, 'rowTileProduct', product)));
  }
  const store = storeRow(operands.y, m, n);
  const product: TileProduct | StripProduct = positions
    ? {
        ...common,
        m: positions.count,
        k: inputChannels,
        a: slidingRows(operands.x, inputChannels, positions, positions.before),
        b: slidingWeights(sizes, operands.w, shape),
        sliding: slidingTaps(sizes, positions),
        place: pixelAt,
        store,
      }
    : shape.strips
      ? {
          ...{ ...common, m, store },
          ...matrixKernels(placement).stripForward(sizes, operands.x, operands.w),
        }
      : {
          ...common,
          m,
          k: taps * inputChannels,
          a: isPointwise(sizes)
            ? matrixColumns('window', operands.x, m, inputChannels, { across: shape.m, depth: shape.k })
            : windows(sizes, operands.x, shape.k),
          b: matrixRows('weight', operands.w, taps * inputChannels, n, shape),
          store,
        };
  return calls(finish(label, tileDispatch(product), ...productSource(product, placement)));
}

export const conv2dInputGradient: Lowering<'conv2dInputGradient'> = (node, placement) => {
  const { dy, w, addend } = node.operands;
  const { dx } = node.results;
  const sizes = convolutionSizes(dx, w, dy, node.attributes);
  const { inputPixels: m, inputChannels: n, outputChannels, taps } = sizes;
  const shape = pixelTile(placement, 'conv2dInputGradient', sizes, m, n);
  if (isRowTile(shape)) return matrixKernels(placement).rowsInputGradient(node, placement, shape, null)!;
  const { operands, finish } = kernelSource(
    {
      dy: tensorOperand(placement, dy, 'read'),
      w: tensorOperand(placement, w, 'read'),
      addend: addend && tensorOperand(placement, addend, 'read'),
      dx: tensorOperand(placement, dx, 'write'),
    },
    [...wideIf(lanesFor(outputChannels), ['dy', 'w'] as const), ...wideIf(lanesFor(n), ['addend', 'dx'] as const)],
    octetsIf(placement, outputChannels, ['w', 'dy']),
  );
  const positions = shape.slides ? positionsOf(sizes) : null;
  const phases =
    !positions && !isPointwise(sizes) && outputChannels % shape.k === 0 && hasPhases(sizes)
      ? inputPhases(sizes, operands.dy, operands.w, shape.n, addend !== null && isInPlace(addend, dx, placement))
      : null;
  const store = storeRow(operands.dx, m, n, addend ? operands.addend : undefined);
  const addendAt = (place: string, column: string) =>
    operands.addend.load4(`select(0u, (${place} * ${n}u + ${column}) / 4u, ${place} < ${m}u && ${column} < ${n}u)`);
  const common = {
    n,
    shape,
    scaledA: gradientScale(dy),
    ...weightScale(placement),
    ...(addend && n % 4 === 0 && { ahead: { addend: addendAt } }),
  };
  const k = taps * outputChannels;
  const product: TileProduct = positions
    ? {
        ...common,
        m: positions.count,
        k: outputChannels,
        splits: 1,
        a: slidingRows(operands.dy, outputChannels, positions, positions.after),
        b: slidingRotated(sizes, operands.w, shape.n),
        sliding: slidingTaps(sizes, positions, 'backward'),
        place: pixelAt,
        store,
      }
    : phases
      ? {
          ...common,
          m: phases.pixels,
          k,
          splits: phases.count,
          range: { begin: '0u', end: phases.end },
          prologue: phases.prologue,
          a: phases.a,
          b: phases.b,
          place: phases.pixel,
          store,
        }
      : isPointwise(sizes)
        ? {
            ...{ ...common, m, k, splits: 1, store },
            a: matrixColumns('reached', operands.dy, m, k, { across: shape.m, depth: shape.k }),
            b: matrixColumns('rotated', operands.w, n, k, { across: shape.n, depth: shape.k }),
          }
        : { ...common, m, k, splits: 1, a: reached(sizes, operands.dy), b: rotated(sizes, operands.w), store };
  return [finish(`conv2dInputGradient ${dx.name}`, tileDispatch(product), ...productSource(product, placement))];
};

/**
 * An input gradient that also computes the reduction of the batch normalisation whose upstream gradient it is, if its tiles are
 * rows of images and the device allows as many buffers: both, and the kernel that adds up partial sums. Null if not.
 */
export function reducedInputGradient(
  node: Node<'conv2dInputGradient'>,
  placement: Placement,
  behind: ReductionBehind,
): KernelCall[] | null {
  const { dy, w } = node.operands;
  const { dx } = node.results;
  const sizes = convolutionSizes(dx, w, dy, node.attributes);
  const shape = pixelTile(placement, 'conv2dInputGradient', sizes, sizes.inputPixels, sizes.inputChannels);
  return isRowTile(shape) ? matrixKernels(placement).rowsInputGradient(node, placement, shape, behind) : null;
}

export const conv2dWeightGradient: Lowering<'conv2dWeightGradient'> = (node, placement) => {
  const { x, dy } = node.operands;
  const { dw } = node.results;
  const sizes = convolutionSizes(x, dw, dy, node.attributes);
  const { inputChannels, outputChannels: n, outputPixels, taps } = sizes;
  const m = taps * inputChannels;
  const { matrixUnits } = placement;
  const [firstTile, ...others] = matrixUnits
    ? [
        ...matrixUnits.kernels.matrixWeightTiles(sizes, matrixUnits),
        ...matrixUnits.kernels.weightRowTiles(sizes, matrixUnits),
      ]
    : weightTiles(m, n);
  const tiles = [firstTile!, ...directTiles(sizes), ...others];
  const shape = placement.tile(tileKey('conv2dWeightGradient', sizes, tiles.length), tiles);
  if (shape.isDirect) return weightGradientOfGroups(node, 1, placement);
  const positions = shape.slides ? positionsOf(sizes) : null;
  const k = positions?.count ?? outputPixels;
  const splits = isRowTile(shape)
    ? Math.ceil(k / (shape.k * shape.inTurn))
    : gradientSplits(shape.strips ? shape.m : m, n, k, shape);
  const partials = splits > 1 ? placement.scratch(splits * m * n) : null;
  const label = `conv2dWeightGradient ${dw.name}`;
  const calls = (call: KernelCall): KernelCall[] =>
    partials
      ? [call, finishSums(placement, `${label} sum`, [{ partials, start: 0, rows: splits, results: [dw] }])]
      : [call];
  if (isRowTile(shape)) {
    return calls(matrixKernels(placement).rowsWeightGradient(node, placement, shape, sizes, partials));
  }
  const { operands, finish } = kernelSource(
    {
      x: tensorOperand(placement, x, 'read'),
      dy: tensorOperand(placement, dy, 'read'),
      dw: partials ? bufferOperand(partials, 'write') : tensorOperand(placement, dw, 'write'),
    },
    [...wideIf(lanesFor(inputChannels), ['x'] as const), ...wideIf(lanesFor(n), ['dy', 'dw'] as const)],
    [...octetsIf(placement, inputChannels, ['x']), ...octetsIf(placement, n, ['dy'])],
  );
  const store = storeRow(operands.dw, m, n, undefined, splits > 1 ? `group.z * ${m * n}u` : undefined);
  const common = { m, n, k, shape, splits, scaledB: gradientScale(dy) };
  const product: TileProduct | StripProduct = positions
    ? {
        ...common,
        a: slidingColumns(operands.x, inputChannels, positions, shape),
        b: slidingUpstream(operands.dy, n, positions, shape),
        sliding: slidingTaps(sizes, positions),
        place: placeInTaps(shape.m / taps, inputChannels),
        store,
      }
    : shape.strips
      ? {
          ...{ ...common, m: shape.m, store },
          ...matrixKernels(placement).stripWeightGradient(sizes, operands.x, operands.dy),
        }
      : {
          ...common,
          a: isPointwise(sizes)
            ? matrixRows('window', operands.x, k, m, { n: shape.m, k: shape.k })
            : windowColumns(sizes, operands.x, shape.k),
          b: matrixRows('upstream', operands.dy, k, n, shape),
          store,
        };
  return calls(finish(label, tileDispatch(product), ...productSource(product, placement)));
};

/** The product on the device's matrix units if there are any, else in float32: source and directives. */
function productSource(product: TileProduct | StripProduct, placement: Placement): [body: string, header: string] {
  if (placement.matrixUnits) return onMatrixUnits(placement, 'matrixTileProduct', product);
  if ('pixels' in product.a) throw new Error('strips are for matrix units');
  return [tileProduct({ ...product, a: product.a }), ''];
}

function pixelTile(
  placement: Placement,
  op: 'conv2d' | 'conv2dInputGradient',
  sizes: ConvolutionSizes,
  m: number,
  n: number,
): TileShape {
  const { matrixUnits } = placement;
  const [first, ...others] = matrixUnits
    ? [
        ...matrixUnits.kernels.matrixPixelTiles(op, n, sizes, matrixUnits),
        ...matrixUnits.kernels.pixelRowTiles(op, sizes, matrixUnits),
      ]
    : pixelTiles(m, n);
  const tiles = [first!, ...(op === 'conv2d' ? directTiles(sizes) : []), ...others];
  return placement.tile(tileKey(op, sizes, tiles.length), tiles);
}

/** Names a product by everything that its time depends on, and by its candidate tiles. */
function tileKey(op: OpName, sizes: ConvolutionSizes, tiles: number): string {
  const { inputHeight, inputWidth, inputChannels, outputChannels, outputPixels, taps, rows, columns } = sizes;
  const both = (a: number, b: number) => (a === b ? `${a}` : `${a}x${b}`);
  const dilation = both(rows.dilation, columns.dilation);
  const window = `${taps} taps / ${both(rows.stride, columns.stride)}${dilation === '1' ? '' : ` * ${dilation}`}`;
  return `${op} ${inputHeight}x${inputWidth}x${inputChannels} to ${outputPixels}x${outputChannels}, ${window}, of ${tiles}`;
}

/**
 * The factor that lifts the low halves of weights out of f16's subnormal range; weights above 1023 would be clamped.
 */
function weightScale({ matrixUnits }: Placement): Pick<TileProduct, 'scaledB'> {
  return matrixUnits?.precision === 'float16x2' ? { scaledB: 2 ** 6 } : {};
}

/** The rows of a sliding tile: all positions, of which some are pixels. */
function rowPerPosition({ declarations, count, pixels }: Positions): TileRows {
  return {
    count,
    declarations,
    before: (row) => `pixelsBefore(min(${row}, ${count}u))`,
    exists: (place) => `${place} < ${pixels}u`,
    isFull: false,
  };
}

/** The place of a position: its pixel, or behind all of them if it has none. */
function pixelAt(row: string): string {
  return `pixelAt(${row})`;
}

/** The places of rows of a sliding tile, which has some of the channels for every tap, in the weights. */
function placeInTaps(channelsHere: number, channels: number): (row: string) => string {
  return (row) => `(${row} - firstA) / ${channelsHere}u * ${channels}u + firstA + (${row} - firstA) % ${channelsHere}u`;
}

/**
 * Stores four neighbours of a row of C, whose rows begin at element `start`, plus an addend of the same shape, which has been
 * loaded as `addend` where channels come in fours.
 */
function storeRow(c: Operand, m: number, n: number, addend?: Operand, start?: string): TileProduct['store'] {
  const base = start ? `${start} + ` : '';
  return (row, column, value) => {
    if (n % 4 === 0) {
      const at = `(${base}${row} * ${n}u + ${column}) / 4u`;
      const sum = addend ? `${value} + addend` : value;
      return `if (${row} < ${m}u && ${column} < ${n}u) { ${c.store4(at, sum)} }`;
    }
    const singles = [0, 1, 2, 3].map((i) => {
      const at = `${base}${row} * ${n}u + ${column} + ${i}u`;
      const sum = `${value}[${i}]${addend ? ` + ${addend.load(at)}` : ''}`;
      return `if (${column} + ${i}u < ${n}u) { ${c.store(at, sum)} }`;
    });
    return `if (${row} < ${m}u) { ${singles.join(' ')} }`;
  };
}
