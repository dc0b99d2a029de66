import { describe, expect, it } from 'vitest';
import { declaredVariables } from '../program/trainingProgram.js';
import { experimentFromSettings, withDefinition } from '../settings/index.js';
import { programOptions } from '../train/programOptions.js';
import { forEachRun, thinned } from './channelGroups.js';
import { type Define, defined } from './layers.js';
import { modelDefinition } from './models/models.js';

const shape = { classes: 10, imageShape: [16, 16, 3] as const, trainImages: 8, evaluationImages: 8 };
const quantized = {
  w_quantize: 'parametric_fp_d_xmax',
  a_quantize: 'parametric_fp_d_xmax_relu',
  ...{ budget: 'guaranteed', budget_prune: true, target_weight_kbytes: 1e6 },
};

function optionsOf(settings: Readonly<Record<string, unknown>>, define?: Define) {
  const experiment = experimentFromSettings('A', 'a.cfg', { ...quantized, ...settings });
  const definition = define ? defined({ input: shape.imageShape, names: 'dots' }, define) : null;
  return programOptions(withDefinition(experiment, definition), shape, null);
}

function groupsOf(settings: Readonly<Record<string, unknown>>, define?: Define) {
  return declaredVariables(optionsOf(settings, define)).channelGroups;
}

const everyReader: Define = (n, x) => {
  const pooled = n.averagePool(n.maxPool(n.depthwise(n.conv(x, 8)), { size: 2 }), { size: 2 });
  return n.linear(n.linear(n.flatten(n.conv(pooled, 6)), 12, { batchNorm: true, activation: 'relu' }), 10);
};

describe('channels that can go without a trace', () => {
  it('are those between the convolutions of a residual block, and none that a sum reads', () => {
    const groups = groupsOf({ model: 'resnet20' });
    expect(groups.map(({ layer, channels }) => `${layer}: ${channels}`)).toEqual(
      [16, 32, 64].flatMap((channels, at) =>
        [1, 2, 3].map((layer) => `res${at + 1}/layer${layer}/basicblock1: ${channels}`),
      ),
    );
    expect(groups[0]!.weights).toEqual([
      { name: 'res1/layer1/basicblock1/quantized_conv/W', axis: 'out' },
      { name: 'res1/layer1/basicblock2/quantized_conv/W', axis: 'in' },
    ]);
    expect(groups[0]!.factors).toHaveLength(2);
    expect(groups[0]!.variables.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['res1/layer1/basicblock1/bn/mean', 'res1/layer1/basicblock1/bn/var']),
    );
  });

  it('go on through depthwise convolutions, whose own γ and β they take along', () => {
    const [first] = groupsOf({ model: 'mobilenetv2' }).filter(({ channels }) => channels === 96);
    expect(first!.weights.map(({ axis }) => axis)).toEqual(['out', 'out', 'in']);
    expect(first!.factors).toHaveLength(4);
  });

  it('have exponents where channels have steps of their own', () => {
    const [first] = groupsOf({ model: 'tiny', w_per_channel: true });
    expect(first!.variables).toContainEqual({
      name: expect.stringMatching(/^conv1.*exponents$/),
      axis: 'out',
    });
  });

  it.each<[string, Readonly<Record<string, unknown>>, Define?]>([
    ['ResNet-20', { model: 'resnet20' }],
    ['MobileNetV2', { model: 'mobilenetv2', a_quantize_linear: true, w_per_channel: true }],
    ['a network with depthwise convolutions, pooling and flattening', { a_quantize_linear: true }, everyReader],
  ])('have the rows of the tensors that shrink without a channel: %s', (_, settings, define) => {
    const options = optionsOf(settings, define);
    const { channelGroups, quantizers } = declaredVariables(options);
    const definition = modelDefinition(options.model, options.imageShape);
    expect(channelGroups).not.toHaveLength(0);
    for (const { layer, channels, rows } of channelGroups) {
      const thinner = thinned(definition, new Map([[layer, channels - 1]]));
      const left = declaredVariables({ ...options, model: { ...options.model, definition: thinner } }).quantizers;
      const shrunk = [...quantizers.keys()].filter((row) => left[row]!.count < quantizers[row]!.count);
      expect([...rows].sort((a, b) => a - b)).toEqual(shrunk);
    }
  });

  it('are none where a quantizer behind them learns nothing: its gradient at 0 is not 0', () => {
    expect(groupsOf({ model: 'tiny' })).toHaveLength(2);
    expect(groupsOf({ model: 'tiny', layers: 'conv1*: a_quantize = fp_relu' })).toHaveLength(1);
  });

  it.each<[string, Define]>([
    ['a bias', (n, x) => n.conv(x, 8, { batchNorm: false })],
    ['no ReLU', (n, x) => n.conv(x, 8, { activation: 'none' })],
    ['another function', (n, x) => n.conv(x, 8, { activation: 'hardSwish' })],
    ['groups behind it', (n, x) => n.conv(n.conv(x, 8), 8, { groups: 2, activation: 'none' })],
    ['a concatenation behind it', (n, x) => n.concat([n.conv(x, 8), x])],
  ])('do not exist with %s', (_, define) => {
    expect(groupsOf({}, (n, x) => n.linear(n.flatten(define(n, x)), 10))).toEqual([]);
  });
});

it('a fully connected layer reads a channel of a flattened image once a pixel', () => {
  const channels: number[] = [];
  forEachRun({ shape: [6, 2] }, 'in', 3, (channel, begin, end) => {
    for (let element = begin; element < end; element++) channels[element] = channel;
  });
  expect(channels).toEqual([0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
});
