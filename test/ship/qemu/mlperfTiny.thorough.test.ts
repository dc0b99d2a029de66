/** The networks of MLPerf Tiny as C on an emulated board: every tensor and every output as the integer network has it. */

import { expect, it } from 'vitest';
import { createRandom } from '../../../src/data/random.js';
import { buildTrainingProgram } from '../../../src/program/trainingProgram.js';
import { experimentFromSettings } from '../../../src/settings/index.js';
import { lowerNetwork } from '../../../src/ship/lowering.js';
import { programOptions } from '../../../src/train/programOptions.js';
import { boards } from '../boards.js';
import { asTrained } from '../shippable.js';
import { expectStored, tracedProgram } from '../tracedProgram.js';

const quantized = {
  ...{ w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu', w_bitwidth: 4, a_bitwidth: 8 },
  ...{ w_stepsize: 'published', a_stepsize: 0.125, a_quantize_linear: true, batch_size: 1 },
};

it.each([
  ['ds_cnn', [49, 10, 1], 12, {}],
  ['mobilenetv1', [96, 96, 3], 2, { width_multiplier: 0.25 }],
  ['resnet8', [32, 32, 3], 10, {}],
  ['dense_autoencoder', [1, 1, 640], 2, { loss: 'values', target: 'input' }],
] as const)('%s', (model, imageShape, classes, settings) => {
  const experiment = experimentFromSettings('TINY', 'tiny.cfg', { ...quantized, model, ...settings });
  const shape = { classes, imageShape, trainImages: 1, evaluationImages: 1 };
  const program = asTrained(buildTrainingProgram(programOptions(experiment, shape, null)));
  const { network } = lowerNetwork(program, []);
  const { uniform } = createRandom(9);
  const size = imageShape.reduce((product: number, own) => product * own, 1);
  const image = Uint8Array.from({ length: size }, () => Math.floor(256 * uniform()));
  expect(network.layers.length).toBeGreaterThan(9);
  expectStored(network, [image], tracedProgram(network, { board: boards['Cortex-M4'] }));
});
