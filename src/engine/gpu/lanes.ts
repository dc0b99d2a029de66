/** Four numbers at a time if a length allows it, otherwise one; one source text serves both. */

import type { Operand } from './kernel.js';

export interface Lanes {
  readonly width: 4 | 1;
  readonly type: 'vec4f' | 'f32';
  /** Suffix of the functions for so many numbers (`activate4`, `activate`). */
  readonly suffix: '4' | '';
  load(operand: Operand, index: string): string;
  store(operand: Operand, index: string, value: string): string;
  /** WGSL for the sum of the components. */
  sum(value: string): string;
}

const four: Lanes = {
  width: 4,
  type: 'vec4f',
  suffix: '4',
  load: (operand, index) => operand.load4(index),
  store: (operand, index, value) => operand.store4(index, value),
  sum: (value) => `dot(${value}, vec4f(1.0))`,
};

const one: Lanes = {
  width: 1,
  type: 'f32',
  suffix: '',
  load: (operand, index) => operand.load(index),
  store: (operand, index, value) => operand.store(index, value),
  sum: (value) => value,
};

/** Lanes for vectors whose lengths are multiples of `length`. */
export function lanesFor(length: number): Lanes {
  return length % 4 === 0 ? four : one;
}

/** The operands to declare wide for these lanes. */
export function wideIf<Name extends string>(lanes: Lanes, names: readonly Name[]): readonly Name[] {
  return lanes.width === 4 ? names : [];
}
