/**
 * Counts oscillating weights. A weight whose optimum is between two levels of its quantizer is pulled back from either
 * of them, since gradients see the rounded weight, never the distance to the threshold. So late in training some
 * weights oscillate, and with them the moments of batch normalisation and the loss (Nagel et al., arXiv
 * 2203.11086).
 *
 * Between two observations a weight's level rises, falls or stays. It oscillates if it has both risen and fallen within
 * the observed steps. The quantizers are those of the first observation, since a learned step would move all levels.
 */

import type { StorageArray } from '../engine/engine.js';
import { STORAGE } from '../nn/index.js';
import type { Session } from '../program/session.js';
import { coreOf, effectiveRange, elementQuantizers } from '../quant/index.js';
import { elementsOf, scalesOf } from './parameterElements.js';

export interface Oscillations {
  /** Observes the weights after a step. */
  look(): Promise<void>;
  /** The fraction of quantized weights and biases that oscillate; `null` before three observations. */
  share(): number | null;
}

/** A counter without observations. */
export function countOscillations({ program, training: { variables } }: Session): Oscillations {
  const rows = [...variables.quantizers.keys()].filter((row) => variables.quantizers[row]!.role !== 'activation');
  let table: StorageArray | null = null;
  let looks = 0;
  let levels: readonly Float64Array[] = [];
  let ways: readonly Uint8Array[] = [];

  const levelsOf = (row: number, parameters: StorageArray, values: StorageArray): Float64Array => {
    const quantizer = variables.quantizers[row]!;
    const [e0, e1] = effectiveRange(quantizer, values[2 * row]!, values[2 * row + 1]!);
    const { value } = elementQuantizers[coreOf(quantizer.kind)];
    const scales = scalesOf(variables, row, parameters) ?? [1];
    return Float64Array.from(elementsOf(variables, row, parameters), (x, i) => {
      const scale = scales[i % scales.length]!;
      return value(quantizer.signed, scale * e0, scale * e1, x) / scale;
    });
  };

  return {
    look: async () => {
      table ??= await program.read(STORAGE.quantizers);
      const values = table;
      const parameters = await program.read(STORAGE.parameters);
      const now = rows.map((row) => levelsOf(row, parameters, values));
      if (looks++ === 0) ways = now.map(({ length }) => new Uint8Array(length));
      else for (const [at, own] of now.entries()) noteWays(ways[at]!, levels[at]!, own);
      levels = now;
    },
    share: () => {
      if (looks < 3) return null;
      const both = ways.reduce((sum, own) => sum + own.filter((way) => way === (UP | DOWN)).length, 0);
      return both / ways.reduce((sum, { length }) => sum + length, 0);
    },
  };
}

const UP = 1;
const DOWN = 2;

function noteWays(ways: Uint8Array, before: Float64Array, now: Float64Array): void {
  for (let i = 0; i < now.length; i++) {
    if (now[i]! > before[i]!) ways[i]! |= UP;
    if (now[i]! < before[i]!) ways[i]! |= DOWN;
  }
}
