/**
 * The ways to choose the bits of a network's tensors, which are compared at every budget. All but the narrower networks
 * start from the same float network. All train as long and learn weights and ranges; they differ in how the bits are
 * chosen.
 */

export const wayNames = {
  float: 'float',
  learned: 'learned bits',
  allocated: 'allocated bits',
  same: 'the same bits',
  ends: 'the same bits, 8 at the ends',
  narrow: 'the same bits, fewer channels',
} as const;

export type Way = keyof typeof wayNames;

/** The ways with quantizers. */
export type QuantizedWay = Exclude<Way, 'float'>;

/** The meaning of each way in a sentence. */
export const meanings: Readonly<Record<QuantizedWay, string>> = {
  learned:
    'learned for the first part of the run under the budget, then frozen (`parametric_fp_d_xmax`, `budget = guaranteed`); where two bits a weight are too much, channels are pruned as well (`budget_prune = true`)',
  allocated:
    'given once, before the first step, by the allocation that ends the search of learned bits: single bits, each where the squared error of the float weights grows least (`budget_search = 0`), and channels by the same measure',
  same: 'the most bits that fit for all weights alike, and for all activations (`parametric_fp_b_xmax` with bits that stay)',
  ends: 'the most bits that fit for all weights alike but those of the first and the last layer, which have 8',
  narrow:
    'a narrower network, trained in float from the start, with the same bits for all weights: the most channels that fit, in 64ths (`width_multiplier`)',
};

export const quantizedWays = Object.keys(meanings) as readonly QuantizedWay[];
