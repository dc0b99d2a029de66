/**
 * Gradients of weights with a step for each channel, as the reference engine computes them, against central differences
 * of a surrogate written anew: y = s·Q(x/s) with s = 2^k, in which the rounding decisions of a first run are frozen, which
 * is what straight-through differentiation assumes.
 */

import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../src/engine/reference/index.js';
import type { ChannelQuantization } from '../../src/ops/attributes.js';
import { caseBuilder, guardLength } from './conformanceCase.js';
import { randomValues } from './randomValues.js';

const [rows, channels] = [40, 5];
const length = rows * channels;
const shape = [rows, channels];
/** Some in the middle between two integers, one below and one above the limits. */
const exponents = [0.3, -1.7, 2.49, -9.5, 11];
/** Their scales. */
const powers = [0, -2, 2, -8, 8];

interface Operands {
  readonly x: readonly number[];
  readonly range: readonly [number, number];
  readonly exponents: readonly number[];
}

async function computed(core: ChannelQuantization['core'], operands: Operands, dy: readonly number[]) {
  const c = caseBuilder();
  const x = c.input('x', shape, operands.x);
  const ranges = c.input('ranges', [1, 2], operands.range);
  const exponents = c.input('exponents', [channels], operands.exponents);
  const attributes = { row: 0, core };
  const results = {
    dx: c.output('dx', shape),
    dexponents: c.output('dexponents', [channels]),
    sums: c.output('sums', [2]),
  };
  c.graph.append('quantizeChannels', { x, ranges, exponents }, { y: c.output('y', shape) }, attributes);
  c.graph.append(
    'quantizeChannelsGradient',
    { x, ranges, exponents, dy: c.input('dy', shape, dy) },
    results,
    attributes,
  );
  const { plan, start } = c.build('');
  const program = await createReferenceEngine().load(plan);
  for (const [name, values] of start) program.write(name, values);
  await program.run('step');
  const read = async (name: string, count: number) => [...(await program.read(name, guardLength, count))];
  return {
    y: await read('y', length),
    dx: await read('dx', length),
    dexponents: await read('dexponents', channels),
    sums: await read('sums', 2),
  };
}

/** The summands of the loss Σ dy·y of operands, with the rounding of others. */
function surrogate(core: 'uniform' | 'pow2', at: Operands, dy: readonly number[]) {
  const nearest = (v: number) => Math.sign(v) * Math.floor(Math.abs(v) + 0.5);
  const element = (x: number, [e0, e1]: readonly [number, number], x0: number, [f0, f1]: readonly [number, number]) => {
    if (core === 'uniform') {
      const clipped = Math.min(Math.max(x, -e1), e1);
      const steps = Math.min(Math.max(x0, -f1), f1) / f0;
      return e0 * (clipped / e0 + nearest(steps) - steps);
    }
    const [a, a0, sign] = [Math.abs(x), Math.abs(x0), x0 < 0 ? -1 : 1];
    if (a0 < f0) return sign * e0;
    if (a0 >= f1) return sign * e1;
    return sign * a * (2 ** nearest(Math.log2(a0)) / a0);
  };
  return (moved: Operands) =>
    dy.map((g, i) => {
      const channel = i % channels;
      const frozen = 2 ** powers[channel]!;
      const scale = frozen * 2 ** (moved.exponents[channel]! - at.exponents[channel]!);
      const y = scale * element(moved.x[i]! / scale, moved.range, at.x[i]! / frozen, at.range);
      return g * y;
    });
}

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

describe.each([
  ['uniform', [0.25, 1.3]],
  ['pow2', [0.125, 1]],
] as const)('%s', (core, range) => {
  const random = randomValues(41);
  const dy = random.numbers(length);
  const x = random.numbers(length, -2, 2).map((v, i) => v * 2 ** powers[i % channels]!);
  const at: Operands = { x, range, exponents };
  const loss = surrogate(core, at, dy);
  /** Differences of the summands, most of which do not move. */
  const slope = (move: (by: number) => Operands, step: number) => {
    const [after, before] = [loss(move(step)), loss(move(-step))];
    return total(after.map((value, i) => value - before[i]!)) / (2 * step);
  };
  const replaced = (values: readonly number[], i: number, by: number) => values.map((v, j) => (j === i ? v + by : v));

  it('the surrogate is the function', async () => {
    const { y } = await computed(core, at, dy);
    expect(total(y.map((value, i) => value * dy[i]!))).toBeCloseTo(total(loss(at)), 8);
  });

  it('weights, effective values of the tensor, exponents', async () => {
    const { dx, sums, dexponents } = await computed(core, at, dy);
    for (let i = 0; i < length; i++) {
      const step = 1e-4 * 2 ** powers[i % channels]!;
      expect(dx[i]!).toBeCloseTo(
        slope((by) => ({ ...at, x: replaced(x, i, by) }), step),
        5,
      );
    }
    const ofRange = (end: 0 | 1) =>
      slope((by) => ({ ...at, range: replaced(range, end, by) as [number, number] }), 1e-6);
    expect(sums[0]! / ofRange(0)).toBeCloseTo(1, 5);
    expect(sums[1]! / ofRange(1)).toBeCloseTo(1, 5);
    for (const channel of [0, 1, 2]) {
      const expected = slope((by) => ({ ...at, exponents: replaced(exponents, channel, by) }), 1e-6);
      expect(Math.abs(expected)).toBeGreaterThan(0.01);
      expect(dexponents[channel]!).toBeCloseTo(expected, 5);
    }
    // Beyond a limit the gradient is whole, or dropped where it leads further out.
    for (const [channel, outwards] of [
      [3, 1],
      [4, -1],
    ] as const) {
      const expected = slope((by) => ({ ...at, exponents: replaced(exponents, channel, by) }), 1e-6);
      expect(dexponents[channel]! / expected).toBeCloseTo(Math.sign(expected) === outwards ? 0 : 1, 5);
    }
  });
});

describe.each(['uniform', 'pow2', 'fixedUniform', 'fixedPow2'] as const)('%s with all exponents 0', (core) => {
  it('is the quantizer of the whole tensor', async () => {
    const random = randomValues(43);
    const [x, dy] = [random.dyadic(length, 2, 5), random.dyadic(length)];
    const range = [0.25, 1.25] as const;
    const channelwise = await computed(core, { x, range, exponents: new Array(channels).fill(0) }, dy);
    const c = caseBuilder();
    const operands = { x: c.input('x', shape, x), ranges: c.input('ranges', [1, 2], range) };
    const activation = { type: 'quantize', row: 0, core, signed: true } as const;
    c.graph.append('activation', operands, { y: c.output('y', shape) }, { activation });
    const results = { dx: c.output('dx', shape), sums: c.output('sums', [2]) };
    c.graph.append('activationGradient', { ...operands, dy: c.input('dy', shape, dy) }, results, { activation });
    const { plan, start } = c.build('');
    const program = await createReferenceEngine().load(plan);
    for (const [name, values] of start) program.write(name, values);
    await program.run('step');
    expect(channelwise.y).toEqual([...(await program.read('y', guardLength, length))]);
    expect(channelwise.dx).toEqual([...(await program.read('dx', guardLength, length))]);
    expect(channelwise.sums).toEqual([...(await program.read('sums', guardLength, 2))]);
  });
});
