/**
 * Chooses transient tensors that are stored in 16 bits instead of 32, because they lose nothing by it. A quantizer's
 * values may fit into float16 or fixed point for all parameters within its limits. Tensors that are only read by
 * products on matrix units, which round their operands (scaled gradients) to float16, may as well be rounded when
 * written. If the user has chosen `float16`, results of convolutions and gradients are rounded too.
 */

import { type AnyNode, operandsOf, resultsOf } from '../../graph/graph.js';
import { elementCount, type Tensor } from '../../graph/tensor.js';
import { quantizedTensors } from '../../passes/quantizedTensors.js';
import { type Quantizer, quantizedValues } from '../../quant/index.js';
import type { Format } from './formats.js';
import type { MatrixUnits } from './kernel.js';
import { gradientScale, traitsOf } from './kernelTraits.js';

/** Float16's significand, smallest normal number and largest number. */
const float16 = { levels: 2 ** 11, smallest: 2 ** -14, largest: 65_504 } as const;

/** The largest fixed-point code that is no infinity in float16. */
const largestCode = float16.largest;

/** Smaller tensors are not worth it. */
const fewElements = 1024;

/** Formats of the 16-bit tensors of a phase; all others have their own type. */
export function narrowFormats(calls: readonly AnyNode[], matrixUnits: MatrixUnits | null): ReadonlyMap<Tensor, Format> {
  const exact = exactFormats(calls);
  const rounds = matrixUnits?.precision === 'float16';
  const narrow = new Map<Tensor, Format>();
  for (const call of calls) {
    const [tensor] = resultsOf(call);
    if (!tensor || tensor.view || !storesFours(call, tensor) || elementCount(tensor.shape) < fewElements) continue;
    const format =
      (rounds && roundedFormat(calls, tensor)) ||
      exact.get(tensor) ||
      (matrixUnits?.roundsResults && resultFormat(call, tensor));
    if (format) narrow.set(tensor, format);
  }
  return narrow;
}

function storesFours(call: AnyNode, result: Tensor): boolean {
  switch (traitsOf(call.op).storesFours) {
    case 'always':
      return hasFours(result);
    case 'like operand':
      return hasFours(result) && hasFours(operandsOf(call)[0]);
    case 'never':
      return false;
  }
}

function hasFours(tensor: Tensor | null | undefined): boolean {
  return (tensor?.shape.at(-1) ?? 1) % 4 === 0;
}

/** The format of a result that may be rounded because the user has chosen so; null for others. */
function resultFormat({ op }: AnyNode, tensor: Tensor): Format | null {
  switch (traitsOf(op).mayRound) {
    case 'value':
      return { scale: 1 };
    case 'gradient':
      return { scale: gradientScale(tensor) };
    case null:
      return null;
  }
}

/** The format to which all readers of a tensor round it, if they do. */
function roundedFormat(calls: readonly AnyNode[], tensor: Tensor): Format | null {
  const isReadOnlyAs = (trait: 'rounded' | 'roundedScaled') =>
    calls.every(({ op, operands }) =>
      Object.entries<Tensor | null>(operands).every(
        ([name, other]) => other !== tensor || traitsOf(op)[trait].includes(name),
      ),
    );
  if (isReadOnlyAs('rounded')) return 'float16';
  return isReadOnlyAs('roundedScaled') ? { scale: gradientScale(tensor) } : null;
}

/** Formats that hold every value of a tensor, as far as its quantizer is known. */
function exactFormats(calls: readonly AnyNode[]): ReadonlyMap<Tensor, Format> {
  // A teacher has quantizers of its own.
  const tables = new Map<Tensor, readonly Quantizer[]>();
  for (const call of calls) if (call.op === 'prepareQuantizers') tables.set(call.results.ranges, call.attributes.rows);
  const formats = new Map<Tensor, Format>();
  for (const [tensor, { activation, ranges }] of quantizedTensors(calls)) {
    const quantizer = tables.get(ranges)?.[activation.row];
    const format = quantizer && exactFormat(quantizer);
    if (format) formats.set(tensor, format);
  }
  return formats;
}

function exactFormat(quantizer: Quantizer): Format | null {
  const values = quantizedValues(quantizer);
  if (!values) return null;
  const { form, smallest, largest, levels } = values;
  if (levels <= float16.levels && smallest >= float16.smallest && largest <= float16.largest) return 'float16';
  const isFixedPoint = form === 'multiples' && !quantizer.signed && largest / smallest <= largestCode;
  return isFixedPoint && smallest >= float16.smallest ? { step: smallest } : null;
}
