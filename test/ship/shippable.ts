/** Networks to ship, small enough for tests: as if trained, with normalisations of all signs and sizes. */

import { createRandom } from '../../src/data/random.js';
import { type Define, type NetworkDefinition, network } from '../../src/nn/index.js';
import { quantizerReport } from '../../src/program/quantizerReport.js';
import { buildTrainingProgram, type TrainingProgram } from '../../src/program/trainingProgram.js';
import { experimentFromSettings, withDefinition } from '../../src/settings/index.js';
import type { IntegerNetwork } from '../../src/ship/integerNetwork.js';
import { lowerNetwork } from '../../src/ship/lowering.js';
import { programOptions } from '../../src/train/programOptions.js';
import { isThorough } from '../tier.js';

/** Kinds and shortcuts are the same in a ResNet of a quarter of the width, which is whole where instructions are counted. */
const narrow = isThorough ? {} : { width_multiplier: 0.25 };
const uniform = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu' };

export interface Shippable {
  readonly settings: Readonly<Record<string, unknown>>;
  readonly side: number;
  /** A network of one's own. */
  readonly define?: Define;
}

/** Kinds, granularities, shortcuts and networks that ship. */
export const shippables: Readonly<Record<string, Shippable>> = {
  'fixed 2 and 4 bits': {
    settings: { w_quantize: 'fp', a_quantize: 'fp_relu', w_bitwidth: 2, a_bitwidth: 4, a_stepsize: 0.5 },
    side: 16,
  },
  'learned step and range, pixels p/256': {
    settings: { ...uniform, normalise: 'unit', w_bitwidth: 5, a_bitwidth: 6, a_stepsize: 0.125 },
    side: 16,
  },
  'learned bits and range, 8 bits': {
    settings: {
      ...narrow,
      w_quantize: 'parametric_fp_b_xmax',
      a_quantize: 'parametric_fp_b_xmax_relu',
      w_bitwidth: 8,
      a_bitwidth: 7,
    },
    side: 16,
  },
  'powers of two': {
    settings: {
      ...narrow,
      w_quantize: 'parametric_pow2_xmin_xmax',
      a_quantize: 'parametric_pow2_xmin_xmax_relu',
      w_bitwidth: 4,
    },
    side: 16,
  },
  'fixed powers of two': {
    settings: {
      ...{ ...narrow, w_quantize: 'pow2', a_quantize: 'pow2_relu', w_bitwidth: 3, a_bitwidth: 3 },
      a_stepsize: 'published',
    },
    side: 16,
  },
  'a step a channel': { settings: { ...narrow, ...uniform, w_per_channel: true, a_stepsize: 0.25 }, side: 16 },
  'shortcuts with convolutions': {
    settings: { ...narrow, ...uniform, shortcut_type: 'c', a_stepsize: 0.25 },
    side: 16,
  },
  'shortcuts with quantized convolutions': {
    settings: { ...narrow, ...uniform, shortcut_type: 'b', a_quantize_linear: true, a_stepsize: 0.25 },
    side: 16,
  },
  'scaled logits': { settings: { ...narrow, ...uniform, scale_layer: true, a_stepsize: 0.25 }, side: 16 },
  'MobileNetV2, images and what has no ReLU with a sign': {
    settings: {
      ...{ ...uniform, model: 'mobilenetv2', width_multiplier: 0.1, a_stepsize: 0.25, a_bitwidth: 6 },
      ...{ a_quantize_linear: true, a_quantize_input: true },
    },
    side: 32,
  },
  'an own network: windows that differ, means, hidden layers': {
    settings: { ...uniform, a_quantize_linear: true, a_stepsize: 0.25 },
    side: 16,
    define: (n, x) => {
      const wide = n.conv(x, 8, { size: [5, 2], stride: [2, 1], padding: 'same' });
      const far = n.depthwise(wide, { padding: 2, dilation: 2 });
      const narrow = n.conv(far, 12, { size: [1, 3], activation: 'none' });
      const halves = n.averagePool(narrow, { size: 3, stride: 2, padding: 1, countsPadding: true });
      const most = n.maxPool(halves, {
        size: [3, 2],
        stride: [1, 2],
        padding: { top: 1, bottom: 1, left: 0, right: 1 },
      });
      const sum = n.add(most, n.conv(most, 12, { activation: 'none' }), { activation: 'none' });
      const hidden = n.linear(n.globalAverage(sum), 20, { activation: 'relu' });
      return n.linear(n.linear(hidden, 9), 10);
    },
  },
  'an own network: biases, groups, flattened images, normalised features': {
    settings: { ...uniform, a_quantize_linear: true, a_stepsize: 0.25 },
    side: 8,
    define: (n, x) => {
      const sum = n.add(n.conv(x, 8, { batchNorm: false }), n.conv(x, 8, { activation: 'none' }));
      const small = n.conv(sum, 6, { stride: 3, groups: 2, batchNorm: false, activation: 'none' });
      const features = n.linear(n.flatten(small), 12, { batchNorm: true, activation: 'relu' });
      return n.linear(n.linear(features, 16, { activation: 'relu' }), 10);
    },
  },
  'an own network: channels side by side, some of them, in turn, normalised': {
    settings: {
      ...uniform,
      a_quantize_linear: true,
      a_bitwidth: 4,
      a_stepsize: 0.25,
      a_shared: false,
      layers: 'conv2: a_stepsize = 0.5\nconv4: a_stepsize = 8',
    },
    side: 8,
    define: (n, x) => {
      const [fine, coarse] = [n.conv(x, 8), n.conv(x, 6)];
      const mixed = n.shuffle(n.concat([fine, coarse, n.slice(fine, { first: 2, channels: 2 })]), { groups: 4 });
      const own = n.conv(mixed, 8, { groups: 2, activation: 'none' });
      const sum = n.add(own, n.slice(mixed, { first: 4, channels: 8 }));
      // Steps that share no 8 bits.
      const far = n.activation(n.concat([sum, n.conv(fine, 4)]), 'relu');
      return n.linear(n.globalAverage(n.batchNorm(n.concat([far, fine]), { name: 'bn' })), 10);
    },
  },
  'an own network: operands of sums and concats with a quantizer together': {
    settings: { ...uniform, a_quantize_linear: true, a_bitwidth: 8, a_stepsize: 0.03125 },
    side: 8,
    define: (n, x) => {
      const [one, other] = [n.conv(x, 6), n.conv(x, 6, { activation: 'none' })];
      const sides = n.concat([n.maxPool(one, { size: 2 }), n.maxPool(other, { size: 2 })]);
      const [gate, low] = [n.conv(sides, 6, { activation: 'sigmoid' }), n.conv(sides, 6, { activation: 'silu' })];
      return n.linear(n.globalAverage(n.add(n.conv(gate, 6), n.conv(n.concat([gate, low]), 6))), 10);
    },
  },
  'an own network: sigmoids, hard-swish, SiLU, squeeze and excite': {
    settings: { ...uniform, a_quantize_linear: true, a_bitwidth: 6, a_stepsize: 0.0625 },
    side: 8,
    define: (n, x) => {
      const first = n.conv(x, 12, { activation: 'hardSwish' });
      const squeezed = n.linear(n.globalAverage(first), 6, { activation: 'relu' });
      const excited = n.multiply(first, n.linear(squeezed, 12, { activation: 'hardSigmoid' }));
      const sum = n.add(n.conv(excited, 12, { activation: 'none' }), first, { activation: 'silu' });
      const gates = n.conv(sum, 12, { size: 1, batchNorm: false, activation: 'sigmoid' });
      const features = n.multiply(sum, n.globalAverage(gates), { activation: 'relu' });
      return n.linear(n.globalAverage(features), 10);
    },
  },
  'an own network: a class for every pixel, of a sum': {
    settings: { ...uniform, loss: 'pixels', a_stepsize: 0.25 },
    side: 8,
    define: (n, x) => {
      const wide = n.conv(x, 10, { stride: 2 });
      const own = n.conv(n.conv(wide, 6, { groups: 2 }), 10, { batchNorm: false, activation: 'none' });
      const both = n.add(own, n.conv(wide, 10, { size: 1, batchNorm: false, activation: 'none' }), {
        activation: 'none',
      });
      return n.add(both, wide, { activation: 'none' });
    },
  },
  'an own network: pixels of a normalised sum, times a number': {
    settings: { ...uniform, loss: 'pixels', a_stepsize: 0.25 },
    side: 8,
    define: (n, x) => {
      const wide = n.conv(x, 10, { stride: 2 });
      const sum = n.add(n.depthwise(wide, { activation: 'none' }), wide, { activation: 'none' });
      return n.scale(sum, { name: 'scale_layer' });
    },
  },
  'an own network: channels whose means are the logits, scaled': {
    settings: { ...uniform, a_stepsize: 0.25 },
    side: 8,
    define: (n, x) => n.scale(n.globalAverage(n.conv(n.conv(x, 6), 10)), { name: 'scale_layer' }),
  },
  'ResNet-18': { settings: { ...uniform, model: 'resnet18', width_multiplier: 0.25, a_stepsize: 0.25 }, side: 32 },
};

/** A program for `side`×`side` images of ten classes whose values look trained; batches of one image. */
export function shippableProgram({ settings, side, define }: Shippable, images = 4): TrainingProgram {
  const own = define ? network({ input: [side, side, 3] }, define) : null;
  const experiment = withDefinition(
    experimentFromSettings('SHIP', 'ship.cfg', { ...settings, ...(own && { model: 'own' }), batch_size: 1 }),
    own,
  );
  const shape = {
    classes: 10,
    imageShape: [side, side, 3] as const,
    trainImages: 1,
    evaluationImages: images,
    ...mapOf(own),
  };
  return asTrained(buildTrainingProgram(programOptions(experiment, shape, null)));
}

/** The shape of targets, where a network has a class for every pixel. */
function mapOf(own: NetworkDefinition | null): { readonly targetShape?: readonly number[] } {
  return typeof own?.outputs === 'object' ? { targetShape: own.outputs.slice(0, 2) } : {};
}

/** A program whose normalisations have moments, factors and offsets of all signs and sizes. */
export function asTrained(training: TrainingProgram): TrainingProgram {
  const random = createRandom(5);
  const redraw = (values: Float64Array, next: () => number) => values.set(Array.from(values, next));
  for (const { name, start } of [...training.variables.parameters, ...training.variables.running]) {
    if (/gamma|bn\d?\.weight|\.1\.weight/.test(name)) redraw(start, () => gammaOf(random.uniform()));
    if (/beta|bn\d?\.bias/.test(name)) redraw(start, () => 0.4 + random.normal());
    if (/mean/.test(name)) redraw(start, () => 0.2 * random.normal());
    if (/var/.test(name)) redraw(start, () => 0.2 + random.uniform());
    if (/scale_layer/.test(name)) start.fill(-0.7);
  }
  return training;
}

/** A tenth falls, a tenth is flat. */
function gammaOf(u: number): number {
  if (u < 0.1) return -0.5 - u;
  return u < 0.2 ? 0 : 0.3 + u;
}

/** Random images, bytes [side, side, 3]; the first is all black, the second all white. */
export function shippableImages(count: number, side: number): Uint8Array[] {
  const { uniform } = createRandom(9);
  return Array.from({ length: count }, (_, n) => {
    const image = Uint8Array.from({ length: side * side * 3 }, () => Math.floor(256 * uniform()));
    return n < 2 ? image.fill(255 * n) : image;
  });
}

const shipped = new Map<string, { readonly network: IntegerNetwork; readonly peakBytes: number }>();

/**
 * A shippable lowered to integers, once for all tests of a process, for images of its or another side, images, and the
 * peak that training counts.
 */
export function shippedNetwork(
  name: string,
  count: number,
  side = shippables[name]!.side,
): { network: IntegerNetwork; images: Uint8Array[]; peakBytes: number } {
  const key = `${name}, ${side}`;
  const lowered = shipped.get(key) ?? lower(name, side);
  shipped.set(key, lowered);
  return { ...lowered, images: shippableImages(count, side) };
}

function lower(name: string, side: number) {
  const program = shippableProgram({ ...shippables[name]!, side });
  const { activations_peak_kb } = quantizerReport(program.variables, program.variables.table, 0).sizes;
  return { network: lowerNetwork(program, []).network, peakBytes: 1024 * activations_peak_kb! };
}
