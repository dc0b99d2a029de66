/** Windows without weights, the five forms of a global average, and zeros around images. */

import { type NodeContext, sidesOfPads } from './nodeContext.js';
import { imageOf, type Known } from './outputs.js';
import { fromFirst } from './shapeArithmetic.js';
import { passedOn } from './shapes.js';

/** @param countsPadding true if an average counts the zeros around the image */
export function pool(context: NodeContext, kind: 'maxPool' | 'averagePool', countsPadding = false): Known {
  const { n, node } = context;
  const x = context.output();
  if (node.outputs.length > 1 && node.outputs[1] !== '') throw context.fault('places of the maxima');
  const kernel = context.numbers('kernel_shape');
  if (kernel?.length !== x.shape.length - 2) throw context.fault(`a window [${kernel}] on [${x.shape}]`);
  const window = context.window(kernel, x.shape.slice(2));
  if (window.dilation && isSame(context)) {
    throw context.fault('auto_pad of dilated windows, which runtimes pad in other ways than ONNX says; give its pads');
  }
  const name = context.plainName(kind);
  const value = n[kind](imageOf(context, x), { ...window, name, ...(countsPadding && { countsPadding }) });
  const [rows, columns, channels] = value.shape;
  return { shape: [1, channels!, ...(x.shape.length === 3 ? [] : [rows!]), columns!], value: () => value };
}

export function averagePool(context: NodeContext): Known {
  const { shape } = context.output();
  const kernel = context.numbers('kernel_shape') ?? [];
  const pads = context.numbers('pads') ?? [0];
  const isPadded = pads.some((count) => count > 0) || isSame(context);
  if (!isPadded && kernel.join() === shape.slice(2).join()) return globalAverage(context, true);
  return pool(context, 'averagePool', isPadded && context.number('count_include_pad', 0) === 1);
}

/** True if there are as many windows as strides fit, with zeros around the image for it. */
function isSame(context: NodeContext): boolean {
  return context.text('auto_pad', 'NOTSET').startsWith('SAME');
}

export function reduceMean(context: NodeContext): Known {
  const { shape } = context.output();
  const axes = fromFirst(context.axes, shape.length);
  const all = shape.slice(2).map((_, index) => index + 2);
  if (all.length === 0 || axes.toSorted().join() !== all.join()) throw context.fault(`over the axes ${axes}`);
  return globalAverage(context, context.number('keepdims', 1) === 1);
}

export function globalAverage(context: NodeContext, keepsAxes: boolean): Known {
  const x = context.output();
  const [, channels, ...sizes] = x.shape;
  if (sizes.length === 0) throw context.fault(`of [${x.shape}]`);
  const value = context.n.globalAverage(imageOf(context, x), { name: context.plainName('globalAverage') });
  return { shape: [1, channels!, ...(keepsAxes ? sizes.map(() => 1) : [])], value: () => value };
}

export function pad(context: NodeContext): Known {
  const x = context.output();
  const pads = context.numbers('pads') ?? [...context.needed(1).values];
  const rank = x.shape.length;
  if (pads.length === 2 * rank && pads.every((count) => count === 0)) return passedOn(context);
  const value = context.constant(2)?.values[0] ?? context.number('value', 0);
  const inner = [...pads.slice(2, rank), ...pads.slice(rank + 2)];
  const isOfPixels = pads.length === 2 * rank && rank > 2 && [0, 1, rank, rank + 1].every((at) => pads[at] === 0);
  if (
    context.text('mode', 'constant') !== 'constant' ||
    value !== 0 ||
    !isOfPixels ||
    context.constant(3) ||
    inner.some((count) => count < 0)
  ) {
    throw context.fault('other than zeros around an image');
  }
  const shape = x.shape.map((size, axis) => size + pads[axis]! + pads[axis + rank]!);
  return {
    shape,
    padding: sidesOfPads(inner),
    value: x.value,
  };
}
