/** The last look before files are written: whatever is wrong in a network is named; nothing that is right is. */

import { expect, it } from 'vitest';
import { requantize } from '../../src/ship/certificate.js';
import type { ConvolutionLayer, IntegerLayer, IntegerNetwork, OutputLayer } from '../../src/ship/integerNetwork.js';
import { lowerNetwork } from '../../src/ship/lowering.js';
import { networkFault } from '../../src/ship/verification.js';
import { shippableProgram, shippables } from './shippable.js';

const quantized = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu' };
const settings = { ...quantized, model: 'tiny', a_stepsize: 0.25, w_bitwidth: 2 };
const lowered = lowerNetwork(shippableProgram({ settings, side: 8 }), []);

/** A copy in which a layer is another. */
function planted(layer: IntegerLayer): IntegerNetwork {
  const { layers, ...rest } = lowered.network;
  return { ...rest, layers: layers.map((each) => (each.name === layer.name ? layer : each)) };
}

function withIntegers(layer: ConvolutionLayer, changes: Partial<ConvolutionLayer['requantization']>): IntegerNetwork {
  return planted({ ...layer, requantization: { ...layer.requantization, ...changes } });
}

const places = lowered.certified.flatMap(({ layer, channels }) =>
  channels.map((channel, at) => ({ layer, channel, at })),
);

it.each([-1n, 1n])('a bias off by %s is named with an accumulator, wherever it matters', (off) => {
  let named = 0;
  for (const { layer, channel, at } of places) {
    const biases = layer.requantization.biases.slice();
    biases[at]! += off;
    const fault = networkFault(withIntegers(layer, { biases }), lowered);
    const { multipliers, shifts } = layer.requantization;
    const integers = { multiplier: multipliers[0]![at]!, bias: biases[at]!, shift: shifts[at]! };
    const wrong: number[] = [];
    for (let a = channel.lo; a <= channel.hi; a++) {
      if (requantize(channel.steps, integers, a, 0) !== channel.reference(a, 0) + 0) wrong.push(a);
    }
    if (wrong.length === 0) expect(fault).toBeNull();
    else {
      const [, accumulator, actual, expected] = fault!
        .match(`^layer ${layer.name}, channel ${at}: accumulator (-?\\d+) gives (\\d+) instead of (\\d+)$`)!
        .map(Number);
      expect(wrong).toContain(accumulator);
      expect(requantize(channel.steps, integers, accumulator!, 0)).toBe(actual);
      expect(channel.reference(accumulator!, 0)).toBe(expected);
      named++;
    }
  }
  expect(named).toBeGreaterThan(places.length / 10);
});

it('a shift is named with an accumulator', () => {
  const { layer, at } = places.at(-1)!;
  const shifts = layer.requantization.shifts.slice();
  shifts[at]! += 1;
  expect(networkFault(withIntegers(layer, { shifts }), lowered)).toMatch(
    new RegExp(`^layer ${layer.name}, channel ${at}: accumulator -?\\d+ gives \\d+ instead of \\d+$`),
  );
});

it.each(['thresholds', 'values'] as const)('%s of a table are looked at', (part) => {
  const program = shippableProgram({
    settings: { ...settings, a_quantize: 'parametric_pow2_xmin_xmax_relu' },
    side: 8,
  });
  const powers = lowerNetwork(program, []);
  const layers = powers.network.layers.map((layer) => {
    if (layer.op !== 'convolution' || layer.name !== 'conv2') return layer;
    const { thresholds, values } = layer.requantization.table!;
    const table =
      part === 'values'
        ? { thresholds, values: values.with(1, values[1]! + 1) }
        : { thresholds: thresholds.with(1, thresholds[1]! + 1n), values };
    return { ...layer, requantization: { ...layer.requantization, table } };
  });
  expect(networkFault(powers.network, powers)).toBeNull();
  expect(networkFault({ ...powers.network, layers }, powers)).toBe('layer conv2: other settings than it should have');
});

it('a weight is named with the accumulator that it changes', () => {
  const { layer } = places[0]!;
  const [product] = layer.products;
  const values = product!.weights.values.slice();
  const channels = product!.weights.shape.at(-1)!;
  const at = 2 * channels + 1;
  values[at] = values[at] === 1 ? 0 : 1;
  const weights = { ...product!.weights, values };
  const [actual, right] = [values[at], product!.weights.values[at]];
  expect(networkFault(planted({ ...layer, products: [{ ...product!, weights }] }), lowered)).toBe(
    `layer ${layer.name}, channel 1: weight 2 of ${weights.name} is ${actual} instead of ${right}; where only its input is ` +
      `1 the accumulator is ${actual} instead of ${right}`,
  );
});

it('outputs of pixels are looked at', () => {
  const maps = lowerNetwork(shippableProgram(shippables['an own network: a class for every pixel, of a sum']!), []);
  const last = maps.network.layers.at(-1) as OutputLayer;
  const { biases } = last.requantization;
  const off = { ...last.requantization, biases: biases.with(3, biases[3]! + 1n) };
  const layers = [...maps.network.layers.slice(0, -1), { ...last, requantization: off }];
  expect(networkFault({ ...maps.network, layers }, maps)).toBe(
    `layer logits, channel 3: accumulator 0 gives ${biases[3]! + 1n} instead of ${biases[3]}`,
  );
});
