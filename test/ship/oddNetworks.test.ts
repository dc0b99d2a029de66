/**
 * Networks that nobody writes often: what reads a tensor twice, skips pixels, or has steps and functions that rarely go
 * together. The packed file, C, ONNX and QONNX have the interpreter's logits, or the refusal has a remedy.
 */

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema, NodeProtoSchema, TensorProtoSchema } from 'onnx-buf';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { checkOnnx, checkRuntime, expectedResults } from '../../src/deploy/checks.js';
import { exportedLayers } from '../../src/deploy/exportedLayers.js';
import { planOf } from '../../src/ship/c/plan.js';
import { inputOf } from '../../src/ship/integerNetwork.js';
import { lowerNetwork } from '../../src/ship/lowering.js';
import { channelsFirst } from '../../src/ship/onnx/channelsFirst.js';
import { exactModel } from '../../src/ship/onnx/exactModel.js';
import { qonnxModel } from '../../src/ship/onnx/qonnxModel.js';
import { packNetwork } from '../../src/ship/packedFile.js';
import { unpackNetwork } from '../../src/ship/packedReader.js';
import { shippable } from '../../src/ship/shippable.js';
import { networkFault } from '../../src/ship/verification.js';
import { openReference } from './forms/referenceValues.js';
import { type Shippable, shippableImages, shippableProgram } from './shippable.js';
import { expectStored, tracedProgram } from './tracedProgram.js';

const side = 8;
const uniform = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu' };
const linear = { ...uniform, a_quantize_linear: true, a_stepsize: 0.25 };
const powers = { ...linear, a_quantize: 'parametric_pow2_xmin_xmax_relu', a_bitwidth: 4 };

interface OddNetwork extends Omit<Shippable, 'side'> {
  /** C of others is like that of networks which are not odd. */
  readonly isOddInC?: true;
}

const networks: Readonly<Record<string, OddNetwork>> = {
  'two windows over one tensor': {
    settings: linear,
    define: (n, x) => {
      const wide = n.conv(x, 6);
      const pools = [3, 5].map((size) => n.maxPool(wide, { size, stride: 1, padding: (size - 1) / 2 }));
      return n.linear(n.globalAverage(n.concat([wide, ...pools])), 10);
    },
  },
  'maxima of windows with as much padding as taps, of bytes with and without a sign': {
    settings: linear,
    define: (n, x) => {
      const far = n.maxPool(n.conv(x, 6), { size: 3, stride: 1, padding: 'same', dilation: 3 });
      const edge = n.conv(far, 6, { activation: 'none' });
      const sides = { top: 0, bottom: 2, left: 2, right: 0 };
      return n.linear(n.globalAverage(n.maxPool(edge, { size: [2, 3], stride: [3, 1], padding: sides })), 10);
    },
  },
  'maxima of powers of two with as much padding as taps': {
    settings: powers,
    define: (n, x) => {
      const edge = n.conv(x, 6, { activation: 'none' });
      return n.linear(n.globalAverage(n.maxPool(edge, { size: 3, stride: 1, padding: 'same', dilation: 3 })), 10);
    },
  },
  'subsampled tensors that are convolved, pooled and added to each other': {
    settings: linear,
    define: (n, x) => {
      const wide = n.conv(x, 6);
      const few = n.subsample(wide, { stride: 2, channels: 6 });
      const fewer = n.maxPool(few, { size: 2 });
      const own = n.conv(few, 8, { stride: 2, activation: 'none' });
      return n.linear(n.globalAverage(n.add(own, n.subsample(fewer, { stride: 1, channels: 8 }))), 10);
    },
  },
  'functions to powers of two': {
    settings: powers,
    define: (n, x) =>
      n.linear(n.globalAverage(n.conv(n.conv(x, 6, { activation: 'sigmoid' }), 6, { activation: 'hardSwish' })), 10),
  },
  'steps that are no powers of two': {
    settings: {
      w_quantize: 'fp',
      a_quantize: 'fp_relu',
      a_stepsize: 0.3,
      w_stepsize: 0.1,
      w_bitwidth: 4,
      a_bitwidth: 6,
    },
    define: (n, x) => n.globalAverage(n.conv(n.conv(x, 6), 10, { stride: 2 })),
  },
  'images in halves of grey levels, means, channels side by side': {
    settings: { ...linear, normalise: 'symmetric' },
    define: (n, x) => {
      const half = n.averagePool(n.conv(x, 6), { size: 2 });
      return n.linear(n.globalAverage(n.conv(n.concat([half, n.conv(half, 4)]), 6)), 10);
    },
  },
  'sums that two layers read, and layers with names of ends': {
    settings: uniform,
    define: (n, x) => {
      const wide = n.conv(x, 6, { name: 'images' });
      const sum = n.conv(wide, 6, { activation: 'none', name: 'logits' });
      const [one, other] = [n.add(sum, wide, { name: 'image' }), n.add(sum, sum, { name: 'c1' })];
      return n.linear(n.globalAverage(n.concat([one, other])), 10);
    },
  },
  'a function that is always 0': {
    isOddInC: true,
    settings: { ...powers, a_stepsize: 4 },
    define: (n, x) => n.linear(n.globalAverage(n.conv(n.conv(x, 6, { activation: 'sigmoid' }), 6)), 10),
  },
  'a stride beyond 64': {
    isOddInC: true,
    settings: linear,
    define: (n, x) => n.linear(n.flatten(n.conv(x, 6, { size: 3, stride: [70, 2] })), 10),
  },
  'weights of powers of two that are stored in more bits than they need': {
    isOddInC: true,
    settings: {
      ...{
        ...uniform,
        w_quantize: 'parametric_pow2_xmin_xmax',
        w_bitwidth: 11,
        w_bitwidth_min: 11,
        w_bitwidth_max: 16,
      },
      ...{ w_xmin_min: 0.03125, w_xmax_max: 1 },
    },
    define: (n, x) => n.linear(n.globalAverage(n.conv(n.depthwise(n.conv(x, 6)), 8, { groups: 2 })), 10),
  },
  'activations that are stored in more bits than a byte has': {
    settings: {
      ...{ ...uniform, a_bitwidth: 9, a_bitwidth_min: 9, a_bitwidth_max: 16 },
      ...{ a_stepsize: 0.00390625, a_xmax_max: 0.99609375 },
    },
    define: (n, x) => n.linear(n.globalAverage(n.conv(n.conv(x, 6), 8)), 10),
  },
  'more tensors side by side than a byte numbers': {
    settings: linear,
    define: (n, x) => {
      const one = n.conv(x, 1);
      const many = Array.from({ length: 257 }, () => n.maxPool(one, { size: 2 }));
      return n.linear(n.globalAverage(n.concat(many)), 10);
    },
  },
  'one fully connected layer': {
    isOddInC: true,
    settings: linear,
    define: (n, x) => n.linear(n.flatten(x), 10),
  },
  'means that a fully connected layer reads, whose outputs are factors': {
    settings: linear,
    define: (n, x) => {
      const wide = n.conv(x, 6);
      const factors = n.linear(n.globalAverage(wide), 6, { activation: 'sigmoid' });
      return n.globalAverage(n.conv(n.multiply(wide, factors), 10));
    },
  },
  'means that a normalised fully connected layer reads': {
    settings: linear,
    define: (n, x) => n.linear(n.globalAverage(n.conv(x, 6)), 10, { batchNorm: true }),
  },
  'shortcuts in steps of a billionth': {
    settings: {
      ...{ ...linear, a_shared: false, a_bitwidth: 8, a_stepsize: 2 ** -30, a_stepsize_min: 2 ** -30 },
      ...{ a_xmax_min: 2 ** -30, layers: 'sum: a_stepsize = 0.015625' },
    },
    define: (n, x) => {
      const fine = n.conv(x, 6);
      const sum = n.add(n.conv(fine, 6, { activation: 'none' }), fine, { name: 'sum', activation: 'none' });
      return n.linear(n.globalAverage(sum), 10);
    },
  },
};

it('layers without weights have no bits of these', () => {
  const training = shippableProgram({
    ...networks['images in halves of grey levels, means, channels side by side']!,
    side,
  });
  const layers = exportedLayers(lowerNetwork(training, []).network);
  expect(layers.filter(({ weightBits }) => weightBits === null).map(({ name }) => name)).toContain('averagePool1');
  for (const { name, weightBits, weightBytes } of layers) expect(weightBits !== null, name).toBe(weightBytes > 0);
});

describe.each(Object.entries(networks))('%s', (_, shippable) => {
  const training = shippableProgram({ ...shippable, side });
  const lowered = lowerNetwork(training, []);
  const { network } = lowered;
  const expected = expectedResults(network, shippableImages(3, side));
  const logits = expected.flatMap((each) => channelsFirst([...each.logits], 10));

  it('is the trained network', async () => {
    const reference = await openReference(training);
    for (const { image, activations } of expected) {
      const trained = await reference(image);
      for (const { op, output } of network.layers.filter((layer) => layer.op === 'convolution')) {
        const wanted = Array.from(
          trained.activations.get(output.name.replace(/ 2$/, ''))!,
          (value) => Math.round(value / output.step) + 0,
        );
        expect([...activations.get(output.name)!], `${op} ${output.name}`).toEqual(wanted);
      }
    }
  });

  it('is what the packed file holds and the runtime computes', async () => {
    const packed = packNetwork(network);
    expect(networkFault(unpackNetwork(packed, 'net'), lowered)).toBeNull();
    for (const { activations, logits } of Object.values(await checkRuntime(packed, expected))) {
      expect([activations, logits]).toEqual([0, 0]);
    }
  });

  if (shippable.isOddInC) {
    it('is what C computes', () => {
      expectStored(
        network,
        expected.map(({ image }) => image),
        tracedProgram(network, { optimisation: '-O0' }),
      );
    });
  }

  it('is what ONNX computes', async () => {
    const model = exactModel(network, { packed: false, metadata: {} });
    expect(await onnxLogits(model)).toEqual(logits);
    const levels = (await checkOnnx(network, model, expected))!;
    expect(Object.values(levels).map(({ logits: different }) => different)).toEqual([0, 0, 0]);
    // onnxruntime multiplies by lists without numbers, and gives what stands in memory.
    expect(fromBinary(ModelProtoSchema, model).graph!.initializer.every(({ rawData }) => rawData.length > 0)).toBe(
      true,
    );
  });

  if (/pow2/.test(`${shippable.settings.w_quantize} ${shippable.settings.a_quantize}`)) {
    it('is refused by QONNX, which has no powers of two', () => {
      const model = () => qonnxModel(network, { metadata: {} });
      expect(model).toThrow(/: holds powers of two, which QONNX does not have; use exact$/);
    });
  } else {
    it('is what QONNX computes', async () => {
      expect(await onnxLogits(withoutIntQuant(qonnxModel(network, { metadata: {} })))).toEqual(logits);
    });
  }

  async function onnxLogits(model: Uint8Array): Promise<number[]> {
    const session = await InferenceSession.create(model, { graphOptimizationLevel: 'disabled', logSeverityLevel: 3 });
    const batch = Uint8Array.from(expected.flatMap(({ image }) => [...channelsFirst(image, 3)]));
    const result = await session.run({ image: new Tensor('uint8', batch, [expected.length, 3, side, side]) });
    await session.release();
    return Array.from(result.logits!.data as Iterable<number | bigint>, Number);
  }
});

describe('refused in words', () => {
  const faultOf = (network: Omit<Shippable, 'side'>) => shippable(shippableProgram({ ...network, side })).fault;

  it('channels of zeros that a convolution reads', () => {
    const wide: Shippable['define'] = (n, x) =>
      n.linear(n.globalAverage(n.conv(n.subsample(n.conv(x, 6), { stride: 2, channels: 8 }), 6)), 10);
    expect(faultOf({ settings: linear, define: wide })).toBe(
      'conv1/every 2: the convolution with conv2.weight reads its channels of zeros, which are only added; subsample to 6 ' +
        'channels, those that are there',
    );
  });

  it('a stride that no file holds', () => {
    const far: Shippable['define'] = (n, x) => n.linear(n.flatten(n.conv(x, 6, { stride: [256, 1] })), 10);
    expect(faultOf({ settings: linear, define: far })).toBe(
      'conv1.weight: has a window with 256, 255 is the most; the network cannot be exported',
    );
  });

  it('a sum with the image, which C alone does not hold', () => {
    const define: Shippable['define'] = (n, x) => {
      const sum = n.add(n.conv(x, 3, { activation: 'none' }), x);
      return n.linear(n.globalAverage(n.conv(sum, 6)), 10);
    };
    const { forms, fault } = shippable(shippableProgram({ settings: linear, define, side }));
    expect(forms).toEqual(['packed', 'onnx']);
    expect(fault).toContain('C reads the image in convolutions and fully connected layers only');
  });

  it('more tensors side by side than a byte numbers, which C alone does not hold', () => {
    const { settings, define } = networks['more tensors side by side than a byte numbers']!;
    expect(shippable(shippableProgram({ settings, define: define!, side }))).toEqual({
      forms: ['packed', 'onnx'],
      fault: 'conv1/max: stands beside 256 other tensors, in C 255 are the most; export it without c (--to)',
    });
  });

  it('weights of powers of two that no 32 bits hold', () => {
    const settings = { model: 'tiny', w_quantize: 'pow2', w_bitwidth: 7, a_quantize: 'fp_relu' };
    expect(faultOf({ settings })).toMatch(
      /^conv1\/quantized_conv\/W: its largest power of two is \d+ times its smallest, a device's may be 1073741824 times; train it with a narrower range \(w_bitwidth\)$/,
    );
  });

  it('weights of so many bits that the smallest power of two is 0', () => {
    const settings = { model: 'tiny', w_quantize: 'pow2', w_bitwidth: 16, w_bitwidth_max: 16, a_quantize: 'fp_relu' };
    expect(faultOf({ settings })).toMatch(/^conv1\/quantized_conv\/W: its largest power of two is Infinity times/);
  });

  it.each([
    ['bytes', {}],
    ['bytes on no grid, which a quantizer takes to bytes', { mean: 0.433, std: 0.2, a_quantize_input: true }],
  ])('the image where only convolutions read it: %s', (_, inputs) => {
    const program = shippableProgram({
      ...{ settings: { ...linear, ...inputs }, side },
      define: (n, x) => n.linear(n.globalAverage(n.conv(n.maxPool(x, { size: 2 }), 6)), 10),
    });
    const { network } = lowerNetwork(program, []);
    const remedy =
      'reads the image in convolutions and fully connected layers only; begin with one, or train on bytes with ' +
      'a_quantize_input = true and normalise = shift';
    const image = inputOf(network).output.name;
    expect(() => planOf(network)).toThrow(`${image}/max: C ${remedy}`);
    expect(shippable(program)).toEqual({ forms: ['packed'], fault: `${image}: ONNX ${remedy}` });
    expect(() => exactModel(network, { packed: false, metadata: {} })).toThrow(`${image}: ONNX ${remedy}`);
  });
});

/** A QONNX model with `IntQuant`, which onnxruntime does not have, as rounding and clipping. */
function withoutIntQuant(bytes: Uint8Array): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes);
  const graph = model.graph!;
  const numberOf = (constant: string) => {
    const { rawData } = graph.initializer.find(({ name }) => name === constant)!;
    return new Float32Array(rawData.slice().buffer)[0]!;
  };
  const scalar = (name: string, value: number) => {
    const rawData = new Uint8Array(Float32Array.of(value).buffer);
    graph.initializer.push(create(TensorProtoSchema, { name, dataType: 1, rawData }));
    return name;
  };
  graph.node = graph.node.flatMap((node) => {
    if (node.opType !== 'IntQuant') return [node];
    const [x, scale, zero, width] = node.input as [string, string, string, string];
    const [output] = node.output as [string];
    expect([numberOf(scale), numberOf(zero)]).toEqual([1, 0]);
    const given = new Map(node.attribute.map(({ name, i }) => [name, Number(i)] as const));
    const levels = 2 ** (numberOf(width) - given.get('signed')!);
    const limits = [
      scalar(`${output}/lo`, given.get('signed') ? given.get('narrow')! - levels : 0),
      scalar(`${output}/hi`, levels - 1),
    ];
    const rounded = create(NodeProtoSchema, { opType: 'Round', input: [x], output: [`${output}/rounded`] });
    return [
      rounded,
      create(NodeProtoSchema, { opType: 'Clip', input: [...rounded.output, ...limits], output: [output] }),
    ];
  });
  model.opsetImport = model.opsetImport.filter(({ domain }) => domain === '');
  return toBinary(ModelProtoSchema, model);
}
