/** The integer network is the trained network: activation by activation, logit by logit, against the float64 reference. */

import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../../src/engine/reference/index.js';
import { elementCount, type Storage } from '../../src/graph/index.js';
import { STORAGE } from '../../src/nn/index.js';
import { makePlan } from '../../src/passes/index.js';
import { tensorOf } from '../../src/program/quantizerReport.js';
import { openSession } from '../../src/program/session.js';
import type { TrainingProgram } from '../../src/program/trainingProgram.js';
import { runIntegers } from '../../src/ship/interpreter.js';
import { lowerNetwork } from '../../src/ship/lowering.js';
import { packNetwork, unpackNetwork } from '../../src/ship/packedFile.js';
import { networkFault } from '../../src/ship/verification.js';
import { shippableImages, shippableProgram, shippables } from './shippable.js';

const count = 3;

describe.each(Object.entries(shippables))('%s', (title, shippable) => {
  const training = shippableProgram(shippable, count);
  const lowered = lowerNetwork(training, []);
  const { layers } = lowered.network;
  const proofs = new Map(layers.flatMap((layer) => (layer.op === 'convolution' ? [[layer.name, layer.proof]] : [])));

  it('gives the reference engine’s activations and logits', async () => {
    const images = shippableImages(count, shippable.side);
    const { activations, logits } = await referenceValues(training, images.images, shippable.side);
    const classifier = layers.at(-1)!;
    if (classifier.op !== 'classifier') throw new Error('no classifier');
    for (let image = 0; image < count; image++) {
      const bytes = shippable.side ** 2 * 3;
      const differing = new Map<string, number>();
      const own = runIntegers(
        lowered.network,
        images.images.subarray(image * bytes, (image + 1) * bytes),
        (tensor, values) => {
          const expected = activations[image]!.get(tensor.name);
          if (!expected) return;
          differing.set(
            tensor.name,
            values.reduce((sum, value, i) => sum + (value * tensor.step === expected[i] ? 0 : 1), 0),
          );
        },
      );
      expect(differing.size).toBe(proofs.size);
      expect([...differing].filter(([, number]) => number > 0)).toEqual([]);
      expect([...own].map((logit) => logit * classifier.unit)).toEqual(logits[image]!.map((value) => value + 0));
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

/** Every quantized activation by name, and the logits, image by image. */
async function referenceValues(training: TrainingProgram, images: Uint8Array, side: number) {
  const names = new Map<string, Storage>();
  const nodes = training.plan.phases.evaluate!;
  for (const node of nodes) {
    if (node.op !== 'batchNorm' && node.op !== 'activation') continue;
    if (node.attributes.activation?.type !== 'quantize') continue;
    if (training.variables.quantizers[node.attributes.activation.row]!.role !== 'activation') continue;
    const { y } = node.results;
    const name = tensorOf(training.variables.quantizers[node.attributes.activation.row]!.name);
    const storage: Storage = { name: `activation ${name}`, dtype: 'float', length: elementCount(y.shape) };
    y.view = { storage, offset: 0 };
    names.set(name, storage);
  }
  const session = await openSession(createReferenceEngine(), {
    ...training,
    plan: makePlan({ evaluate: { nodes } as never }),
  });
  const activations: ReadonlyMap<string, ArrayLike<number>>[] = [];
  const logits: number[][] = [];
  for (let image = 0; image < count; image++) {
    const bytes = side ** 2 * 3;
    const one = images.subarray(image * bytes, (image + 1) * bytes);
    session.setEvaluationImages({ ...shippableImages(1, side), images: one.slice() });
    await session.evaluate();
    logits.push(Array.from(await session.program.read(STORAGE.logits)));
    const values = new Map<string, ArrayLike<number>>();
    for (const [name, { name: storage }] of names) values.set(name, await session.program.read(storage));
    activations.push(values);
  }
  return { activations, logits };
}
