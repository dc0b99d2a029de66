/** The common part of kinds without learned values: configured bits, no gradients, constant values. */
import type { Quantizer } from '../quantizer.js';
import type { Kind } from './kind.js';

export const fixedBits = {
  parameters: [],
  learnsEnds: false,
  mayExceedBits: () => false,
  gradients: () => [0, 0],
  bits: (q) => q.bitwidth,
  bitsGradient: () => [0, 0],
  smallestBits: (q) => q.bitwidth,
  largestBits: (q) => q.bitwidth,
  capped: (_q, _cap, _before, [p0, p1]) => [p0, p1],
  spanning: (_q, _bits, _end, p0, p1) => [p0, p1],
  wgsl: {
    range: 'return pair(row, fixedLimits);',
    gradients: 'return vec2f();',
    bits: 'return integer(row, bitwidthField);',
    bitsGradient: 'return vec2f();',
    capped: 'return after;',
  },
} satisfies Partial<Kind>;

/**
 * The two constants of a fixed kind.
 *
 * @throws {RangeError} for a fixed kind without its pair
 */
export function fixedPair(q: Quantizer): readonly [number, number] {
  if (q.fixed === null) throw new RangeError(`${q.name}: kind ${q.kind} needs its fixed pair (n, delta) or (n, m)`);
  return q.fixed;
}
