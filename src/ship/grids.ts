/** Integer grids of quantizers, and their limits on a device. */

import { InputError } from '../errors.js';
import { elementQuantizers, parameterNames, type Quantizer, type QuantizerCore } from '../quant/index.js';
import { codeBits, type Grid, type IntegerTensor, largestStored, leastOf } from './integerNetwork.js';

/** Most levels of an activation and of a weight in a byte. */
const mostLevels = { unsigned: 255, signed: 127 } as const;
/** The largest power of two of a weight, whose magnitude is an integer of 32 bits. */
const largestWeight = 2 ** 30;

/** The output integers of a quantizer, in multiples of e0. */
export function gridOf(core: QuantizerCore, signed: boolean, e0: number, e1: number): Grid {
  const hi = Math.round(elementQuantizers[core].value(signed, e0, e1, Number.MAX_VALUE) / e0);
  switch (core) {
    case 'uniform':
    case 'fixedUniform':
      return { type: 'uniform', lo: signed ? 0 - hi : 0, hi };
    case 'pow2':
    case 'fixedPow2':
      return { type: 'powers', signed, hi };
    default:
      return core satisfies never;
  }
}

/**
 * The value as a multiple of a step.
 *
 * @throws InputError if it is none
 */
export function wholeMultiple(value: number, step: number, name: string): number {
  const multiple = Math.round(value / step);
  if (multiple * step === value) return multiple;
  throw new InputError(`${name}: ${value} is no multiple of its step ${step}; are its parameters finite?`);
}

/** @throws InputError with a remedy for an activation of more than 8 bits, or of powers of two too far apart */
export function demandStorable(name: string, grid: Grid, quantizer: Quantizer): void {
  if (grid.type === 'powers') {
    demandNear('a', name, grid.hi, largestStored, quantizer);
    return;
  }
  if (grid.hi <= mostLevels[grid.lo < 0 ? 'signed' : 'unsigned']) return;
  throw new InputError(
    `${name}: integers up to ${grid.hi} need ${codeBits(grid)} bits, an activation may have 8; train it with ` +
      fewerBits('a', quantizer),
  );
}

/** @throws InputError with a remedy for a weight of more than 8 bits, or of powers of two too far apart */
export function demandStorableWeight(name: string, grid: Grid, quantizer: Quantizer): void {
  if (grid.type === 'powers') {
    demandNear('w', name, grid.hi, largestWeight, quantizer);
    return;
  }
  if (grid.hi <= mostLevels.signed) return;
  throw new InputError(
    `${name}: integers up to ±${grid.hi} need ${codeBits(grid)} bits, a weight may have 8; train it with ` +
      fewerBits('w', quantizer),
  );
}

function demandNear(role: 'w' | 'a', name: string, hi: number, largest: number, { kind }: Quantizer): void {
  if (hi <= largest) return;
  const limits = parameterNames(kind).length === 0 ? `${role}_bitwidth` : `${role}_xmin_min, ${role}_xmax_max`;
  throw new InputError(
    `${name}: its largest power of two is ${hi} times its smallest, a device's may be ${largest} times; train it with a ` +
      `narrower range (${limits})`,
  );
}

/** The settings that limit the bits of a quantizer, in words. */
function fewerBits(role: 'w' | 'a', { kind }: Quantizer): string {
  const learned = parameterNames(kind);
  if (learned.length === 0) return `fewer (${role}_bitwidth)`;
  const limits = learned.includes('n') ? `${role}_bitwidth_max` : `${role}_xmax_max, ${role}_stepsize_min`;
  return `fewer (${limits}, or a budget)`;
}

/** A grid of at most 8 bits for all integers of some tensors, shifted by some bits; null if there is none. */
export function commonGrid(tensors: readonly IntegerTensor[], shifts: readonly number[]): Grid | null {
  const [first] = tensors;
  if (tensors.some(({ grid }) => grid.type === 'powers')) {
    const areSame = tensors.every(({ grid, step, bits }) => {
      return JSON.stringify(grid) === JSON.stringify(first!.grid) && step === first!.step && bits === first!.bits;
    });
    return areSame ? first!.grid : null;
  }
  const lo = Math.min(...tensors.map(({ grid }, index) => leastOf(grid) * 2 ** shifts[index]!));
  const hi = Math.max(...tensors.map(({ grid }, index) => grid.hi * 2 ** shifts[index]!));
  return hi <= mostLevels[lo < 0 ? 'signed' : 'unsigned'] && lo >= -128 ? { type: 'uniform', lo, hi } : null;
}
