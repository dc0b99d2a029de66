/** The order of what an update of the quantizer table does, on numbers worked out by hand. */

import { describe, expect, it } from 'vitest';
import { exampleQuantizer } from '../../test/exampleQuantizer.js';
import { inferredBits, type Quantizer } from '../quant/index.js';
import { prepareQuantizers, type QuantizerUpdateAttributes, quantizerUpdate } from './quantizerTable.js';

const learned = exampleQuantizer('parametric_fp_d_xmax', { name: 'conv1/Wquant', count: 8192 });
const fixed: Quantizer = { ...learned, name: 'conv2/Wquant', kind: 'fp', fixed: [4, 0.125] };

const attributes: QuantizerUpdateAttributes = {
  rows: [fixed, learned],
  unquantized: { weights: 0, activations: [256] },
  budget: { weightKbytes: 0, activationKbytes: 0, activationType: 'max', lambdaWeight: 7, lambdaActivation: 7 },
  solver: { type: 'momentum', momentum: 0.5 },
  weightDecay: 0.5,
};

/** Two rows of which the first learns nothing. */
function state() {
  return {
    table: [3, 5, 0.25, 1.75],
    sums: [1, 1, 0.5, 2],
    velocity: [8, 8, 0.25, 0],
    secondMoment: null,
    control: [0.125, 0.25, 0, 0],
    bitCaps: null,
    keptShares: null,
    gradients: [9, 9, 9, 9],
    limited: [9, 9, 9, 9],
    penalties: [9, 9, 9, 9, 9, 9],
  };
}

describe('quantizer table', () => {
  it('prepares the ranges of all rows', () => {
    const ranges = [0, 0, 0, 0];
    prepareQuantizers([fixed, learned], [3, 5, 0.3, 1.5], ranges);
    expect(ranges).toEqual([0.125, 0.875, 0.25, 1.5]);
  });

  it('without a budget: decay, the solver, nothing limited; rows of fixed kinds stay', () => {
    const update = state();
    quantizerUpdate(attributes, update);
    expect(update.gradients).toEqual([0, 0, 0.5, 2]);
    expect(update.limited).toEqual([0, 0, 0.625, 2.875]);
    expect(update.velocity).toEqual([8, 8, 0.203125, 0.359375]);
    expect(update.table).toEqual([3, 5, 0.046875, 1.390625]);
    expect(update.penalties).toEqual([0, 0, 8, 1, 1, 0]);
  });

  it('with a budget: λ comes from control, gradients are limited after decay, sizes are from before the update', () => {
    const update = state();
    quantizerUpdate({ ...attributes, budget: { ...attributes.budget, weightKbytes: 6 } }, update);
    // loss2 = (8 - 6)²; its gradient to the bits of a row of 8192 weights is 2·2·λ = 1, to log2 of the levels.
    const levels = 1.75 / 0.25 + 1;
    const slope = 1 / (Math.LN2 * levels);
    expect(update.gradients.slice(0, 2)).toEqual([0, 0]);
    expect(update.gradients[2]).toBeCloseTo(0.5 - (slope * 1.75) / 0.25 ** 2, 10);
    expect(update.gradients[3]).toBeCloseTo(2 + slope / 0.25, 10);
    expect(update.limited).toEqual([0, 0, -0.25, 0.25]);
    expect(update.table.slice(2)).toEqual([0.25 - (0.125 - 0.03125), 1.75 - 0.03125]);
    expect(update.penalties).toEqual([4, 0, 8, 1, 1, 0]);
  });

  it('caps bits after the projection', () => {
    const run = (bitCaps: number[] | null) => {
      const update = { ...state(), sums: [0, 0, 0, 0], velocity: [0, 0, 0, -8], bitCaps };
      quantizerUpdate(attributes, update);
      return update;
    };
    const [uncapped, capped] = [run(null), run([2, 4])];
    expect(inferredBits(learned, uncapped.table[2]!, uncapped.table[3]!)).toBeGreaterThan(4);
    expect(capped.table.slice(0, 3)).toEqual(uncapped.table.slice(0, 3));
    expect(capped.table[3]).toBeCloseTo(7.5 * 0.25, 5);
    expect(inferredBits(learned, capped.table[2]!, capped.table[3]!)).toBe(4);
  });

  it('projects what an update moves out of its limits', () => {
    const update = { ...state(), velocity: [0, 0, 4, 0] };
    quantizerUpdate(attributes, update);
    expect(update.table[2]).toBe(2 ** -8 + 1e-5);
  });

  it('rounds on storing into float32 only', () => {
    const update = { ...state(), table: Float32Array.of(3, 5, 0.3, 1.7), sums: [0, 0, 0.1, 0.7] };
    const exact = { ...state(), table: Array.from(update.table), sums: update.sums };
    quantizerUpdate(attributes, update);
    quantizerUpdate(attributes, exact);
    expect([...update.table]).toEqual(exact.table.map(Math.fround));
  });
});
