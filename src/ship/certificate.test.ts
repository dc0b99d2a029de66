import { describe, expect, it } from 'vitest';
import { createRandom } from '../data/random.js';
import { elementQuantizers } from '../quant/index.js';
import { type Channel, certify, firstDifference, requantize, type Steps } from './certificate.js';

const random = createRandom(7);
const uniform = (lo: number, hi: number, outputShift = 0, addendShift = 0): Steps => {
  return { type: 'uniform', lo, hi, outputShift, addendShift };
};
const powers = (count: number): Steps => ({
  type: 'table',
  first: 0,
  boundaries: Array.from({ length: count }, (_, k) => ({ value: 2 ** k, from: 2 ** k * Math.SQRT1_2 })),
  outputShift: 0,
  addendShift: 0,
});

/** A batch normalisation with a quantizer behind it, in units of the finer of the two steps. */
function channel(
  steps: Steps,
  { slope, offset, lo, hi, addends = [0] }: Pick<Channel, 'slope' | 'offset' | 'lo' | 'hi'> & { addends?: number[] },
): Channel {
  const { outputShift, addendShift } = steps;
  const e0 = 2 ** outputShift;
  const signed = steps.type === 'uniform' && steps.lo < 0;
  const e1 = steps.type === 'uniform' ? steps.hi * e0 : steps.boundaries.at(-1)!.value;
  const { value } = elementQuantizers[steps.type === 'uniform' ? 'uniform' : 'pow2'];
  const reference: Channel['reference'] = (a, s) =>
    value(signed, e0, e1, slope * a + offset + s * 2 ** addendShift) / e0;
  const height: Channel['height'] = (a, s) =>
    steps.type === 'uniform'
      ? reference(a, s)
      : steps.boundaries.filter((step) => step.value <= reference(a, s)).length;
  return { ...{ slope, offset, lo, hi, addends, steps }, reference, height };
}

const cases: [string, Channel][] = [
  ['a rising one', channel(uniform(0, 15), { slope: 0.0173, offset: 1.21, lo: -1200, hi: 1500 })],
  ['a falling one', channel(uniform(0, 15), { slope: -0.0171, offset: 3.7, lo: -1200, hi: 1500 })],
  ['a flat one', channel(uniform(0, 15), { slope: 0, offset: 4.4, lo: -30, hi: 30 })],
  ['a single level', channel(uniform(0, 1), { slope: 0.37, offset: -2, lo: -90, hi: 91 })],
  ['one out of reach', channel(uniform(0, 15), { slope: 0.001, offset: 40, lo: -30, hi: 30 })],
  ['a signed one', channel(uniform(-31, 31), { slope: 0.0731, offset: 0.013, lo: -800, hi: 800 })],
  ['one with halves, away from zero', channel(uniform(-7, 7), { slope: 1 / 8, offset: 0, lo: -128, hi: 127 })],
  [
    'with a finer addend',
    channel(uniform(0, 15, 2), { slope: 0.0731, offset: 0.7, lo: -800, hi: 800, addends: [0, 1, 2, 3] }),
  ],
  [
    'with a coarser addend',
    channel(uniform(0, 63, 0, 3), { slope: 0.031, offset: -0.7, lo: -800, hi: 800, addends: [0, 1, 2, 3] }),
  ],
  ['powers of two', channel(powers(6), { slope: 0.0173, offset: 1.21, lo: -1200, hi: 1500 })],
];

describe('a certificate of', () => {
  it.each(cases)('%s equals the reference at every accumulator', (_, wanted) => {
    const integers = certify(wanted)!;
    for (let a = wanted.lo; a <= wanted.hi; a++) {
      for (const s of wanted.addends) expect(requantize(wanted.steps, integers, a, s)).toBe(wanted.reference(a, s) + 0);
    }
    expect(firstDifference(wanted, integers)).toBeNull();
  });

  it.each(cases.filter(([name]) => !/flat|reach|single/.test(name)))(
    '%s has no shift that it could do without',
    (_, wanted) => {
      const { shift } = certify(wanted)!;
      expect(shift).toBeGreaterThan(0);
      // The real slope with one bit less in its multiplier is wrong somewhere.
      const multiplier = Math.round(wanted.slope * 2 ** (shift - 1));
      const half = wanted.steps.type === 'uniform' ? 2 ** (wanted.steps.outputShift - 1) : 0;
      const bias = BigInt(Math.round((wanted.offset + half) * 2 ** (shift - 1)));
      expect(firstDifference(wanted, { multiplier, bias, shift: shift - 1 })).not.toBeNull();
    },
  );

  it('random channels equals the reference wherever it differs from a neighbour', () => {
    for (let run = 0; run < 200; run++) {
      const levels = 2 ** (1 + Math.floor(8 * random.uniform())) - 1;
      const reach = 1 + Math.floor(5000 * random.uniform());
      const slope = (random.uniform() - 0.5) * 4 * (levels / reach);
      const wanted = channel(uniform(0, levels), { slope, offset: levels * random.uniform(), lo: -reach, hi: reach });
      const integers = certify(wanted)!;
      for (let a = wanted.lo; a <= wanted.hi; a += 1) {
        if (requantize(wanted.steps, integers, a, 0) !== wanted.reference(a, 0)) {
          expect.fail(`slope ${slope}, accumulator ${a}`);
        }
      }
    }
  });
});

describe('a planted fault', () => {
  const [, wanted] = cases[0]!;
  const integers = certify(wanted)!;

  it.each([
    ['bias', { ...integers, bias: integers.bias - 2n ** BigInt(integers.shift) }],
    ['shift', { ...integers, shift: integers.shift + 1 }],
    ['multiplier', { ...integers, multiplier: integers.multiplier + 3 }],
  ])('of the %s is found at an accumulator', (_, planted) => {
    const difference = firstDifference(wanted, planted)!;
    const { accumulator, addend, expected, actual } = difference;
    expect(wanted.reference(accumulator, addend)).toBe(expected);
    expect(requantize(wanted.steps, planted, accumulator, addend)).toBe(actual);
    expect(actual).not.toBe(expected);
  });
});
