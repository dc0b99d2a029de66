import { expect, it } from 'vitest';
import { obeysBudget } from './budget.js';
import { experimentFromSettings } from './experiment.js';

const { budget } = experimentFromSettings('A', 'a.cfg', {
  ...{ w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu' },
  ...{ target_weight_kbytes: 70, target_activation_kbytes: 8, target_activation_type: 'sum' },
});
const sizes = {
  weights_kb: 70,
  activations_max_kb: 100,
  activations_sum_kb: 8,
  activations_peak_kb: null,
  gbops: 0.5,
  cost: null,
};

it('a budget is obeyed up to its targets, and not beyond', () => {
  expect(obeysBudget(budget, sizes)).toBe(true);
  expect(obeysBudget(budget, { ...sizes, weights_kb: 70.001 })).toBe(false);
  expect(obeysBudget(budget, { ...sizes, activations_sum_kb: 8.001 })).toBe(false);
});

it('a size that nobody knows obeys no target', () => {
  expect(obeysBudget({ ...budget, targetActivationType: 'peak' }, sizes)).toBe(false);
  expect(obeysBudget({ ...budget, targetActivationKbytes: -1, targetActivationType: 'peak' }, sizes)).toBe(true);
});
