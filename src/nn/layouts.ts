/**
 * Layouts at the borders (weight files, golden files, exports) and inside: convolutions are OIHW outside and HWIO
 * inside, depthwise ones C1HW and HWC; torchvision's matrices are (out, in) outside and (in, out) inside; all else is the same on both sides.
 */

import type { Shape } from '../graph/index.js';

export type Layout = 'convolution' | 'depthwise' | 'transposed' | 'plain';

/** For each border axis, the inside axis it comes from; null for one of size 1 that is only there outside. */
const BORDER_AXES: Readonly<Record<Layout, readonly (number | null)[] | null>> = {
  convolution: [3, 2, 0, 1],
  depthwise: [2, null, 0, 1],
  transposed: [1, 0],
  plain: null,
};

/** The shape outside of a tensor whose shape inside is given. */
export function borderShape(shape: Shape, layout: Layout): number[] {
  return BORDER_AXES[layout]?.map((axis) => (axis === null ? 1 : shape[axis]!)) ?? [...shape];
}

/** Values in the inside layout from those outside; `shape` is the inside shape. */
export function fromBorder(values: ArrayLike<number>, shape: Shape, layout: Layout): Float64Array {
  const result = new Float64Array(values.length);
  forEachPair(shape, layout, (inside, outside) => {
    result[inside] = values[outside]!;
  });
  return result;
}

/** Values in the border layout from those inside; `shape` is the inside shape. The array type is kept. */
export function toBorder<T extends Float32Array | Float64Array>(values: T, shape: Shape, layout: Layout): T {
  const result = values.slice() as T;
  forEachPair(shape, layout, (inside, outside) => {
    result[outside] = values[inside]!;
  });
  return result;
}

function forEachPair(shape: Shape, layout: Layout, visit: (inside: number, outside: number) => void): void {
  const insideStrides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const axes = BORDER_AXES[layout] ?? shape.map((_, axis) => axis);
  const strides = axes.map((axis) => (axis === null ? 0 : insideStrides[axis]!));
  const sizes = borderShape(shape, layout);
  const index = axes.map(() => 0);
  const count = shape.reduce((product, size) => product * size, 1);
  for (let outside = 0; outside < count; outside++) {
    let inside = 0;
    for (let k = 0; k < sizes.length; k++) inside += index[k]! * strides[k]!;
    visit(inside, outside);
    for (let k = sizes.length - 1; k >= 0; k--) {
      index[k]!++;
      if (index[k]! < sizes[k]!) break;
      index[k] = 0;
    }
  }
}
