/**
 * Convolutions of two quantized operands as products of integers (`kernels/integerProducts.ts`). Whether the learned
 * values of a step allow that is decided by a call before the product; if not, floats are multiplied.
 */

import type { Node } from '../../../graph/graph.js';
import { elementCount, nhwc } from '../../../graph/tensor.js';
import type { ArgumentBlock, Grid, KernelCall, LoweringContext } from '../lowered.js';
import { convolutionArguments, gatherMoments, type Item, PANEL, TARGET_CHUNKS } from './convolutionItems.js';
import { integerDirect } from './integerDirect.js';
import { integerWinograd } from './integerWinograd.js';
import { winogradEdge } from './winogradTiles.js';

/** Fewer are not worth a file of kernels that a page would have to fetch, for the evaluation of one image say. */
const FEWEST_PRODUCTS = 2 ** 21;

/** A convolution of quantized operands, as all integer kernels need it. */
export interface IntegerConvolution {
  readonly node: Node<'conv2d'>;
  readonly inputs: Grid;
  readonly weights: Grid;
  /** Address of what the choice has found out, as `IntegerChoice` in the kernels. */
  readonly choice: number;
  /** Address of the largest sum of magnitudes of each panel of weights. */
  readonly sums: number;
}

/** The calls of one way to multiply integers. */
export interface IntegerCalls {
  /** The largest codes for which the kernel's 16 bits have room. */
  readonly inputCodes: number;
  readonly weightCodes: number;
  readonly pack: KernelCall;
  readonly products: readonly KernelCall[];
}

/** The calls of a convolution: with integers where kernels apply and codes fit, else as `floats` lowers it. */
export function lowerQuantized(
  node: Node<'conv2d'>,
  context: LoweringContext,
  floats: () => KernelCall[],
): KernelCall[] {
  const { x, w } = node.operands;
  const { rows, columns } = node.attributes;
  const [, , depth, channels] = nhwc(w);
  const products = (elementCount(node.results.y.shape) * elementCount(w.shape)) / channels;
  const [inputs, weights] = [context.gridOf(x), context.gridOf(w)];
  const isDense = rows.dilation === 1 && columns.dilation === 1;
  const applies = isDense && depth % 8 === 0 && channels % PANEL === 0 && products >= FEWEST_PRODUCTS;
  if (!inputs || !weights || !applies) return floats();

  const panels = channels / PANEL;
  const [choice, sums] = [context.choice(12), context.scratch(panels * 4)];
  const [, height, width] = nhwc(node.results.y);
  const isWinograd = rows.stride === 1 && winogradEdge(w, node.attributes, depth, channels, 1, height, width);
  const lowering = isWinograd ? integerWinograd : integerDirect;
  const [integers, others] = context.alternatives(
    () => lowering(context, { node, inputs, weights, choice, sums }),
    floats,
  );
  const { inputCodes, weightCodes } = integers;
  const only = (is: number) => (call: KernelCall) => ({ ...call, when: { word: choice, is } });
  return [
    integers.pack,
    {
      kernel: 'chooseIntegers',
      chunks: 1,
      args: { choice, inputs: inputs.range, weights: weights.range, inputCodes, weightCodes, sums, panels },
    },
    ...integers.products.map(only(1)),
    ...others.map(only(0)),
  ];
}

/** The first arguments of a packing kernel, as in `kernels/integerProducts.ts`. */
export function packingArguments(
  { address }: LoweringContext,
  { node, weights, sums }: IntegerConvolution,
  target: number,
): ArgumentBlock {
  const { w } = node.operands;
  return { weights: address(w), channels: nhwc(w)[3], target, step: weights.range, sums };
}

/**
 * The first arguments of a kernel that sees windows, as in `kernels/integerWindow.ts`, the chunks, and the call that
 * combines their moments, if these are wanted. `item`: that of the float kernel, so that moments are the same bits.
 */
export function windowCalls(
  context: LoweringContext,
  { node, choice }: IntegerConvolution,
  item: Item,
  own: Readonly<Record<'weights' | 'span' | 'windowRows' | 'windowColumns', number>>,
  scratch: { readonly base: number; readonly stride: number },
): { readonly args: ArgumentBlock; readonly chunks: number; readonly combine: readonly KernelCall[] } {
  const { x } = node.operands;
  const { y, moments } = node.results;
  const { rows, columns } = node.attributes;
  const chunks = Math.min(TARGET_CHUNKS, item.count);
  const combined = gatherMoments(context, moments, chunks, nhwc(y)[3]);
  const args = {
    ...convolutionArguments(context, x, y, item, chunks, scratch),
    ...{ choice, scales: context.scratch(item.count * item.images * 4), moments: combined.blocks },
    ...{ weights: own.weights, span: own.span, sourceRowStride: rows.stride },
    ...{ top: -rows.before, left: -columns.before },
    ...{ windowRows: own.windowRows, windowColumns: own.windowColumns },
  };
  return { args, chunks, combine: combined.calls };
}
