/**
 * Start of activation quantizers with `a_stepsize = auto`: fitted to the activations of the float network. The
 * published step of 1/8 with 4 bits would clip everything above 2, and the sums behind the shortcuts of a ResNet are
 * far larger.
 */

import { evaluationBatches } from '../data/batches.js';
import { limit } from '../data/imageSet.js';
import { type Images, withoutTargets } from '../data/imageStream.js';
import type { Engine, StorageArray } from '../engine/engine.js';
import { exceptionOf, type StartingWeights } from '../nn/index.js';
import { quantizerValueName } from '../program/learnedValues.js';
import { openSession } from '../program/session.js';
import { buildFloatForward, type TrainingProgram } from '../program/trainingProgram.js';
import { bestStart, parameterNames, type Quantizer } from '../quant/index.js';

/** Enough for some hundred thousand values a layer, and few enough to hold all activations at once. */
const SAMPLE_IMAGES = 16;

/**
 * Fits quantizers of activations with `a_stepsize = auto` to the activations of the float network, with the program's
 * initial values, on images of the training set chosen by the seed, without augmentation. Quantizers with values from a
 * file keep these. To be called before the program is loaded. Rejects if an image cannot be decoded.
 *
 * @param openEngine opens an engine, which is disposed of afterwards; called only if something has to be measured
 */
export async function startOnActivations(
  training: TrainingProgram,
  images: Images,
  openEngine: () => Promise<Engine>,
): Promise<void> {
  const { options, variables } = training;
  const open = openActivations(training);
  if (open.length === 0) return;
  const batchSize = Math.min(SAMPLE_IMAGES, images.count);
  const train = { ...options.train, count: batchSize, batches: 1 };
  const names = open.map(({ name }) => name);
  const forward = buildFloatForward({ ...options, batchSize, train }, names);
  const engine = await openEngine();
  try {
    const session = await openSession(engine, forward);
    session.setTrainingImages(withoutTargets(limit(images, batchSize, options.seed)));
    session.setBatches(evaluationBatches(batchSize, batchSize));
    const fault = await session.step(0);
    if (fault) throw fault;
    for (const row of new Set(open.map((tensor) => tensor.row))) {
      const quantizer = variables.quantizers[row]!;
      const activations: StorageArray[] = [];
      for (const { name } of open.filter((tensor) => tensor.row === row)) {
        activations.push(await session.program.read(forward.activations.get(name)!));
      }
      const { parameters, fixed } = bestStart(quantizer, oneAfterAnother(activations));
      variables.quantizers[row] = { ...quantizer, fixed };
      variables.table.splice(2 * row, 2, ...parameters);
    }
  } finally {
    await engine.dispose();
  }
}

/** Quantized activations without another start, and their rows. */
function openActivations({ options, variables }: TrainingProgram): { readonly name: string; readonly row: number }[] {
  return variables.tensors.flatMap(({ name, role, row }) => {
    if (role !== 'activation' || row === null) return [];
    const { stepSize } = exceptionOf(options, name) ?? options.activations;
    return stepSize === 'auto' && !isGiven(variables.quantizers[row]!, variables.starting) ? [{ name, row }] : [];
  });
}

function isGiven(quantizer: Quantizer, starting: StartingWeights | null): boolean {
  return parameterNames(quantizer.kind).some((name) => starting?.get(quantizerValueName(quantizer, name)));
}

function oneAfterAnother(parts: readonly StorageArray[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const part of parts) {
    all.set(part, end);
    end += part.length;
  }
  return all;
}
