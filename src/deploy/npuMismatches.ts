/**
 * Counts the differences between the form for accelerators (`ship/onnx/npuModel.ts`) and the integer network, in
 * onnxruntime.
 */

import { type ConvolutionLayer, type IntegerNetwork, outputsOf, putsOutClasses } from '../ship/integerNetwork.js';
import { predictionsOf, runIntegers } from '../ship/interpreter.js';
import { channelsFirst } from '../ship/onnx/channelsFirst.js';
import { npuModel } from '../ship/onnx/npuModel.js';
import { differences } from './checks.js';
import { openOnnx } from './onnxSession.js';

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
  /** Other classes of images, or of pixels; of none where outputs are no classes. */
  readonly predictions: Share;
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
  const session = await openOnnx(network, model, 'all');
  if (!session) return null;
  const { unit, classes } = outputsOf(network);
  const outputs = network.layers.filter((layer): layer is ConvolutionLayer => layer.op === 'convolution');
  const activations = { different: 0, all: 0 };
  const logits = { different: 0, all: 0 };
  const predictions = { different: 0, all: 0 };
  for (const image of images) {
    const wanted = new Map<string, Int32Array>();
    const own = runIntegers(network, image, ({ name }, values) => wanted.set(name, values));
    const got = await session.run(image);
    for (const { output } of outputs) {
      const values = got[output.name]!.data as Uint8Array | Int8Array;
      const right = channelsFirst(wanted.get(output.name)!, output.shape[2]!);
      activations.all += right.length;
      activations.different += differences(values, right);
    }
    // From [classes, pixels] to [pixels, classes].
    const values = channelsFirst([...(got.logits!.data as Float32Array)], own.length / classes);
    logits.all += values.length;
    logits.different += values.filter((value, o) => Math.round(value / unit) !== own[o]).length;
    if (!putsOutClasses(network)) continue;
    const right = predictionsOf(own, classes);
    predictions.all += right.length;
    predictions.different += differences(predictionsOf(values, classes), right);
  }
  await session.close();
  return { images: images.length, activations, logits, predictions };
}
