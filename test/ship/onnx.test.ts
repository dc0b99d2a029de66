/** ONNX models of the integer network, run by onnxruntime at every optimisation level, against the interpreter. */

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { inputOf, outputsOf } from '../../src/ship/integerNetwork.js';
import { runIntegers } from '../../src/ship/interpreter.js';
import { channelsFirst } from '../../src/ship/onnx/channelsFirst.js';
import { exactModel } from '../../src/ship/onnx/exactModel.js';
import { randomNetwork } from './randomNetwork.js';
import { shippables, shippedNetwork } from './shippable.js';

const count = 3;
const levels: Readonly<Record<string, InferenceSession.SessionOptions>> = {
  'no optimisation': { graphOptimizationLevel: 'disabled' },
  'all optimisations but of quantized operators': {
    graphOptimizationLevel: 'all',
    extra: { session: { disable_quant_qdq: '1' } },
  },
  'all optimisations': { graphOptimizationLevel: 'all' },
};

describe.each(Object.entries(shippables))('%s', (name, { side }) => {
  const { network, images } = shippedNetwork(name, count);
  const channelFirstBatch = Uint8Array.from(images.flatMap((image) => [...channelsFirst(image, 3)]));
  const own = images.flatMap((image) => channelsFirst([...runIntegers(network, image)], 10));

  describe.each([false, true])('packed: %s', (packed) => {
    const model = exactModel(network, { packed, metadata: {} });

    it.each(Object.entries(levels))('gives the same logits with %s', async (_, options) => {
      const session = await InferenceSession.create(model, options);
      const batch = new Tensor('uint8', channelFirstBatch, [count, 3, side, side]);
      const { logits } = await session.run({ image: batch });
      const values = Array.from(logits!.data as Iterable<number | bigint>, Number);
      expect(values).toEqual(own);
      await session.release();
    });
  });
});

it('random networks give the same logits', async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const { network, images } = randomNetwork(seed);
    const [height, width, channels] = inputOf(network).output.shape as [number, number, number];
    const { classes } = outputsOf(network);
    const session = await InferenceSession.create(exactModel(network, { packed: seed % 2 === 0, metadata: {} }));
    for (const image of images) {
      const tensor = new Tensor('uint8', channelsFirst(image, channels), [1, channels, height, width]);
      const { logits } = await session.run({ image: tensor });
      const values = Array.from(logits!.data as Iterable<number | bigint>, Number);
      expect(values, `seed ${seed}`).toEqual(channelsFirst([...runIntegers(network, image)], classes));
    }
    await session.release();
  }
});
