/** Tables of costs: those that have a name, and how others are written. */

import type { CostTable } from '../quant/index.js';

/**
 * Tables by name.
 *
 * `energy-45nm`, in pJ: a multiplication and an addition of 8-bit integers 0.2 + 0.03, of 32-bit floats 3.7 + 0.9; 64 bits
 * from an SRAM of 1 MB 100 pJ, for activations twice, since they are written, too. Source: M. Horowitz, "Computing's
 * energy problem", ISSCC 2014, for 45 nm and 0.9 V. It knows no narrower multipliers: fewer than 8 bits save memory alone.
 */
export const costTables: Readonly<Record<string, CostTable>> = {
  'energy-45nm': {
    multiplyAdds: [
      { weightBits: 8, inputBits: 8, cost: 0.23 },
      { weightBits: 32, inputBits: 32, cost: 4.6 },
    ],
    weightBit: 100 / 64,
    activationBit: 200 / 64,
  },
};

/**
 * The table that a text names or writes out: entries with commas between, `WxA = COST` for a multiply-add of W-bit weights
 * and A-bit inputs, `weight = COST` and `activation = COST` for a bit that is kept; undefined for what is neither.
 *
 * @example readCostTable('2x4 = 1.2, 8x8 = 2, weight = 0.01')?.weightBit // 0.01
 */
export function readCostTable(text: string): CostTable | undefined {
  const named = costTables[text];
  if (named) return named;
  const entries = text.split(/[,;\n]/).map((part) => /^\s*(\w+)\s*=\s*([\d.]+(?:e[+-]?\d+)?)\s*$/i.exec(part));
  const multiplyAdds: CostTable['multiplyAdds'][number][] = [];
  const kept = new Map<string, number>();
  for (const entry of entries) {
    if (!entry) return undefined;
    const [, name, value] = entry as unknown as [string, string, string];
    const cost = Number(value);
    const [, weightBits, inputBits] = /^([1-9]\d?)x([1-9]\d?)$/.exec(name) ?? [];
    const isKnown = weightBits !== undefined || name === 'weight' || name === 'activation';
    if (!isKnown || !Number.isFinite(cost) || kept.has(name)) return undefined;
    kept.set(name, cost);
    if (weightBits) multiplyAdds.push({ weightBits: Number(weightBits), inputBits: Number(inputBits), cost });
  }
  return { multiplyAdds, weightBit: kept.get('weight') ?? 0, activationBit: kept.get('activation') ?? 0 };
}
