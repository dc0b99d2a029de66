/**
 * Layouts of parameters as stored (weight files, golden files, exports) and as computed by engines: convolutions OIHW
 * and HWIO, depthwise convolutions C1HW and HWC, torchvision's matrices (out, in) and (in, out). Others are equal.
 */

import { elementCount } from '../elementCount.js';
import type { Shape } from '../graph/index.js';

export type Layout = 'convolution' | 'depthwise' | 'transposed' | 'plain';

/** The engines' axis for each stored axis; null for one of size 1 that only the stored shape has. */
const STORED_AXES: Readonly<Record<Layout, readonly (number | null)[] | null>> = {
  convolution: [3, 2, 0, 1],
  depthwise: [2, null, 0, 1],
  transposed: [1, 0],
  plain: null,
};

/** The stored shape of a tensor with an engine's shape. */
export function storedShape(shape: Shape, layout: Layout): number[] {
  return STORED_AXES[layout]?.map((axis) => (axis === null ? 1 : shape[axis]!)) ?? [...shape];
}

/** Stored values in the engines' layout. `shape`: that of engines. */
export function fromStored(values: ArrayLike<number>, shape: Shape, layout: Layout): Float64Array {
  const result = new Float64Array(values.length);
  forEachRow(shape, layout, (own, stored, stride, length) => {
    for (let i = 0; i < length; i++) result[own + i] = values[stored + i * stride]!;
  });
  return result;
}

/** An engine's values in the stored layout, in the same type of array. `shape`: that of engines. */
export function toStored<T extends Float32Array | Float64Array>(values: T, shape: Shape, layout: Layout): T {
  const result = values.slice() as T;
  if (layout === 'plain') return result;
  forEachRow(shape, layout, (own, stored, stride, length) => {
    for (let i = 0; i < length; i++) result[stored + i * stride] = values[own + i]!;
  });
  return result;
}

/**
 * Calls `visit` for each row of an engine's last axis: the place of its first value in both layouts, the distance
 * between neighbours in the stored one, and their number. Rows are long, so that copying them needs few calls.
 */
function forEachRow(
  shape: Shape,
  layout: Layout,
  visit: (own: number, stored: number, stride: number, length: number) => void,
): void {
  const axes = STORED_AXES[layout] ?? shape.map((_, axis) => axis);
  const sizes = storedShape(shape, layout);
  const strides = shape.map((_, axis) => elementCount(sizes.slice(axes.indexOf(axis) + 1)));
  const last = shape.length - 1;
  const [length, stride] = [shape[last] ?? 1, strides[last] ?? 1];
  let own = 0;
  const visitFrom = (axis: number, stored: number): void => {
    if (axis < last) {
      for (let i = 0; i < shape[axis]!; i++) visitFrom(axis + 1, stored + i * strides[axis]!);
      return;
    }
    visit(own, stored, stride, length);
    own += length;
  };
  visitFrom(0, 0);
}
