/** The profiles beside the exact one: what accelerators fuse, with its mismatches counted, and QONNX's structure. */

import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { describe, expect, it } from 'vitest';
import { npuMismatches } from '../../src/deploy/npuMismatches.js';
import type { Define } from '../../src/nn/index.js';
import type { IntegerLayer, IntegerNetwork } from '../../src/ship/integerNetwork.js';
import { lowerNetwork } from '../../src/ship/lowering.js';
import { npuModel } from '../../src/ship/onnx/npuModel.js';
import { qonnxModel } from '../../src/ship/onnx/qonnxModel.js';
import { shippableImages, shippableProgram, shippedNetwork } from './shippable.js';

const networkOf = (name: string) => shippedNetwork(name, 0).network;
async function mismatchesOf(network: IntegerNetwork) {
  const counted = await npuMismatches(network, shippableImages(4, 16));
  if (!counted) throw new Error('onnxruntime-node is not installed');
  return counted;
}

/** Even sums, slopes of ±1/8 and 0, and biases that are odd multiples of a sum's unit. */
function foldable(network: IntegerNetwork): IntegerNetwork {
  const layers = network.layers.map((layer): IntegerLayer => {
    if (layer.op !== 'convolution') return layer;
    const { requantization, products } = layer;
    const channels = Array.from(requantization.shifts.keys());
    return {
      ...layer,
      products: products.map((product) => {
        const values = product.weights.values.map((value) => 2 * value);
        return { ...product, weights: { ...product.weights, values } };
      }),
      requantization: {
        ...requantization,
        multipliers: [Int32Array.from(channels, (channel) => [1, -1, 1, 0, 1][channel % 5]!)],
        biases: BigInt64Array.from(channels, (channel) => BigInt(2 * (channel % 7) + 1)),
        shifts: Uint8Array.from(channels, () => 3 - requantization.outputShift),
      },
    };
  });
  return { ...network, layers };
}

const graphOf = (model: Uint8Array) => fromBinary(ModelProtoSchema, model);

describe('for accelerators', () => {
  it.each(['fixed 2 and 4 bits', 'a step a channel'])('%s: differences are counted', async (name) => {
    const { activations, logits, predictions } = await mismatchesOf(networkOf(name));
    expect([logits.all, predictions.all]).toEqual([40, 4]);
    // Never exact, by construction. Networks of random weights blow every difference up.
    expect(activations.different / activations.all).toBeGreaterThan(0.001);
    expect(activations.different / activations.all).toBeLessThan(0.3);
    expect(predictions.different).toBeLessThan(3);
  });

  it('of a class for every pixel counts pixels', async () => {
    const settings = { w_quantize: 'fp', a_quantize: 'fp_relu', a_stepsize: 0.25, loss: 'pixels' };
    const define: Define = (n, x) => n.conv(n.conv(x, 6), 10, { size: 1, batchNorm: false, activation: 'none' });
    const program = shippableProgram({ settings, side: 8, define });
    const counted = await npuMismatches(lowerNetwork(program, []).network, shippableImages(4, 8));
    expect(counted!.predictions.all).toBe(4 * 64);
  });

  it('loses no activation where a folded bias is whole and nothing is halfway', async () => {
    const { activations, predictions } = await mismatchesOf(foldable(networkOf('fixed 2 and 4 bits')));
    expect(activations.all).toBeGreaterThan(100_000);
    expect(activations.different).toBe(0);
    expect(predictions.different).toBe(0);
  });

  it('is quantized throughout', () => {
    const { graph } = graphOf(npuModel(networkOf('fixed 2 and 4 bits'), { metadata: {} }));
    const ops = graph!.node.map(({ opType }) => opType);
    const count = (op: string) => ops.filter((each) => each === op).length;
    expect(count('Conv')).toBe(19);
    expect(count('Add')).toBe(9);
    const followers = graph!.node
      .filter(({ opType }) => opType === 'Conv')
      .map(({ output }) => {
        return graph!.node.filter(({ input }) => input.includes(output[0]!)).map(({ opType }) => opType);
      });
    expect(new Set(followers.flat())).toEqual(new Set(['QuantizeLinear']));
  });

  it.each([
    ['powers of two', /holds powers of two, which the profile npu does not have; use exact$/],
    ['shortcuts with convolutions', /the profile npu has no sum of two convolutions; use exact$/],
  ])('refuses %s in words', (name, message) => {
    expect(() => npuModel(networkOf(name), { metadata: {} })).toThrow(message);
  });
});

describe('QONNX', () => {
  it('tells the width of every weight and activation', () => {
    const network = networkOf('fixed 2 and 4 bits');
    const { graph, opsetImport } = graphOf(qonnxModel(network, { metadata: { classes: '[]' } }));
    expect(opsetImport.map(({ domain }) => domain)).toContain('qonnx.custom_op.general');
    const constants = new Map(graph!.initializer.map(({ name, rawData }) => [name, rawData] as const));
    const producers = new Map(graph!.node.map((node) => [node.output[0]!, node] as const));
    const float = (name: string) => new Float32Array(constants.get(name)!.slice().buffer)[0]!;
    const widths = graph!.node
      .filter(({ opType }) => opType === 'Conv')
      .map(({ input }) =>
        input.slice(0, 2).map((name) => {
          const quantizer = producers.get(name)!;
          expect([quantizer.opType, quantizer.domain]).toEqual(['IntQuant', 'qonnx.custom_op.general']);
          expect([float(quantizer.input[1]!), float(quantizer.input[2]!)]).toEqual([1, 0]);
          return float(quantizer.input[3]!);
        }),
      );
    const wanted = network.layers.flatMap((layer) =>
      layer.op === 'convolution' ? layer.products.map(({ input, weights }) => [input.bits, weights.bits]) : [],
    );
    expect(widths).toEqual(wanted);
    expect(wanted.slice(1).every(([a, w]) => a === 4 && w === 2)).toBe(true);
  });

  it('refuses powers of two in words', () => {
    expect(() => qonnxModel(networkOf('powers of two'), { metadata: {} })).toThrow(
      /holds powers of two, which QONNX does not have/,
    );
  });
});
