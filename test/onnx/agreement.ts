/** Logits of an imported network beside those of onnxruntime, on the same random images. */

import { InferenceSession, Tensor } from 'onnxruntime-node';
import { selectEngine } from '../../src/engine/selectEngine.js';
import { STORAGE } from '../../src/nn/index.js';
import { importOnnx } from '../../src/onnx/index.js';
import { openSession } from '../../src/program/session.js';
import { buildTrainingProgram } from '../../src/program/trainingProgram.js';
import { experimentFromSettings, withDefinition } from '../../src/settings/index.js';
import { programOptions } from '../../src/train/programOptions.js';
import { mulberry32 } from '../mulberry32.js';

export interface Agreement {
  /** The largest difference of a logit, relative to the largest logit. */
  readonly difference: number;
  /** The largest magnitude of a logit. */
  readonly largest: number;
  readonly layers: readonly string[];
  readonly parameters: readonly string[];
}

/** @param shape that of the file's input for one image: [C,H,W], [C,L] or [F] */
export async function agreement(file: Uint8Array, shape: readonly number[], batch = 4): Promise<Agreement> {
  const { definition, weights } = importOnnx(file, 'net.onnx');
  const random = mulberry32(3);
  const count = shape.reduce((product, size) => product * size, 1);
  const images = Float32Array.from({ length: batch * count }, () => 2 * random() - 1);
  const session = await InferenceSession.create(file, { graphOptimizationLevel: 'disabled' });
  const [output] = Object.values(await session.run({ x: new Tensor('float32', images, [batch, ...shape]) }));
  const theirs = output!.data as Float32Array;

  const experiment = experimentFromSettings('test', 'test', { model: 'own', batch_size: batch });
  const data = {
    classes: definition.outputs,
    imageShape: definition.input,
    trainImages: batch,
    evaluationImages: batch,
  };
  const written = { type: 'batch' } as const;
  const options = programOptions(withDefinition(experiment, definition), data, weights);
  const built = buildTrainingProgram({ ...options, train: written, evaluation: written });
  const engine = await selectEngine('cpu', { threads: 1 });
  try {
    const { program } = await openSession(engine, built);
    program.write(STORAGE.batchImages, channelsLast(images, shape));
    program.write(STORAGE.batchLabels, new Int32Array(batch));
    await program.run('evaluate');
    const ours = await program.read(STORAGE.logits);
    const largest = Math.max(...theirs.map(Math.abs));
    return {
      difference: Math.max(...theirs.map((logit, at) => Math.abs(logit - ours[at]!))) / largest,
      largest,
      layers: definition.layers.map(({ name }) => name),
      parameters: built.variables.parameters.map(({ name }) => name),
    };
  } finally {
    await engine.dispose();
    await session.release();
  }
}

function channelsLast(values: Float32Array, [channels, ...sizes]: readonly number[]): Float32Array {
  const pixels = sizes.reduce((product, size) => product * size, 1);
  return values.map((_, at) => {
    const [image, place] = [Math.floor(at / (pixels * channels!)), at % (pixels * channels!)];
    const [pixel, channel] = [Math.floor(place / channels!), place % channels!];
    return values[(image * channels! + channel) * pixels + pixel]!;
  });
}
