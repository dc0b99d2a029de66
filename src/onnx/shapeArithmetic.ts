/**
 * Constant folding for the arithmetic by which exporters compute shapes (Shape → Gather → Unsqueeze → Concat →
 * Reshape). Since all shapes are known, nothing of it remains. Numbers have at most one axis, as shapes do; views of
 * constants have any shape.
 */

import { elementCount } from '../elementCount.js';
import type { Constant, OnnxNode } from './onnxGraph.js';

/** The result of a node with constant operands (null for an absent one); null if the operator is not supported. */
export function folded(node: OnnxNode, inputs: readonly (Constant | null)[]): Constant | null {
  const [x, second, third] = inputs;
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
      const axes = axesOf()?.map((axis) => (axis < 0 ? axis + x.shape.length : axis));
      return { ...x, shape: x.shape.filter((size, axis) => (axes ? !axes.includes(axis) : size !== 1)) };
    }
    case 'Unsqueeze': {
      const axes = axesOf();
      if (!axes) return null;
      const rank = x.shape.length + axes.length;
      const added = new Set(axes.map((axis) => (axis < 0 ? axis + rank : axis)));
      const sizes = [...x.shape];
      return { ...x, shape: Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : sizes.shift()!)) };
    }
    case 'Reshape': {
      const wanted = list(second);
      const shape = wanted && reshaped(x.shape, wanted);
      return shape && { ...x, shape };
    }
    case 'Transpose':
      return numbers(node.attributes.perm)?.every((axis, at) => axis === at) ? x : transposed(x);
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
      const from = list(x);
      const bound = (name: string, input: Constant | null | undefined) =>
        (numbers(node.attributes[name]) ?? list(input))?.[0];
      const [start, end, step] = [bound('starts', second), bound('ends', third), list(inputs[4])?.[0] ?? 1];
      if (!from || start === undefined || end === undefined || step !== 1) return null;
      const values = from.slice(start, end);
      return { ...whole([values.length], values), isWhole: x.isWhole };
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

/** The transposed matrix; null for other shapes. */
export function transposed({ shape, values, ...rest }: Constant): Constant | null {
  const [rows, columns] = shape;
  if (shape.length !== 2) return null;
  const turned = values.map((_, at) => values[(at % rows!) * columns! + Math.floor(at / rows!)]!);
  return { ...rest, shape: [columns!, rows!], values: turned };
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
