/**
 * The networks of MLPerf Tiny against the counts of their Keras definitions (github.com/mlcommons/tiny,
 * benchmark/training/*, `model.summary()`; 23 756 stands as well in NXP's model zoo, eiq-model-zoo, keyword-spotting_DSCNN).
 * There every convolution and dense layer has a bias, also before batch normalisations, where it changes nothing and is
 * left out here: one a channel.
 */

import { expect, it } from 'vitest';
import { layerFacts } from '../layerFacts.js';
import { modelDefinition } from './models.js';

const definition = (model: string, classes: number, input: readonly number[], widthMultiplier = 1) =>
  modelDefinition({ model, classes, shortcutType: '', scaleLayer: false, widthMultiplier }, input);

it.each([
  { model: 'ds_cnn', input: [49, 10, 1], classes: 12, trained: 23_756, all: 24_908, products: 2_656_768 },
  {
    model: 'mobilenetv1',
    input: [96, 96, 3],
    classes: 2,
    width: 0.25,
    trained: 216_322,
    all: 221_794,
    products: 7_489_664,
  },
  { model: 'resnet8', input: [32, 32, 3], classes: 10, trained: 78_186, all: 78_666, products: 12_501_632 },
  { model: 'dense_autoencoder', input: [1, 1, 640], classes: 640, trained: 267_928, all: 269_992, products: 264_192 },
])('$model has as many parameters and multiplications', ({ model, input, classes, width, trained, all, products }) => {
  const net = definition(model, classes, input, width);
  const facts = layerFacts(net);
  const parameters = facts.reduce((sum, layer) => sum + layer.parameters, 0);
  const channels = facts
    .filter(({ layer }) => 'batchNorm' in layer && layer.batchNorm !== null)
    .reduce((total, { shape }) => total + shape.at(-1)!, 0);
  expect(parameters + channels).toBe(trained);
  // Running means and variances.
  expect(parameters + channels + 2 * channels).toBe(all);
  expect(facts.reduce((sum, layer) => sum + layer.multiplications, 0)).toBe(products);
});
