/** ONNX models of an integer network in onnxruntime, which need not be installed. */

import { type IntegerNetwork, inputOf } from '../ship/integerNetwork.js';
import { channelsFirst } from '../ship/onnx/channelsFirst.js';

export interface OnnxSession {
  /** The outputs for an image, bytes [H, W, C], by name; their data are in ONNX's order. */
  run(image: Uint8Array): Promise<Readonly<Record<string, { readonly data: unknown }>>>;
  close(): Promise<void>;
}

/** Opens a model of a network at a level of optimisation; null if onnxruntime-node is not installed. */
export async function openOnnx(
  network: IntegerNetwork,
  model: Uint8Array,
  graphOptimizationLevel: 'disabled' | 'basic' | 'all',
): Promise<OnnxSession | null> {
  const runtime = await import('onnxruntime-node').catch(() => null);
  if (!runtime) return null;
  const [height, width, channels] = inputOf(network).output.shape as [number, number, number];
  const session = await runtime.InferenceSession.create(model, { graphOptimizationLevel });
  return {
    run: (image) => {
      const tensor = new runtime.Tensor('uint8', channelsFirst(image, channels), [1, channels, height, width]);
      return session.run({ image: tensor }) as ReturnType<OnnxSession['run']>;
    },
    close: () => session.release(),
  };
}
