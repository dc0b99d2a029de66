/** Logits of an imported network beside those of onnxruntime, on the same random images. */

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { elementCount } from '../../src/elementCount.js';
import { selectEngine } from '../../src/engine/selectEngine.js';
import { importOnnx } from '../../src/onnx/index.js';
import { mulberry32 } from '../mulberry32.js';
import { logitsOf } from './logits.js';

export interface Agreement {
  /** The largest difference of a logit, relative to the largest logit. */
  readonly difference: number;
  /** The largest magnitude of a logit. */
  readonly largest: number;
  /** By how much a logit differs at most between the first image and another, relative to the largest. */
  readonly spread: number;
  readonly layers: readonly string[];
  readonly parameters: readonly string[];
}

/** @param shape that of the file's input for one image: [C,H,W], [C,L] or [F] */
export async function agreement(file: Uint8Array, shape: readonly number[], batch = 4): Promise<Agreement> {
  const imported = importOnnx(file, 'net.onnx');
  const random = mulberry32(3);
  const count = elementCount(shape);
  const images = Float32Array.from({ length: batch * count }, () => 2 * random() - 1);
  const session = await InferenceSession.create(file, { graphOptimizationLevel: 'disabled' });
  const [output] = Object.values(await session.run({ x: new Tensor('float32', images, [batch, ...shape]) }));
  const theirs = output!.data as Float32Array;

  const engine = await selectEngine('cpu', { threads: 1 });
  try {
    const { logits, parameters } = await logitsOf(imported, engine, images, shape);
    const largest = Math.max(...theirs.map(Math.abs));
    const difference = Math.max(...theirs.map((logit, at) => Math.abs(logit - logits[at]!))) / largest;
    const outputs = theirs.length / batch;
    const spread = Math.max(...theirs.map((logit, at) => Math.abs(logit - theirs[at % outputs]!))) / largest;
    return { difference, largest, spread, layers: imported.definition.layers.map(({ name }) => name), parameters };
  } finally {
    await engine.dispose();
    await session.release();
  }
}
