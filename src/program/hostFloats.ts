import type { HostFloats, HostVector } from '../engine/engine.js';

/** The floats of an array. */
export function hostFloats(array: HostVector): HostFloats {
  return { bytes: array.byteLength, array: () => array };
}

/** Types of vectors; those of `pairs` are words of two numbers, rounded to bfloat16. */
export const arraysOf = { float64: Float64Array, float32: Float32Array, pairs: Int32Array } as const;

export type Numbers = keyof typeof arraysOf;

export function numbersOf(vector: HostVector): Numbers {
  if (vector instanceof Int32Array) return 'pairs';
  return vector instanceof Float64Array ? 'float64' : 'float32';
}
