/**
 * The stored layout (weight files, golden files, exports) and the engines': convolutions are stored as OIHW and computed
 * as HWIO, depthwise ones as C1HW and HWC, torchvision's matrices as (out, in) and (in, out); all else is the same.
 */

import type { Shape } from '../graph/index.js';

export type Layout = 'convolution' | 'depthwise' | 'transposed' | 'plain';

/** For each stored axis, the axis of engines it comes from; null for one of size 1 that is only stored. */
const STORED_AXES: Readonly<Record<Layout, readonly (number | null)[] | null>> = {
  convolution: [3, 2, 0, 1],
  depthwise: [2, null, 0, 1],
  transposed: [1, 0],
  plain: null,
};

/** The stored shape of a tensor with this shape on engines. */
export function storedShape(shape: Shape, layout: Layout): number[] {
  return STORED_AXES[layout]?.map((axis) => (axis === null ? 1 : shape[axis]!)) ?? [...shape];
}

/** Values in the engines' layout from stored ones; `shape` is that on engines. */
export function fromStored(values: ArrayLike<number>, shape: Shape, layout: Layout): Float64Array {
  const result = new Float64Array(values.length);
  forEachPair(shape, layout, (own, stored) => {
    result[own] = values[stored]!;
  });
  return result;
}

/** Values in the stored layout from an engine's; `shape` is that on engines. The array type is kept. */
export function toStored<T extends Float32Array | Float64Array>(values: T, shape: Shape, layout: Layout): T {
  const result = values.slice() as T;
  forEachPair(shape, layout, (own, stored) => {
    result[stored] = values[own]!;
  });
  return result;
}

function forEachPair(shape: Shape, layout: Layout, visit: (own: number, stored: number) => void): void {
  const ownStrides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const axes = STORED_AXES[layout] ?? shape.map((_, axis) => axis);
  const strides = axes.map((axis) => (axis === null ? 0 : ownStrides[axis]!));
  const sizes = storedShape(shape, layout);
  const index = axes.map(() => 0);
  const count = shape.reduce((product, size) => product * size, 1);
  for (let stored = 0; stored < count; stored++) {
    let own = 0;
    for (let k = 0; k < sizes.length; k++) own += index[k]! * strides[k]!;
    visit(own, stored);
    for (let k = sizes.length - 1; k >= 0; k--) {
      index[k]!++;
      if (index[k]! < sizes[k]!) break;
      index[k] = 0;
    }
  }
}
