/** Weights with a step for each channel: away from jumps, and on grids with every tie, clip boundary and limit exactly. */

import { channelScale } from '../../../src/quant/index.js';
import { type ConformanceCase, caseBuilder } from '../conformanceCase.js';
import { isSmoothAt, randomValues, rangesOf, sumOfMagnitudes } from '../randomValues.js';

const cores = ['uniform', 'pow2', 'fixedUniform', 'fixedPow2'] as const;
type Core = (typeof cores)[number];

/** Halves round away from zero; the last is the float before a half. */
const ties = [0, 1, -2, 0.5, -0.5, -1.5, Math.fround(0.49999997)];
const atLimits = [8, -8, 12.25, -9, 7.5, -7.5, 8.5, -8.5, 0];

/** On dyadic grids the sums of a channel are exact, and its gradient is compared by itself. */
type Agreement = 'exact' | 'by channel' | 'near';

export function quantizeChannelsCases(): ConformanceCase[] {
  return cores.flatMap((core, i) => [
    away(core, [3, 3, 5, 7], 2700 + i),
    away(core, [3, 3, 64, 100], 2710 + i),
    away(core, [1, 1, 24, 1], 2720 + i),
    away(core, [3, 3, 272], 2730 + i),
    away(core, [2, 1000], 2740 + i),
    onGrid(core, ties, 'exact', 2750 + i),
    onGrid(core, atLimits, 'by channel', 2760 + i),
    outwards(core, 2770 + i),
  ]);
}

/** Exponents of every kind, elements where a rounding error tips nothing. */
function away(core: Core, shape: readonly number[], seed: number): ConformanceCase {
  const random = randomValues(seed);
  const channels = shape.at(-1)!;
  const exponents = random.numbers(channels, -6, 6);
  const length = shape.reduce((a, b) => a * b, 1);
  const draw = (): number => {
    const x = random.number(-2, 2);
    return isSmoothAt({ type: 'quantize', row: 1, core, signed: true }, x) ? x : draw();
  };
  const xs = Array.from({ length }, (_, i) => draw() * channelScale(exponents[i % channels]!));
  return bothWays(core, shape, exponents, xs, random.numbers(length), 'near', 'away from jumps');
}

/** Each channel sees the same grid in units of its own scale. */
function onGrid(core: Core, exponents: readonly number[], agreement: Agreement, seed: number): ConformanceCase {
  const scales = exponents.map(channelScale);
  const grid = Array.from({ length: 129 }, (_, i) => i / 32 - 2);
  const xs = grid.flatMap((x) => scales.map((scale) => x * scale));
  const dy = randomValues(seed).dyadic(xs.length);
  const shape = [grid.length, exponents.length];
  return bothWays(
    core,
    shape,
    exponents,
    xs,
    dy,
    agreement,
    agreement === 'exact' ? 'ties, exactly' : 'exponents at limits',
  );
}

/** Gradients that push all channels to finer steps, then to coarser ones: at a limit one of the two is dropped. */
function outwards(core: Core, seed: number): ConformanceCase {
  const random = randomValues(seed);
  const scales = atLimits.map(channelScale);
  const xs = random.dyadic(12 * scales.length, 2, 4).map((x, i) => x * scales[i % scales.length]!);
  const dy = xs.map(Math.sign);
  const steps = [{}, { writes: { dy: dy.map((g) => -g) } }];
  return bothWays(core, [12, scales.length], atLimits, xs, dy, 'by channel', 'all outwards, all inwards', steps);
}

function bothWays(
  core: Core,
  shape: readonly number[],
  exponents: readonly number[],
  xs: number[],
  dy: number[],
  agreement: Agreement,
  name: string,
  steps?: Parameters<ReturnType<typeof caseBuilder>['build']>[1],
): ConformanceCase {
  const c = caseBuilder();
  const channels = exponents.length;
  const operands = {
    x: c.input('x', shape, xs),
    ranges: c.input('ranges', [3, 2], rangesOf[core]),
    exponents: c.input('exponents', [channels], exponents),
  };
  const upstream = c.input('dy', shape, dy);
  const exact = agreement === 'exact';
  const scale = Math.max(...exponents.map(channelScale)) * sumOfMagnitudes(dy);
  const attributes = { row: 1, core };
  c.graph.append('quantizeChannels', operands, { y: c.output('y', shape, { exact }) }, attributes);
  const results = {
    dx: c.output('dx', shape, { exact: exact && core !== 'pow2' }),
    dexponents: c.output('dexponents', [channels], agreement === 'near' ? { scale } : { elementwise: true }),
    sums: c.output('sums', [2], { exact, scale }),
  };
  c.graph.append('quantizeChannelsGradient', { ...operands, dy: upstream }, results, attributes);
  return c.build(`${core} of [${shape}], ${name}`, steps);
}
