/**
 * Gradients of convolutions in tiles of rows of images (`rowTiles.ts`, `rowTileGradient.ts`) as kernel calls, together with what
 * saves passes over tensors and dispatches: the reduction of a batch normalisation, and sums of other kernels.
 */

import type { Node } from '../../../graph/graph.js';
import {
  type BufferPlan,
  bufferOperand,
  type KernelCall,
  kernelSource,
  type PartialSums,
  type Placement,
  tensorOperand,
} from '../kernel.js';
import { gradientScale } from '../kernelTraits.js';
import { noReduction, type ReductionBehind, reductionInProduct, reductionRequests } from './batchNormGradient.js';
import { type ConvolutionSizes, convolutionSizes } from './convolutionSizes.js';
import { octetsIf, onMatrixUnits } from './onMatrixUnits.js';
import { pixelsInTurn, type RowTile, type RowTileProduct, threadsOf } from './rowTiles.js';
import { slidingRotated } from './slidingWindow.js';
import { addedSums, sumsRequests } from './sums.js';

/** The input gradient in tiles of rows; null if it would need too many buffers for the reduction behind it. */
export function rowsInputGradient(
  node: Node<'conv2dInputGradient'>,
  placement: Placement,
  shape: RowTile,
  behind: ReductionBehind | null,
): KernelCall[] | null {
  const { dy, w, addend } = node.operands;
  const sizes = convolutionSizes(node.results.dx, w, dy, node.attributes);
  const dx = behind?.storesDz ? behind.node.results.dz : node.results.dx;
  const { inputPixels: m, inputChannels: n } = sizes;
  const groups = Math.ceil(m / pixelsInTurn(shape));
  const reduction = behind && reductionRequests(behind, placement, groups);
  const requests = {
    dy: tensorOperand(placement, dy, 'read'),
    w: tensorOperand(placement, w, 'read'),
    addend: addend && tensorOperand(placement, addend, 'read'),
    dx: tensorOperand(placement, dx, 'write'),
    ...(reduction?.requests ?? noReduction),
  };
  if (new Set(Object.values(requests).flatMap((request) => request?.buffer ?? [])).size > placement.mostBuffers)
    return null;
  const { operands, parameter, finish } = kernelSource(
    requests,
    ['dy', 'w', 'addend', 'dx', ...(reduction?.wide ?? [])],
    octetsIf(placement, sizes.outputChannels, ['w', 'dy']),
  );
  const product: RowTileProduct = {
    ...{ sizes, shape, direction: 'backward', x: operands.dy, weights: slidingRotated(sizes, operands.w, n) },
    scaledA: gradientScale(dy),
    addend: addend && operands.addend.load4,
    store: operands.dx.store4,
    end: behind && reductionInProduct(behind, groups, operands, parameter),
  };
  const name = `conv2dInputGradient ${dx.name}`;
  const call = finish(name, [groups], ...onMatrixUnits(placement, 'rowTileProduct', product));
  return reduction ? [call, reduction.finish] : [call];
}

/** The weight gradient in tiles of rows, perhaps beside sums of other kernels. */
export function rowsWeightGradient(
  node: Node<'conv2dWeightGradient'>,
  placement: Placement,
  shape: RowTile,
  sizes: ConvolutionSizes,
  partials: BufferPlan | null,
  tables: readonly PartialSums[] = [],
): KernelCall {
  const { x, dy } = node.operands;
  const { dw } = node.results;
  const { inputChannels, outputChannels, outputPixels } = sizes;
  const groups = Math.ceil(outputPixels / (shape.k * shape.inTurn));
  const { operands, finish } = kernelSource<string>(
    {
      x: tensorOperand(placement, x, 'read'),
      dy: tensorOperand(placement, dy, 'read'),
      dw: partials ? bufferOperand(partials, 'write') : tensorOperand(placement, dw, 'write'),
      ...sumsRequests(placement, tables),
    },
    ['x', 'dy', 'dw'],
    [...octetsIf(placement, inputChannels, ['x']), ...octetsIf(placement, outputChannels, ['dy'])],
  );
  const added = tables.length > 0 ? addedSums(tables, operands, threadsOf(shape)) : null;
  const gradient = {
    ...{ sizes, shape, x: operands.x!, dy: operands.dy!, scaledB: gradientScale(dy), store: operands.dw!.store4 },
    beside: added && { from: groups, ...added },
  };
  const kernel = onMatrixUnits(placement, 'rowTileGradient', gradient);
  const call = finish(`conv2dWeightGradient ${dw.name}`, [groups + (added?.groups ?? 0)], ...kernel);
  const beside = (others: readonly PartialSums[]) =>
    rowsWeightGradient(node, placement, shape, sizes, partials, others);
  return tables.length > 0 ? call : { ...call, beside };
}
