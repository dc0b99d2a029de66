/** The memory of a device that a plan needs and how it is shared, computed without a device. */

import { describe, expect, it } from 'vitest';
import { buildTrainingProgram } from '../../program/trainingProgram.js';
import { experimentFromSettings } from '../../settings/index.js';
import { programOptions } from '../../train/programOptions.js';
import type { BufferPlan, MatrixUnits } from './kernel.js';
import { lowerPhase } from './lowering.js';
import { placePlan } from './placement.js';
import { schedulePlan } from './schedule.js';

const quantized = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu' };
const matrixUnits: MatrixUnits = { precision: 'float16', workgroupBytes: 49_152 };

/** Buffers and calls of both phases, at `mpdnn bench`'s sizes. */
function lowered(model: string, imageSize: number, classes: number, settings: Record<string, string>) {
  const experiment = experimentFromSettings('placement', 'test', { ...settings, model, batch_size: 128 });
  const imageShape = [imageSize, imageSize, 3] as const;
  const shape = { classes, imageShape, trainImages: 256, evaluationImages: 128 };
  const plan = schedulePlan(buildTrainingProgram(programOptions(experiment, shape, null)).plan);
  const placement = placePlan(plan, { matrixUnits });
  const calls = Object.entries(plan.phases).flatMap(([phase, nodes]) =>
    lowerPhase(nodes, placement.forPhase(phase)).map(({ call }) => call),
  );
  const mebibytes = placement.buffers.reduce((sum, { bytes }) => sum + bytes, 0) / 2 ** 20;
  return { calls, mebibytes };
}

describe('the memory of a training program', () => {
  it.each([
    ['resnet18', 224, 1000, quantized, 2130],
    ['resnet20', 32, 10, quantized, 175],
    ['resnet20', 32, 10, {}, 191],
  ] as const)('%s at %i, %i classes, %o: at most %i MiB', (model, imageSize, classes, settings, most) => {
    const { calls, mebibytes } = lowered(model, imageSize, classes, settings);
    expect(mebibytes).toBeLessThanOrEqual(most);
    for (const { label, bindings } of calls) {
      const buffers = bindings.map(({ buffer }): BufferPlan => buffer.within?.buffer ?? buffer);
      const shared = bindings.filter(
        ({ writes }, i) => writes && buffers.filter((one) => one === buffers[i]).length > 1,
      );
      expect(shared, `${label} writes a buffer of which it reads another part`).toEqual([]);
    }
  });
});
