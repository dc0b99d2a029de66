/** Cost tables: the named ones, and the parser of others. */

import type { CostTable } from '../quant/index.js';

/**
 * Tables by name.
 *
 * `energy-45nm`, in pJ: a multiplication and an addition of 8-bit integers 0.2 + 0.03, of 32-bit floats 3.7 + 0.9; 64 bits
 * from an SRAM of 1 MB 100 pJ, for activations twice, since they are written, too. Source: M. Horowitz, "Computing's
 * energy problem", ISSCC 2014, for 45 nm and 0.9 V. It knows no narrower multipliers: fewer than 8 bits save memory alone.
 *
 * `cortex-m4`, in instructions: those of the exported C, counted by qemu for ResNet-20 with 8, 16 and 24 channels in the
 * first group (`node bench/instructions.mjs`, 2026-11-28, gcc 12.2 at -O2). Widths change little, channels that are no
 * multiple of 8 cost more.
 */
export const costTables: Readonly<Record<string, CostTable>> = {
  'energy-45nm': {
    multiplyAdds: [
      { weightBits: 8, inputBits: 8, cost: 0.23 },
      { weightBits: 32, inputBits: 32, cost: 4.6 },
    ],
    weightBit: 100 / 64,
    activationBit: 200 / 64,
    activation: 0,
  },
  'cortex-m4': {
    multiplyAdds: [
      { weightBits: 8, inputBits: 2, cost: 1.114 },
      { weightBits: 8, inputBits: 4, cost: 1.119 },
      { weightBits: 8, inputBits: 8, cost: 1.13 },
      { weightBits: 8, inputBits: 32, cost: 20.4 },
    ],
    weightBit: 0,
    activationBit: 0,
    activation: 80.2,
  },
};

/**
 * The cost table with a name, or parsed from entries with commas between: `WxA = COST` for a multiply-add of W-bit
 * weights and A-bit inputs, `weight = COST` and `activation = COST` for a bit that is kept, `value = COST` for an
 * activation of any bits; undefined for any other text.
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
    const isKnown = weightBits !== undefined || ['weight', 'activation', 'value'].includes(name);
    if (!isKnown || !Number.isFinite(cost) || kept.has(name)) return undefined;
    kept.set(name, cost);
    if (weightBits) multiplyAdds.push({ weightBits: Number(weightBits), inputBits: Number(inputBits), cost });
  }
  const [weightBit, activationBit, activation] = ['weight', 'activation', 'value'].map((name) => kept.get(name) ?? 0);
  return { multiplyAdds, weightBit: weightBit!, activationBit: activationBit!, activation: activation! };
}
