/** The exact model in onnxruntime-web, WebAssembly on one thread, against the interpreter. */

import { env, InferenceSession, Tensor } from 'onnxruntime-web';
import { expect, it } from 'vitest';
import { runIntegers } from '../../src/ship/interpreter.js';
import { lowerNetwork } from '../../src/ship/lowering.js';
import { channelsFirst } from '../../src/ship/onnx/channelsFirst.js';
import { exactModel } from '../../src/ship/onnx/exactModel.js';
import { shippableImages, shippableProgram, shippables } from './shippable.js';

env.wasm.numThreads = 1;
const count = 3;

/** One network for each of the three forms of a layer's end: float32, float64 and int64. */
it.each([
  ['fixed 2 and 4 bits', true],
  ['learned bits and range, 8 bits', false],
  ['fixed powers of two', false],
  ['shortcuts with convolutions', true],
])('%s, packed: %s, gives the same logits', async (name, packed) => {
  const shippable = shippables[name]!;
  const { network } = lowerNetwork(shippableProgram(shippable), []);
  const { side } = shippable;
  const { images } = shippableImages(count, side);
  const bytes = side * side * 3;
  const session = await InferenceSession.create(exactModel(network, { packed, metadata: {} }), {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
    logSeverityLevel: 3,
  });
  for (let n = 0; n < count; n++) {
    const image = images.subarray(n * bytes, (n + 1) * bytes);
    const { logits } = await session.run({ image: new Tensor('uint8', channelsFirst(image, 3), [1, 3, side, side]) });
    const values = Array.from(logits!.data as Iterable<number | bigint>, Number);
    expect(values).toEqual([...runIntegers(network, image)]);
  }
  await session.release();
});
