/** Logits of an imported network on an engine. */

import { elementCount } from '../../src/elementCount.js';
import type { Engine } from '../../src/engine/engine.js';
import { STORAGE } from '../../src/nn/index.js';
import type { ImportedNetwork } from '../../src/onnx/index.js';
import { openSession } from '../../src/program/session.js';
import { buildTrainingProgram } from '../../src/program/trainingProgram.js';
import { experimentFromSettings, withDefinition } from '../../src/settings/index.js';
import { programOptions } from '../../src/train/programOptions.js';

/**
 * The logits of a batch, and the names of what the network would learn.
 *
 * @param images as ONNX has them, [batch, ...shape]
 * @param shape that of the file's input for one image: [C,H,W], [C,L] or [F]
 */
export async function logitsOf(
  { definition, weights }: ImportedNetwork,
  engine: Engine,
  images: Float32Array,
  shape: readonly number[],
): Promise<{ readonly logits: Float32Array; readonly parameters: readonly string[] }> {
  const batch = images.length / elementCount(shape);
  const experiment = experimentFromSettings('test', 'test', { model: 'own', batch_size: batch });
  const data = {
    classes: Number(definition.outputs),
    imageShape: definition.input,
    trainImages: batch,
    evaluationImages: batch,
  };
  const written = { type: 'batch' } as const;
  const options = programOptions(withDefinition(experiment, definition), data, weights);
  const built = buildTrainingProgram({ ...options, train: written, evaluation: written });
  const { program } = await openSession(engine, built);
  program.write(STORAGE.batchImages, channelsLast(images, shape));
  program.write(STORAGE.batchLabels, new Int32Array(batch));
  await program.run('evaluate');
  const logits = Float32Array.from(await program.read(STORAGE.logits));
  return { logits, parameters: built.variables.parameters.map(({ name }) => name) };
}

function channelsLast(values: Float32Array, [channels, ...sizes]: readonly number[]): Float32Array {
  const pixels = elementCount(sizes);
  return values.map((_, at) => {
    const [image, place] = [Math.floor(at / (pixels * channels!)), at % (pixels * channels!)];
    const [pixel, channel] = [Math.floor(place / channels!), place % channels!];
    return values[(image * channels! + channel) * pixels + pixel]!;
  });
}
