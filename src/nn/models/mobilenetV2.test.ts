/** MobileNetV2, and ResNet-18 beside it, at ImageNet's size: what they count, how wide they are, how they start. */

import { describe, expect, it } from 'vitest';
import { elementCount } from '../../graph/index.js';
import { buildTrainingProgram, type TrainingProgram } from '../../program/trainingProgram.js';
import { tableSizes } from '../../quant/index.js';
import { experimentFromSettings } from '../../settings/index.js';
import { programOptions } from '../../train/programOptions.js';
import { byEight } from './width.js';

function built(settings: Readonly<Record<string, unknown>>, imageSize = 224, classes = 1000): TrainingProgram {
  const experiment = experimentFromSettings('test', 'test', { ...settings, batch_size: 1 });
  const imageShape = [imageSize, imageSize, 3] as const;
  const data = { classes, imageShape, trainImages: 1, evaluationImages: 1 };
  return buildTrainingProgram(programOptions(experiment, data, null));
}

/** Sizes in MB of 1024² bytes: the weights', the largest activation's. */
function megabytes({ variables }: TrainingProgram): [weights: number, activation: number] {
  const sizes = tableSizes(variables.quantizers, variables.table, variables.unquantized);
  return [sizes.weightKbytes / 1024, sizes.activationMaxKbytes / 1024];
}

/** With a start that does not ask for the weights, whose drawing takes long. */
const fourBits = {
  ...{ w_quantize: 'parametric_fp_b_xmax', a_quantize: 'parametric_fp_b_xmax_relu' },
  ...{ w_stepsize: 'published', a_stepsize: 'published' },
};

describe('sizes of the paper', () => {
  // Counted are convolutions, the linear layer and its bias, not batch normalisations; of activations, what a ReLU or
  // ReLU6 leaves for one image. Where ours are 13.24 and 3.06 the paper's figure prints 13.23 and 3.04.
  it.each([
    ['mobilenetv2', 3_470_760, ['13.24', '1.65'], 96 * 112 * 112, ['4.59', '0.57']],
    ['resnet18', 11_679_912, ['44.56', '5.57'], 64 * 112 * 112, ['3.06', '0.38']],
  ] as const)('%s, float and at 4 bits', (model, weights, printedWeights, activation, printedActivations) => {
    const float = megabytes(built({ model }));
    expect(float).toEqual([(4 * weights) / 2 ** 20, (4 * activation) / 2 ** 20]);
    const quantized = megabytes(built({ model, ...fourBits }));
    expect(quantized).toEqual([weights / 2 ** 21, activation / 2 ** 21]);
    expect([float[0], quantized[0]].map((size) => size.toFixed(2))).toEqual(printedWeights);
    expect([float[1], quantized[1]].map((size) => size.toFixed(2))).toEqual(printedActivations);
  });
});

describe('MobileNetV2', () => {
  it.each([
    [32, 32],
    [11.2, 16],
    [16.8, 16],
    [18, 24],
    [2.4, 8],
    [22.4, 24],
    [44.8, 48],
  ])('makes %d channels %i', (channels, divisible) => {
    expect(byEight(channels)).toBe(divisible);
  });

  // Millions of values that its authors give for their trained networks, which count as we do.
  it.each([
    [0.35, 1.66],
    [0.5, 1.95],
    [0.75, 2.61],
    [1, 3.47],
    [1.4, 6.06],
  ])('of width %d has %d million weights', (width, millions) => {
    const { variables } = built({ model: 'mobilenetv2', width_multiplier: width }, 32);
    expect(Math.abs(variables.unquantized.weights / 1e6 - millions)).toBeLessThan(0.011);
  });

  it('quantizes every ReLU6 and every weight, not the linear outputs of its blocks', () => {
    const { plan, variables } = built({ model: 'mobilenetv2', ...fourBits }, 32, 10);
    const named = (role: string) => variables.quantizers.filter((q) => q.role === role).map(({ name }) => name);
    expect(named('activation')).toHaveLength(35);
    expect(named('activation').slice(0, 3)).toEqual([
      'features.0.2/Aquant',
      'features.1.conv.0.2/Aquant',
      'features.2.conv.0.2/Aquant',
    ]);
    expect(named('weight')).toHaveLength(53);
    expect(named('bias')).toEqual(['classifier.1.biasquant']);
    const linear = plan.phases.evaluate!.filter((node) => node.op === 'batchNorm' && !node.attributes.activation);
    expect(linear).toHaveLength(17);
  });

  it('has ReLU6 in float, and its sums inside the batch normalisations', () => {
    const { plan } = built({ model: 'mobilenetv2' }, 32, 10);
    const phase = plan.phases.train!;
    expect(phase.filter(({ op }) => op === 'activation' || op === 'add')).toEqual([]);
    const norms = phase.flatMap((node) => (node.op === 'batchNorm' ? [node] : []));
    expect(norms.filter(({ attributes }) => attributes.activation?.type === 'relu6')).toHaveLength(35);
    expect(norms.filter(({ operands }) => operands.shortcut)).toHaveLength(10);
  });

  it('starts as torchvision’s does', () => {
    const { variables } = built({ model: 'mobilenetv2' }, 32);
    const deviation = (name: string) => {
      const { start } = variables.find(name)!;
      return Math.sqrt(start.reduce((sum, value) => sum + value * value, 0) / start.length);
    };
    const expectNear = (name: string, right: number) => expect(deviation(name) / right).toBeCloseTo(1, 1);
    expectNear('features.0.0.weight', Math.sqrt(2 / (9 * 32)));
    expectNear('features.17.conv.0.0.weight', Math.sqrt(2 / 960));
    expectNear('features.17.conv.1.0.weight', Math.sqrt(2 / (9 * 960)));
    expectNear('classifier.1.weight', 0.01);
    expect(deviation('classifier.1.bias')).toBe(0);
    expect(variables.parameters.reduce((sum, { shape }) => sum + elementCount(shape), 0)).toBe(3_504_872);
  });

  it.each([8, 33, 96])('is built for images of %i pixels', (imageSize) => {
    const { plan } = built({ model: 'mobilenetv2', width_multiplier: 0.35 }, imageSize, 3);
    const pools = plan.phases.train!.flatMap((node) =>
      node.op === 'globalAveragePool' ? [node.operands.x.shape] : [],
    );
    expect(pools).toEqual([[1, Math.ceil(imageSize / 32), Math.ceil(imageSize / 32), 1280]]);
  });
});
