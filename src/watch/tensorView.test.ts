import { describe, expect, it } from 'vitest';
import type { QuantizerDescription } from '../program/networkDescription.js';
import type { NamedTensor } from '../weights/index.js';
import { type ParametersFile, tensorView } from './tensorView.js';

function parameters(quantizer: Partial<QuantizerDescription>, ...tensors: readonly NamedTensor[]): ParametersFile {
  const description = {
    name: 'c/Wquant',
    tensor: 'c/W',
    role: 'weight',
    kind: 'parametric_fp_d_xmax',
    bits: 3,
    values: [],
  };
  const quantizers = [{ ...description, core: 'uniform', signed: true, range: [0.5, 1], ...quantizer }];
  const map = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  return {
    quantizers: quantizers as unknown as QuantizerDescription[],
    file: { tensors: map, unread: new Map(), metadata: {} },
  };
}

const tensor = (values: readonly number[]): NamedTensor => ({
  name: 'c/W',
  shape: [values.length],
  data: Float32Array.from(values),
});

describe('the view of a tensor', () => {
  it('counts what becomes zero, what is clipped and which levels are used', () => {
    const view = tensorView(parameters({}, tensor([0.1, -0.2, 0.4, 0.6, 1.5, -3, 1, -0.9])), 'c/W');
    expect(view.levels).toEqual([-1, -0.5, 0, 0.5, 1]);
    expect(view).toMatchObject({ zero: 2 / 8, clipped: 2 / 8, levelCount: 5, levelsInUse: 4, perChannel: false });
    expect(view.counts.reduce((sum, count) => sum + count)).toBe(8);
    expect([view.from < -3, view.to > 3]).toEqual([true, true]);
  });

  it.each([
    ['pow2', true, [0.25, 1], [-1, -0.5, -0.25, 0.25, 0.5, 1]],
    ['pow2', false, [0.5, 1], [0, 0.5, 1]],
    ['fixedUniform', false, [0.5, 1.5], [0, 0.5, 1, 1.5]],
    ['uniform', true, [0.4, 1], [-1.2000000000000002, -0.8, -0.4, 0, 0.4, 0.8, 1.2000000000000002]],
  ] as const)('knows the levels of %s, signed: %s', (core, signed, range, levels) => {
    const description = { core, signed, range } as Partial<QuantizerDescription>;
    const all = tensorView(parameters(description, tensor(levels)), 'c/W');
    expect(all.levels).toEqual(levels);
    expect(all.levelsInUse).toBe(levels.length);
  });

  it('names the ends alone of many levels', () => {
    const view = tensorView(parameters({ range: [1 / 128, 1] }, tensor([0])), 'c/W');
    expect([view.levels, view.levelCount]).toEqual([[-1, 1], 257]);
  });

  it('divides by the factor of the channel', () => {
    const exponents = { name: 'c/Wquant/parametric_fp_d_xmax/exponents', shape: [2], data: Float32Array.of(0, -1) };
    const view = tensorView(parameters({}, tensor([0.2, 1, 0.1, 0.5]), exponents), 'c/W');
    expect(view).toMatchObject({ perChannel: true, zero: 2 / 4, clipped: 0, levelsInUse: 2 });
  });

  it('says what there is none of', () => {
    expect(() => tensorView(parameters({}), 'c')).toThrow('c: no tensor with a quantizer');
    expect(() => tensorView(parameters({}), 'c/W')).toThrow('c/W: values of activations are not kept');
  });
});
