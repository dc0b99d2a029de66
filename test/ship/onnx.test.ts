/**
 * ONNX models of the integer network, run by onnxruntime at every optimisation level, against the interpreter. Each level
 * has packed weights or plain ones; both are in `onnx.thorough.test.ts`.
 */

import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from 'onnx-buf';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { inputOf, outputsOf } from '../../src/ship/integerNetwork.js';
import { runIntegers } from '../../src/ship/interpreter.js';
import { channelsFirst } from '../../src/ship/onnx/channelsFirst.js';
import { exactModel } from '../../src/ship/onnx/exactModel.js';
import { tierOf } from '../tier.js';
import { randomNetwork } from './randomNetwork.js';
import { shippables, shippedNetwork } from './shippable.js';

const count = 3;
interface Session {
  readonly level: string;
  readonly weights: 'plain' | 'packed';
  readonly options: InferenceSession.SessionOptions;
  readonly isQuick?: true;
}

const disabled = { graphOptimizationLevel: 'disabled' } as const;
const all = { graphOptimizationLevel: 'all' } as const;
const allButQuantized = { ...all, extra: { session: { disable_quant_qdq: '1' } } };
const sessions: readonly Session[] = [
  { level: 'no optimisation', weights: 'plain', options: disabled, isQuick: true },
  { level: 'no optimisation', weights: 'packed', options: disabled },
  { level: 'all optimisations but of quantized operators', weights: 'plain', options: allButQuantized },
  { level: 'all optimisations but of quantized operators', weights: 'packed', options: allButQuantized, isQuick: true },
  { level: 'all optimisations', weights: 'plain', options: all },
  { level: 'all optimisations', weights: 'packed', options: all, isQuick: true },
];

describe.each(Object.entries(shippables))('%s', (name, { side }) => {
  const { network, images } = shippedNetwork(name, count);
  const channelFirstBatch = Uint8Array.from(images.flatMap((image) => [...channelsFirst(image, 3)]));
  const own = images.flatMap((image) => channelsFirst([...runIntegers(network, image)], 10));
  const models = new Map<Session['weights'], Uint8Array>();
  const modelOf = (weights: Session['weights']) => {
    const model = models.get(weights) ?? exactModel(network, { packed: weights === 'packed', metadata: {} });
    models.set(weights, model);
    return model;
  };

  it.each(tierOf(sessions, ({ isQuick = false }) => isQuick))(
    'gives the same logits with $level, weights $weights',
    async ({ weights, options }) => {
      const session = await InferenceSession.create(modelOf(weights), options);
      const batch = new Tensor('uint8', channelFirstBatch, [count, 3, side, side]);
      const { logits } = await session.run({ image: batch });
      const values = Array.from(logits!.data as Iterable<number | bigint>, Number);
      expect(values).toEqual(own);
      await session.release();
    },
  );
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

it.each([
  [false, [13n, 8n]],
  [true, [25n, 13n]],
])('says the operator set, and the version of the format, that have its types: packed %s', (packed, versions) => {
  const { network } = shippedNetwork('fixed 2 and 4 bits', 1);
  const { opsetImport, irVersion } = fromBinary(ModelProtoSchema, exactModel(network, { packed, metadata: {} }));
  expect([opsetImport[0]!.version, irVersion]).toEqual(versions);
});
