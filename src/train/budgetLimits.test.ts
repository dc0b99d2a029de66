/** A guaranteed budget is one of the integers in use: the published U2, which uses more than its bits number, is refused. */

import { describe, expect, it } from 'vitest';
import { kilobytesText } from '../kilobytes.js';
import { buildTrainingProgram } from '../program/trainingProgram.js';
import { keepsLimits, smallestBits, takeBits } from '../quant/index.js';
import { experimentFromSettings } from '../settings/index.js';
import { budgetLimits, budgetOutlook } from './budgetLimits.js';
import { programOptions } from './programOptions.js';

function outlook(settings: Readonly<Record<string, unknown>>) {
  const given = { w_quantize: 'parametric_fp_b_xmax', target_weight_kbytes: 200, ...settings };
  const experiment = experimentFromSettings('A', 'a.cfg', given);
  const data = { classes: 10, imageShape: [8, 8, 3] as const, trainImages: 128, evaluationImages: 1 };
  const training = buildTrainingProgram(programOptions(experiment, data, null));
  return { experiment, variables: training.variables, read: () => budgetOutlook(experiment, training) };
}

describe('a budget with parametric_fp_b_xmax', () => {
  it('is kept with the range recomputed, which is the default where it is guaranteed', () => {
    const { variables, read, experiment } = outlook({ budget: 'guaranteed' });
    expect(experiment.settings.recompute_range).toBe(true);
    expect(variables.quantizers.every(({ recomputeRange }) => recomputeRange)).toBe(true);
    expect(read()).toContain('weights need');
  });

  it('cannot be guaranteed with the published range', () => {
    expect(outlook({ budget: 'guaranteed', recompute_range: false }).read).toThrow(
      'a.cfg: recompute_range = false: must be true with budget = guaranteed: conv1/quantized_conv/W ' +
        '(parametric_fp_b_xmax) would use more levels than its bits can number',
    );
    const rule = { w_quantize: 'parametric_fp_d_xmax', layers: 'fc/*: w_quantize = parametric_fp_b_xmax' };
    expect(outlook({ ...rule, budget: 'guaranteed', recompute_range: false }).read).toThrow('fc/quantized_affine/W');
  });

  it('means what it meant as a penalty', () => {
    const { variables, read } = outlook({});
    expect(variables.quantizers.some(({ recomputeRange }) => recomputeRange)).toBe(false);
    expect(read()).toContain('weights need');
  });
});

it.each([
  ['target_weight_kbytes', {}],
  ['target_activation_kbytes', { target_activation_type: 'sum' }],
  ['target_gbops', {}],
  ['target_cost', { costs: '2x8 = 0.123, 32x32 = 10' }],
])('says what %s has to be, and takes that', (key, others) => {
  const settings = { budget: 'guaranteed', target_weight_kbytes: -1, ...others, w_quantize: 'parametric_fp_d_xmax' };
  const read = (target: number) =>
    outlook({ ...settings, a_quantize: 'parametric_fp_d_xmax_relu', shortcut_type: 'b', [key]: target }).read();
  const [, needed] = /need (\S+) of/.exec(read(1e9)!)!;
  expect(read(Number(needed))).toContain(`need ${needed} of `);
  expect(() => read(Number(needed) * 0.99)).toThrow(`need ${needed} `);
});

it('says that nothing is searched where a search is asked for, if only by default', () => {
  const read = (settings: object) => outlook({ budget: 'guaranteed', ...settings }).read();
  expect(read({ epochs: 1 })).toMatch(
    /200 kB; budget_search = 0\.25 of epochs = 1 is none, so bits are given once, before the first step$/,
  );
  for (const searched of [{ epochs: 2 }, { epochs: 1, budget_search: 0 }, { epochs: 1, budget: 'penalty' }]) {
    expect(read(searched)).toMatch(/200 kB$/);
  }
});

describe('a budget of costs', () => {
  const limited = (settings: object) => ({ w_quantize: 'parametric_fp_d_xmax', target_weight_kbytes: -1, ...settings });

  it('says what there is room for', () => {
    const costs = { costs: '2x8 = 1, 8x8 = 2, 8x32 = 9, 32x32 = 10, weight = 0.5', budget: 'guaranteed' };
    const { read, variables } = outlook(limited({ ...costs, target_cost: 1e8 }));
    // Images of 8x8 have a sixteenth of the 40.55 million multiply-adds; all but the first layer see floats.
    const [first, ...others] = variables.products;
    const floats = others.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0);
    const cost = first!.multiplyAdds + 9 * floats + 0.5 * 2 * 268346;
    expect(read()).toBe(`budget: with the fewest bits products and memory need ${cost} of 100000000 of cost`);
    expect(outlook(limited({ ...costs, target_cost: cost - 1 })).read).toThrow('cannot be met');
  });

  it('is found from bits that are wider than every entry, in several layers at once', () => {
    const costs = { costs: '2x8 = 1, 4x2 = 1.5, 2x32 = 3', a_quantize: 'parametric_fp_d_xmax_relu' };
    const { experiment, variables } = outlook(limited({ ...costs, budget: 'guaranteed', target_cost: 5e6 }));
    const { quantizers } = variables;
    const limits = budgetLimits(experiment, variables);
    const halving = (_row: number, bits: number) => 4 ** -bits;
    const wide = quantizers.map(() => 4);
    expect(keepsLimits(limits, wide)).toBe(false);
    expect(keepsLimits(limits, takeBits(wide, limits, quantizers.map(smallestBits), halving))).toBe(true);
  });

  it('needs a table of all widths', () => {
    expect(outlook(limited({ costs: '8x8 = 1', budget: 'guaranteed', target_cost: 5 })).read).toThrow(
      'a.cfg: costs: no entry is as wide as a multiply-add of 2 x 32 bits; add one',
    );
  });
});

describe('a budget that may prune channels', () => {
  const pruning = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu' };
  const guaranteed = { ...pruning, model: 'resnet8', budget: 'guaranteed', budget_prune: true };
  const peak = { target_activation_type: 'peak', a_bitwidth_min: 1, target_weight_kbytes: 10 };

  it('counts them for weights, but all of them for activations, for which none is pruned', () => {
    const { read, variables, experiment } = outlook({ ...guaranteed, ...peak, target_activation_kbytes: 100 });
    const [, activations] = budgetLimits(experiment, variables);
    const needed = activations!.cost(variables.quantizers.map(smallestBits));
    expect(read()).toMatch(/^budget: with the fewest bits and channels weights need \d\.\d+ of 10 kB, /);
    expect(read()).toContain(`activations (peak) need ${kilobytesText(needed, 2)} of 100 kB, with all channels`);
    expect(outlook({ ...guaranteed, ...peak, target_activation_kbytes: needed - 0.01 }).read).toThrow(
      `cannot be met: with the fewest bits that the limits allow, activations (peak) need ${kilobytesText(needed, 2)} kB`,
    );
    expect(outlook({ ...guaranteed, ...peak, target_activation_kbytes: needed }).read).not.toThrow();
  });
});
