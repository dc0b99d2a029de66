/** Moments of so many tiles that a workgroup combines them in parts, or workgroups before it, on SwiftShader. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomValues } from '../../../../test/engine/randomValues.js';
import { windowLike } from '../../../../test/engine/windows.js';
import { skipsGpu } from '../../../../test/softwareGpu.js';
import { Graph } from '../../../graph/index.js';
import { makePlan } from '../../../passes/index.js';
import { type OpenDevice, openDevice } from '../device.js';
import { loadProgram } from '../gpuProgram.js';
import { lowerPhase } from '../lowering.js';
import { availableGpu } from '../nodeGpu.js';
import { placePlan } from '../placement.js';
import { pixelTiles } from './convolutionTileShapes.js';

/** Pixels of the lowest tile. */
const rows = 64;

describe.skipIf(skipsGpu)('moments of a convolution', () => {
  let open: OpenDevice;
  beforeAll(async () => {
    open = await openDevice({ gpu: await availableGpu(), allowSoftware: true });
  });
  afterAll(() => open?.dispose());

  it.each([
    { tiles: 1024, last: 64, channels: 5, dispatches: 2 },
    { tiles: 1025, last: 1, channels: 5, dispatches: 2 },
    { tiles: 1281, last: 7, channels: 13, dispatches: 2 },
    { tiles: 4096, last: 33, channels: 4, dispatches: 2 },
    { tiles: 4097, last: 1, channels: 5, dispatches: 3 },
  ])('are those of all pixels in $tiles tiles, the last of $last', async ({ tiles, last, channels, dispatches }) => {
    const pixels = (tiles - 1) * rows + last;
    const graph = new Graph();
    const whole = (name: string, shape: readonly number[]) =>
      graph.whole({ name, dtype: 'float', length: shape.reduce((a, b) => a * b) }, shape);
    const operands = { x: whole('x', [1, 1, pixels, 1]), w: whole('w', [1, 1, 1, channels]) };
    const y = graph.tensor('y', [1, 1, pixels, channels]);
    graph.append('conv2d', operands, { y, moments: whole('moments', [2, channels]) }, windowLike({}));
    const plan = makePlan({ step: graph });
    const choose = () => pixelTiles(pixels, channels).findIndex(({ m }) => m === rows);
    expect(lowerPhase(plan.phases.step!, placePlan(plan, { choose }).forPhase('step'))).toHaveLength(dispatches);

    // The halves have other means, so that deviations from those of tiles and parts count.
    const half = randomValues(tiles).numbers(pixels, 2, 4);
    const x = half.map((value, i) => (2 * i < pixels ? value : value + 20));
    const mean = x.reduce((sum, value) => sum + value, 0) / pixels;
    const variance = x.reduce((sum, value) => sum + (value - mean) ** 2, 0) / pixels;
    const factors = Array.from({ length: channels }, (_, i) => i + 1);
    const program = await loadProgram(open, plan, { choose });
    program.write('x', x);
    program.write('w', factors);
    await program.run('step');
    const moments = [...(await program.read('moments'))];
    const wanted = [...factors.map((factor) => factor * mean), ...factors.map((factor) => factor ** 2 * variance)];
    for (const [i, right] of wanted.entries()) expect(Math.abs(moments[i]! / right - 1)).toBeLessThan(1e-5);
    await program.dispose();
  });
});
