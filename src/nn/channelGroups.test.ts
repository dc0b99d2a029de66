import { describe, expect, it } from 'vitest';
import { declaredVariables } from '../program/trainingProgram.js';
import { experimentFromSettings, withDefinition } from '../settings/index.js';
import { programOptions } from '../train/programOptions.js';
import { channelOf } from './channelGroups.js';
import { type Define, defined } from './layers.js';

const shape = { classes: 10, imageShape: [16, 16, 3] as const, trainImages: 8, evaluationImages: 8 };
const quantized = {
  w_quantize: 'parametric_fp_d_xmax',
  a_quantize: 'parametric_fp_d_xmax_relu',
  ...{ budget: 'guaranteed', budget_prune: true, target_weight_kbytes: 1e6 },
};

function groupsOf(settings: Readonly<Record<string, unknown>>, define?: Define) {
  const experiment = experimentFromSettings('A', 'a.cfg', { ...quantized, ...settings });
  const definition = define ? defined({ input: shape.imageShape, names: 'dots' }, define) : null;
  return declaredVariables(programOptions(withDefinition(experiment, definition), shape, null)).channelGroups;
}

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
  const channel = channelOf({ shape: [6, 2] }, 'in', 3);
  expect(Array.from({ length: 12 }, (_, element) => channel(element))).toEqual([0, 0, 1, 1, 2, 2, 0, 0, 1, 1, 2, 2]);
});
