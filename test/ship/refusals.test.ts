/**
 * Networks that cannot run in integers: refused in one line with the tensor's name in tables, the fault, and a remedy.
 */

import { expect, it } from 'vitest';
import { shippable } from '../../src/ship/shippable.js';
import { shippableProgram } from './shippable.js';

const quantized = { model: 'tiny', w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu' };
const mobile = { ...quantized, model: 'mobilenetv2', width_multiplier: 0.1 };

it.each([
  [
    'a float network',
    { model: 'tiny' },
    'conv1/quantized_conv/W: is not quantized; set w_quantize, and let no rule in layers say none',
  ],
  [
    'weights alone',
    { model: 'tiny', w_quantize: 'fp' },
    'conv1: its relu is not quantized, so it would stay float on the device; set a_quantize, and let no rule in layers ' +
      'say none',
  ],
  [
    'an activation that a rule leaves out',
    { ...quantized, layers: 'conv2: a_quantize = none' },
    'conv2: its relu is not quantized, so it would stay float on the device; set a_quantize, and let no rule in layers ' +
      'say none',
  ],
  [
    'a weight that a rule leaves out',
    { ...quantized, layers: 'conv2/quantized_conv/W: w_quantize = none' },
    'conv2/quantized_conv/W: is not quantized; set w_quantize, and let no rule in layers say none',
  ],
  [
    'outputs without ReLU',
    mobile,
    'features.1: is not quantized, but the convolution with features.2.conv.0.0.weight reads it, so it would stay ' +
      'float on the device; set a_quantize_linear = true, and let no rule in layers say none',
  ],
  [
    'activations of nine bits',
    { ...quantized, a_bitwidth: 9, a_bitwidth_max: 9 },
    'conv1: integers up to 511 need 9 bits, an activation may have 8; train it with fewer (a_xmax_max, a_stepsize_min, ' +
      'or a budget)',
  ],
  [
    'activations of powers of two too far apart',
    { ...quantized, a_quantize: 'pow2_relu', a_bitwidth: 6 },
    "conv1: its largest power of two is 2147483648 times its smallest, a device's may be 65536 times; train it with a " +
      'narrower range (a_bitwidth)',
  ],
  [
    'weights of nine bits',
    { ...quantized, w_quantize: 'fp', w_bitwidth: 9, w_bitwidth_max: 9 },
    'conv1/quantized_conv/W: integers up to ±255 need 9 bits, a weight may have 8; train it with fewer (w_bitwidth)',
  ],
  [
    'sums beyond an accumulator',
    { ...quantized, w_quantize: 'pow2', w_bitwidth: 5, a_quantize: 'pow2_relu', a_bitwidth: 5 },
    "conv2/quantized_conv/W: sums reach 6958350336, 34 bits, a device's accumulator has 32; train it with fewer bits or, " +
      'where values are powers of two, a narrower range (w_xmin_min, a_xmin_min)',
  ],
  [
    'a std for each channel',
    { ...quantized, mean: '0.5,0.5,0.5', std: '0.2,0.3,0.4' },
    'images: std differs between channels (0.2, 0.3, 0.4), so they lie on no grid of integers; set a_quantize_input = ' +
      'true, or train on bytes with normalise = shift',
  ],
  [
    'a mean between grey levels',
    { ...quantized, mean: 0.31 },
    'images: mean 0.31 is no fraction of a grey level, so they lie on no grid of integers; set a_quantize_input = true, ' +
      'or train on bytes with normalise = shift',
  ],
])('%s', (_, settings, message) => {
  expect(shippable(shippableProgram({ settings, side: 8 })).fault).toBe(message);
});

it.each([
  ['gamma', Number.NaN, 'conv1/bn/gamma: holds NaN, which is no number of a device; its training has diverged'],
  [
    'mean',
    Number.POSITIVE_INFINITY,
    'conv1/bn/mean: holds Infinity, which is no number of a device; its training has diverged',
  ],
  ['var', -1, 'conv1/bn/var: holds -1, and no variance is below 0'],
] as const)('a normalisation whose %s is %f', (parameter, value, message) => {
  const program = shippableProgram({ settings: quantized, side: 8 });
  const { parameters, running } = program.variables;
  [...parameters, ...running].find(({ name }) => name.endsWith(`/${parameter}`))!.start.fill(value, 0, 1);
  expect(shippable(program).fault).toBe(message);
});

it('a hard-swish without a quantizer', () => {
  const program = shippableProgram({
    settings: { ...quantized, model: 'own' },
    side: 8,
    define: (n, x) => n.linear(n.globalAverage(n.conv(x, 4, { activation: 'hardSwish' })), 10),
  });
  expect(shippable(program).fault).toBe(
    'conv1: its hardSwish is not quantized, so it would stay float on the device; set a_quantize and a_quantize_linear = ' +
      'true, and let no rule in layers say none',
  );
});

it.each([
  ['padding', { size: 3, stride: 1, padding: 1 }],
  ['ceil', { size: 3, ceil: true }],
])('means over fewer pixels at the edge: %s', (_, window) => {
  const program = shippableProgram({
    settings: { ...quantized, model: 'own', a_quantize_linear: true },
    side: 8,
    define: (n, x) => n.linear(n.globalAverage(n.conv(n.averagePool(n.conv(x, 4), window), 4)), 10),
  });
  expect(shippable(program).fault).toBe(
    'conv1: is averaged over windows that reach beyond the image; means over fewer pixels have no integer form yet; train ' +
      'it with padding 0 and without ceil, or with countsPadding',
  );
});

it('factors of channels in steps that are no powers of two', () => {
  const program = shippableProgram({
    settings: { model: 'own', w_quantize: 'fp', a_quantize: 'fp_relu', a_stepsize: 0.3, a_quantize_linear: true },
    side: 8,
    define: (n, x) => {
      const h = n.conv(x, 4);
      return n.linear(
        n.globalAverage(n.multiply(h, n.linear(n.globalAverage(h), 4, { activation: 'relu' }), { activation: 'relu' })),
        10,
      );
    },
  });
  expect(shippable(program).fault).toContain(
    'is 0.3, and channels are multiplied in steps that are powers of two; give it such a step',
  );
});

it('channels side by side whose steps are too far apart', () => {
  const settings = {
    ...{ ...quantized, model: 'own', a_stepsize: 0.25, a_bitwidth: 7 },
    ...{ a_shared: false, layers: 'conv2: a_stepsize = 1' },
  };
  const program = shippableProgram({
    settings,
    side: 8,
    define: (n, x) => n.linear(n.globalAverage(n.concat([n.conv(x, 4), n.conv(x, 4)])), 10),
  });
  expect(shippable(program).fault).toBe(
    'channels 1 of conv1, conv2: their steps (0.25, 1) need more than 8 bits together, or some are powers of two; train ' +
      "it with a_shared = true, which gives them one step, or put a ReLU behind them, n.activation(x, 'relu')",
  );
});
