import { expect, it } from 'vitest';
import { readCostTable } from './costTables.js';
import { experimentFromSettings } from './experiment.js';

it('reads tables by name and as they are written', () => {
  expect(readCostTable('energy-45nm')?.multiplyAdds).toContainEqual({ weightBits: 8, inputBits: 8, cost: 0.23 });
  expect(readCostTable('2x4 = 1.5,8x32=2e1 ; weight = 0.01\nactivation = 0, value = 3')).toEqual({
    multiplyAdds: [
      { weightBits: 2, inputBits: 4, cost: 1.5 },
      { weightBits: 8, inputBits: 32, cost: 20 },
    ],
    weightBit: 0.01,
    activationBit: 0,
    activation: 3,
  });
});

it.each(['', '2x4', '2x4 = ', '2x4 = x', '0x4 = 1', '2x4 = 1, 2x4 = 2', 'weights = 1', '2x4 = 1 8x8 = 2', '2x4 = -1'])(
  'refuses %j',
  (text) => expect(readCostTable(text)).toBeUndefined(),
);

const quantized = { w_quantize: 'parametric_fp_d_xmax', budget: 'guaranteed' };

it('is asked for where costs are limited, and says what may stand there', () => {
  const of = (settings: object) => () => experimentFromSettings('A', 'a.cfg', { ...quantized, ...settings });
  expect(of({ target_cost: 5 })).toThrow('a.cfg: target_cost = 5: of which costs? set costs, such as energy-45nm');
  expect(of({ target_cost: 5, costs: 'energy' })).toThrow(
    /costs = energy: must be energy-45nm, cortex-m4, or costs such as 2x4 = 1/,
  );
  expect(of({ target_cost: 5, costs: 'energy-45nm', budget: 'penalty' })).toThrow('needs budget = guaranteed');
  expect(of({ target_cost: 5, costs: '8x8 = 1' })().budget).toMatchObject({ targetCost: 5, costs: { weightBit: 0 } });
});
