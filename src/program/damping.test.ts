/** The gradient of the damping beside finite differences of the loss that it stands for, and what it leaves alone. */

import { expect, it } from 'vitest';
import { createReferenceEngine } from '../engine/reference/referenceEngine.js';
import { STORAGE } from '../nn/index.js';
import { CONTROL, CONTROL_LENGTH } from '../ops/attributes.js';
import { coreOf, effectiveRange, elementQuantizers } from '../quant/index.js';
import { experimentFromSettings } from '../settings/index.js';
import { elementsOf, scalesOf } from '../train/parameterElements.js';
import { programOptions } from '../train/programOptions.js';
import { openSession } from './session.js';
import { buildTrainingProgram } from './trainingProgram.js';

const data = { classes: 3, imageShape: [8, 8, 3] as const, trainImages: 2, evaluationImages: 2 };
const images = { train: { type: 'batch' }, evaluation: { type: 'batch' } } as const;

/** A program on the reference engine, whose weights reach beyond the ranges of their quantizers. */
async function opened(settings: Readonly<Record<string, unknown>>) {
  const experiment = experimentFromSettings('test', 'test', { model: 'tiny', batch_size: 2, ...settings });
  const training = buildTrainingProgram({ ...programOptions(experiment, data, null), ...images });
  for (const { start } of training.variables.parameters) for (const i of start.keys()) start[i]! *= 1.5;
  const { program } = await openSession(createReferenceEngine(), training);
  const pixels = Float64Array.from({ length: 2 * 8 * 8 * 3 }, (_, i) => Math.sin(i));
  program.write(STORAGE.batchImages, pixels);
  program.write(STORAGE.batchLabels, [2, 0]);
  /** Gradients of parameters, and sums of quantizers, of the same step with some damping. */
  const gradients = async (damping: number) => {
    const control = new Float64Array(CONTROL_LENGTH);
    control[CONTROL.damping] = damping;
    control[CONTROL.negatedDamping] = -damping;
    program.write(STORAGE.control, control);
    await program.run('train');
    return [await program.read(STORAGE.gradients), await program.read(STORAGE.quantizerSums)] as const;
  };
  return { training, program, gradients };
}

it.each([
  ['learned quantizers', { w_quantize: 'parametric_fp_d_xmax' }],
  ['a step for each channel', { w_quantize: 'parametric_fp_d_xmax', w_per_channel: true }],
  ['fixed quantizers', { w_quantize: 'fp', w_bitwidth: 3 }],
])(
  'with %s is the gradient of λ/2·Σ(w − q(w))², where q(w) is held and the clipped do not count',
  async (_, settings) => {
    const { training, program, gradients } = await opened({ ...settings, damp_oscillations: 1 });
    const { variables } = training;
    const parameters = await program.read(STORAGE.parameters);
    const [plain, plainSums] = await gradients(0);
    const [damped, dampedSums] = await gradients(0.75);
    expect(dampedSums).toEqual(plainSums);
    const difference = damped.map((value, i) => value - plain[i]!);
    const h = 1e-5;
    let clipped = 0;
    for (const [row, quantizer] of variables.quantizers.entries()) {
      const weights = elementsOf(variables, row, parameters);
      const scales = scalesOf(variables, row, parameters) ?? [1];
      const [e0, e1] = effectiveRange(quantizer, variables.table[2 * row]!, variables.table[2 * row + 1]!);
      const { value } = elementQuantizers[coreOf(quantizer.kind)];
      const slopes = Array.from(weights, (w, i) => {
        const end = scales[i % scales.length]! * e1;
        if (Math.abs(w) > end) clipped++;
        const held = value(true, scales[i % scales.length]! * e0, end, w);
        const loss = (x: number) => (0.75 / 2) * (Math.max(-end, Math.min(x, end)) - held) ** 2;
        return (loss(w + h) - loss(w - h)) / (2 * h);
      });
      const found = Array.from(elementsOf(variables, row, difference));
      expect(Math.max(...found.map((g, i) => Math.abs(g - slopes[i]!)))).toBeLessThan(1e-9);
      for (const each of found.keys()) elementsOf(variables, row, difference)[each] = 0;
    }
    expect(clipped).toBeGreaterThan(10);
    // What has no quantizer is not damped.
    expect(Math.max(...difference.map(Math.abs))).toBe(0);
  },
);
