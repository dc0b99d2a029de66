/**
 * Counts the differences between the form for accelerators (`ship/onnx/npuModel.ts`) and the integer network, in
 * onnxruntime.
 */

import { type ConvolutionLayer, type IntegerNetwork, inputOf, outputsOf } from '../ship/integerNetwork.js';
import { predictionsOf, runIntegers } from '../ship/interpreter.js';
import { channelsFirst } from '../ship/onnx/channelsFirst.js';
import { npuModel } from '../ship/onnx/npuModel.js';

export interface Share {
  readonly different: number;
  readonly all: number;
}

export interface NpuMismatches {
  readonly images: number;
  /** Different integers among the outputs of convolutions. */
  readonly activations: Share;
  /** Logits that round to another integer. */
  readonly logits: Share;
  /** Images with another class, or with a pixel of another class. */
  readonly predictions: number;
}

/**
 * Runs a network's images, bytes [H, W, C], through its model for accelerators; null if onnxruntime-node is not
 * installed.
 *
 * @throws InputError for a network that the profile cannot express
 */
export async function npuMismatches(
  network: IntegerNetwork,
  images: readonly Uint8Array[],
): Promise<NpuMismatches | null> {
  const model = npuModel(network, { metadata: {}, activations: true });
  const runtime = await import('onnxruntime-node').catch(() => null);
  if (!runtime) return null;
  const [height, width, channels] = inputOf(network).output.shape as [number, number, number];
  const { unit, classes } = outputsOf(network);
  const session = await runtime.InferenceSession.create(model, { graphOptimizationLevel: 'all' });
  const outputs = network.layers.filter((layer): layer is ConvolutionLayer => layer.op === 'convolution');
  const activations = { different: 0, all: 0 };
  const logits = { different: 0, all: 0 };
  let predictions = 0;
  for (const image of images) {
    const wanted = new Map<string, Int32Array>();
    const own = runIntegers(network, image, ({ name }, values) => wanted.set(name, values));
    const tensor = new runtime.Tensor('uint8', channelsFirst(image, channels), [1, channels, height, width]);
    const got = await session.run({ image: tensor });
    for (const { output } of outputs) {
      const values = got[output.name]!.data as Uint8Array | Int8Array;
      const [rows, columns, depth] = output.shape as [number, number, number];
      const right = wanted.get(output.name)!;
      const pixels = rows * columns;
      activations.all += values.length;
      for (let at = 0; at < values.length; at++) {
        if (values[at] !== right[(at % pixels) * depth + Math.floor(at / pixels)]) activations.different++;
      }
    }
    // From [classes, pixels] to [pixels, classes].
    const values = channelsFirst([...(got.logits!.data as Float32Array)], own.length / classes);
    logits.all += values.length;
    logits.different += values.filter((value, o) => Math.round(value / unit) !== own[o]).length;
    const right = predictionsOf(own, classes);
    if (predictionsOf(values, classes).some((each, pixel) => each !== right[pixel])) predictions++;
  }
  await session.release();
  return { images: images.length, activations, logits, predictions };
}
