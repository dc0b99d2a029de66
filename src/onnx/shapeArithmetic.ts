/**
 * Constant folding for the arithmetic by which exporters compute shapes (Shape → Gather → Unsqueeze → Concat →
 * Reshape) and tables of zeros around images (ConstantOfShape → Concat → Reshape → Slice → Transpose → Reshape). Since
 * all shapes are known, nothing of it remains. Numbers to compute with have at most one axis, as shapes do; views and
 * parts of constants have any shape.
 */

import { elementCount } from '../elementCount.js';
import { type Constant, isConstant, type OnnxNode } from './onnxGraph.js';

/** The result of a node with constant operands (null for an absent one); null if the operator is not supported. */
export function folded(node: OnnxNode, inputs: readonly (Constant | null)[]): Constant | null {
  const [x, second] = inputs;
  if (!x) return null;
  const list = (constant: Constant | null | undefined): number[] | null =>
    constant && constant.shape.length <= 1 ? [...constant.values] : null;
  const axesOf = () => numbers(node.attributes.axes) ?? list(second) ?? null;
  switch (node.op) {
    case 'Identity':
    case 'Dropout':
      return x;
    case 'Cast':
      return isWholeType(node.attributes.to) ? whole(x.shape, [...x.values].map(Math.trunc)) : { ...x, isWhole: false };
    case 'Squeeze': {
      const given = axesOf();
      const axes = given && fromFirst(given, x.shape.length);
      return { ...x, shape: x.shape.filter((size, axis) => (axes ? !axes.includes(axis) : size !== 1)) };
    }
    case 'Unsqueeze': {
      const axes = axesOf();
      const shape = axes && unsqueezed(x.shape, axes);
      return shape && { ...x, shape };
    }
    case 'ConstantOfShape': {
      const sizes = list(x);
      const { value: fill = { ...whole([1], [0]), isWhole: false } } = node.attributes;
      if (!sizes?.every((size) => Number.isInteger(size) && size >= 0) || !isConstant(fill)) return null;
      if (elementCount(sizes) > mostNumbers) return null;
      return { ...whole(sizes, Array(elementCount(sizes)).fill(fill.values[0])), isWhole: fill.isWhole };
    }
    case 'Reshape': {
      const wanted = list(second);
      const shape = wanted && reshaped(x.shape, wanted);
      return shape && { ...x, shape };
    }
    case 'Transpose':
      return reordered(x, numbers(node.attributes.perm) ?? x.shape.map((_, axis) => axis).reverse());
    case 'Gather': {
      const [from, at] = [list(x), list(second)];
      if (!from || !at) return null;
      const values = at.map((index) => from[index < 0 ? index + from.length : index]!);
      return values.includes(undefined as never) ? null : { ...x, ...whole(second!.shape, values), isWhole: x.isWhole };
    }
    case 'Concat': {
      const parts = inputs.map(list);
      const all = parts.every((part) => part !== null) ? parts.flat() : null;
      return all && { ...whole([all.length], all), isWhole: x.isWhole };
    }
    case 'Slice': {
      const bounds = (name: string, index: number) => numbers(node.attributes[name]) ?? list(inputs[index]);
      const [starts, ends] = [bounds('starts', 1), bounds('ends', 2)];
      if (!starts || !ends) return null;
      const axes = axesFrom(bounds('axes', 3) ?? starts.map((_, axis) => axis), x.shape.length);
      const steps = bounds('steps', 4) ?? starts.map(() => 1);
      const isSound = axes && [axes, ends, steps].every(({ length }) => length === starts.length);
      if (!isSound || steps.some((step) => !Number.isInteger(step) || step === 0)) return null;
      return axes.reduce(
        (from, axis, at) => taken(from, axis, placesOf(from.shape[axis]!, starts[at]!, ends[at]!, steps[at]!)),
        x,
      );
    }
    case 'Add':
    case 'Sub':
    case 'Mul':
    case 'Div': {
      const [a, b] = [list(x), list(second)];
      if (!a || !b || (a.length !== b.length && a.length !== 1 && b.length !== 1)) return null;
      const longer = a.length >= b.length ? x : second!;
      const of = (values: readonly number[], at: number) => values[values.length === 1 ? 0 : at]!;
      const isWhole = x.isWhole && second!.isWhole;
      const values = Array.from(longer.values, (_, at) => arithmetic[node.op as Arithmetic](of(a, at), of(b, at)));
      return { ...whole(longer.shape, isWhole ? values.map(Math.trunc) : values), isWhole };
    }
    default:
      return null;
  }
}

type Arithmetic = keyof typeof arithmetic;
const arithmetic = {
  Add: (a: number, b: number) => a + b,
  Sub: (a: number, b: number) => a - b,
  Mul: (a: number, b: number) => a * b,
  Div: (a: number, b: number) => a / b,
};

/** Shapes and tables of pads have no more numbers. */
const mostNumbers = 64;

/** Axes counted from the first one; negative ones are given from behind the last of `rank`. */
export function fromFirst(axes: readonly number[], rank: number): number[] {
  return axes.map((axis) => (axis < 0 ? axis + rank : axis));
}

/** The axes of a shape, counted from the first one; null if one is none, or stands twice. */
function axesFrom(given: readonly number[], rank: number): number[] | null {
  const axes = fromFirst(given, rank);
  const areAxes = axes.every((axis) => Number.isInteger(axis) && axis >= 0 && axis < rank);
  return areAxes && new Set(axes).size === axes.length ? axes : null;
}

/** A shape with axes of size 1 put in, which are axes of the result; null if they are none. */
export function unsqueezed(shape: readonly number[], given: readonly number[]): number[] | null {
  const rank = shape.length + given.length;
  const axes = axesFrom(given, rank);
  const sizes = [...shape];
  return axes && Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : sizes.shift()!));
}

/** The places along an axis from `start` to before `end`, which count from its end if they are negative. */
function placesOf(size: number, start: number, end: number, step: number): number[] {
  const within = (bound: number, least: number, most: number) =>
    Math.min(Math.max(bound < 0 ? bound + size : bound, least), most);
  const [from, to] =
    step > 0 ? [within(start, 0, size), within(end, 0, size)] : [within(start, 0, size - 1), within(end, -1, size - 1)];
  const count = Math.max(Math.ceil((to - from) / step), 0);
  return Array.from({ length: count }, (_, at) => from + at * step);
}

/** The parts of a constant at these places of an axis, in this order. */
function taken(x: Constant, axis: number, places: readonly number[]): Constant {
  const inner = elementCount(x.shape.slice(axis + 1));
  const size = x.shape[axis]!;
  const shape = x.shape.with(axis, places.length);
  const values = Float64Array.from({ length: elementCount(shape) }, (_, at) => {
    const [before, place, behind] = [
      Math.floor(at / inner / places.length),
      Math.floor(at / inner) % places.length,
      at % inner,
    ];
    return x.values[(before * size + places[place]!) * inner + behind]!;
  });
  return { ...x, shape, values };
}

/** A constant whose axis i is the axis `order[i]` of `x`; null if these are not all of its axes. */
function reordered(x: Constant, order: readonly number[]): Constant | null {
  if (order.toSorted().join() !== x.shape.map((_, axis) => axis).join()) return null;
  const shape = order.map((axis) => x.shape[axis]!);
  const strides = order.map((axis) => elementCount(x.shape.slice(axis + 1)));
  const values = x.values.map((_, at) => {
    let [rest, from] = [at, 0];
    for (let axis = order.length - 1; axis >= 0; axis--) {
      from += (rest % shape[axis]!) * strides[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    return x.values[from]!;
  });
  return { ...x, shape, values };
}

/** The transposed matrix; null for other shapes. */
export function transposed(x: Constant): Constant | null {
  return x.shape.length === 2 ? reordered(x, [1, 0]) : null;
}

/** The shape made by Reshape: 0 keeps a size, one −1 is inferred; null if the number of elements does not fit. */
export function reshaped(shape: readonly number[], wanted: readonly number[]): number[] | null {
  const sizes = wanted.map((size, axis) => (size === 0 ? (shape[axis] ?? 0) : size));
  const open = sizes.indexOf(-1);
  if (open >= 0) sizes[open] = elementCount(shape) / elementCount(sizes.toSpliced(open, 1));
  return elementCount(sizes) === elementCount(shape) && sizes.every((size) => Number.isInteger(size) && size > 0)
    ? sizes
    : null;
}

export function whole(shape: readonly number[], values: readonly number[]): Constant {
  return { shape, values: Float64Array.from(values), isWhole: true };
}

function numbers(attribute: OnnxNode['attributes'][string] | undefined): number[] | null {
  return Array.isArray(attribute) ? [...attribute] : null;
}

/** Tells whether a type is INT32 or INT64. */
function isWholeType(type: unknown): boolean {
  return type === 6 || type === 7;
}
