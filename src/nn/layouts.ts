/**
 * Layouts of parameters as stored (weight files, golden files, exports) and as computed by engines: convolutions OIHW
 * and HWIO, depthwise convolutions C1HW and HWC, torchvision's matrices (out, in) and (in, out). Others are equal.
 */

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
  forEachPair(shape, layout, (own, stored) => {
    result[own] = values[stored]!;
  });
  return result;
}

/** An engine's values in the stored layout, in the same type of array. `shape`: that of engines. */
export function toStored<T extends Float32Array | Float64Array>(values: T, shape: Shape, layout: Layout): T {
  const result = values.slice() as T;
  forEachPair(shape, layout, (own, stored) => {
    result[stored] = values[own]!;
  });
  return result;
}

/** Calls `visit` with the indices of each value in both layouts, in the order of the stored one. */
function forEachPair(shape: Shape, layout: Layout, visit: (own: number, stored: number) => void): void {
  const ownStrides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const axes = STORED_AXES[layout] ?? shape.map((_, axis) => axis);
  const strides = axes.map((axis) => (axis === null ? 0 : ownStrides[axis]!));
  const sizes = storedShape(shape, layout);
  let stored = 0;
  const visitFrom = (axis: number, first: number): void => {
    const [size, stride] = [sizes[axis] ?? 1, strides[axis] ?? 0];
    if (axis < sizes.length - 1) for (let i = 0; i < size; i++) visitFrom(axis + 1, first + i * stride);
    else for (let i = 0; i < size; i++) visit(first + i * stride, stored++);
  };
  visitFrom(0, 0);
}
