import { describe, expect, it } from 'vitest';
import { activationFunctions } from '../ops/activationFunctions.js';
import type { ActivationFunction } from '../ops/attributes.js';
import { elementQuantizers } from '../quant/index.js';
import { functionSteps } from './functionSteps.js';
import { reachedOf } from './integerNetwork.js';

const functions: readonly ActivationFunction[] = ['relu', 'relu6', 'sigmoid', 'hardSigmoid', 'hardSwish', 'silu'];

describe.each(functions)('%s, quantized', (type) => {
  const { value } = activationFunctions({ type }, null);
  const output = (z: number) => elementQuantizers.uniform.value(true, 1 / 64, 127 / 64, value(z)) * 64 + 0;
  const { first, changes } = functionSteps(type, 2 ** 8, output);
  const values = [first, ...changes.map((change) => change.value)];
  const bounds = changes.map(({ from }) => from);

  it('is its table, everywhere', () => {
    const numbers = Array.from({ length: 4000 }, (_, index) => (index - 2000) / 101);
    expect(numbers.filter((z) => values[reachedOf(bounds, z)] !== output(z))).toEqual([]);
  });

  it('changes at the very numbers that the table says', () => {
    expect(bounds.length).toBeGreaterThan(60);
    const below = bounds.map((from) => output(from - Math.abs(from) * Number.EPSILON));
    expect(below).toEqual(values.slice(0, -1));
    expect(bounds.map(output)).toEqual(values.slice(1));
  });
});
