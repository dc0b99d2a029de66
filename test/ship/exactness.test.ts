/** The integer network is the trained network: activation by activation, logit by logit, against the float64 reference. */

import { describe, expect, it } from 'vitest';
import { outputsOf } from '../../src/ship/integerNetwork.js';
import { runIntegers } from '../../src/ship/interpreter.js';
import { lowerNetwork } from '../../src/ship/lowering.js';
import { packNetwork } from '../../src/ship/packedFile.js';
import { unpackNetwork } from '../../src/ship/packedReader.js';
import { networkFault } from '../../src/ship/verification.js';
import { openReference } from './forms/referenceValues.js';
import { shippableImages, shippableProgram, shippables } from './shippable.js';

const count = 3;

describe.each(Object.entries(shippables))('%s', (title, shippable) => {
  const training = shippableProgram(shippable, count);
  const lowered = lowerNetwork(training, []);
  const { layers } = lowered.network;
  const proofs = new Map(layers.flatMap((layer) => (layer.op === 'convolution' ? [[layer.name, layer.proof]] : [])));

  it('gives the reference engine’s activations and logits', async () => {
    const reference = await openReference(training);
    const { unit, layer: last } = outputsOf(lowered.network);
    for (const image of shippableImages(count, shippable.side)) {
      const differing = new Map<string, number>();
      const { activations, logits } = await reference(image);
      const own = runIntegers(lowered.network, image, (tensor, values) => {
        const expected = activations.get(tensor.name);
        if (!expected) return;
        differing.set(
          tensor.name,
          values.reduce((sum, value, i) => sum + (value * tensor.step === expected[i] ? 0 : 1), 0),
        );
      });
      expect(differing.size).toBe(proofs.size);
      expect([...differing].filter(([, number]) => number > 0)).toEqual([]);
      const real = [...own].map((logit) => logit * unit);
      const isRounded = last.op === 'outputs' && last.proof.type === 'definition';
      for (const [output, logit] of logits.entries()) {
        if (isRounded) expect(real[output]).toBeCloseTo(logit, 6);
        else expect(real[output]).toBe(logit + 0);
      }
    }
  });

  it('is proven wherever no two convolutions are added', () => {
    const added = layers.flatMap((layer) => (layer.op === 'convolution' && layer.products[1] ? [layer.name] : []));
    expect([...proofs].flatMap(([name, { type }]) => (type === 'definition' ? [name] : []))).toEqual(added);
    expect(added.length > 0).toBe(/with convolutions|ResNet-18/.test(title));
  });

  it('survives its packed file, and is checked there', () => {
    const read = unpackNetwork(packNetwork(lowered.network), 'net');
    expect(networkFault(read, lowered)).toBeNull();
  });
});

it('channels of tensors that share a quantizer are put side by side as they are', () => {
  const title = 'an own network: operands of sums and concats with a quantizer together';
  const { layers } = lowerNetwork(shippableProgram(shippables[title]!), []).network;
  const arranged = layers.flatMap((layer) => (layer.op === 'arrange' ? [layer.shifts] : []));
  expect(arranged).toEqual([
    [0, 0],
    [0, 0],
  ]);
  // A sum adds in one step, too.
  expect(layers.some(({ name, ...layer }) => name === 'add1' && layer.op === 'convolution' && layer.addend)).toBe(true);
});
