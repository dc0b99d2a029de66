/**
 * Start of batch normalisations for which a file has no moments: an exporter has folded them into the weights, and
 * placeholders without effect replace them (γ = √(1 + ε), mean 0, variance 1). Training with the moments of a batch
 * would change the network at once. So mean m and variance v of their inputs are measured, and
 *
 *     γ = √(v + ε),  β = bias + m,  running mean = m,  running variance = v:
 *
 * evaluation gives the same result as before, and training begins there.
 */

import { evaluationBatches } from '../data/batches.js';
import { limit } from '../data/imageSet.js';
import { type Images, withoutTargets } from '../data/imageStream.js';
import type { Engine } from '../engine/engine.js';
import { type BatchNormNames, batchNormEpsilon, modelDefinition, type StartingWeights } from '../nn/index.js';
import { evaluationStorages, oneBatchFeed } from '../program/batchFeed.js';
import { openSession } from '../program/session.js';
import { buildNormalisationInputs, type ProgramOptions } from '../program/trainingProgram.js';

/** The remark on moments that are measured. Placeholders come from ONNX files alone. */
export const measuredRemark =
  'batch normalisations where the file has none: their moments are measured on training images; if they were folded into the weights, an ' +
  'export with training=PRESERVE, do_constant_folding=False keeps them and starts better (docs/own-networks.md#from-onnx)';

/** Few, since the inputs of all of them are held at once. */
const SAMPLE_IMAGES = 32;

/**
 * The weights with moments measured on images of the training set, if the file has none; else the given ones. Rejects
 * if an image cannot be decoded.
 *
 * @param openEngine opens an engine, which is disposed of afterwards; called only if something has to be measured
 */
export async function withMeasuredMoments<T extends StartingWeights>(
  starting: T,
  options: ProgramOptions,
  images: Images,
  openEngine: () => Promise<Engine>,
): Promise<T> {
  const open = batchNormsOf(options).filter((names) => isFolded(names, starting));
  if (open.length === 0) return starting;
  const batchSize = Math.min(SAMPLE_IMAGES, images.count);
  const gammas = open.map(({ gamma }) => gamma);
  const built = buildNormalisationInputs({ ...options, starting, batchSize }, gammas);
  const engine = await openEngine();
  try {
    const { program } = await openSession(engine, built);
    const some = withoutTargets(limit(images, batchSize, options.seed));
    const feed = oneBatchFeed(program, evaluationStorages, some);
    feed.begin(evaluationBatches(batchSize, batchSize));
    await feed.use(0);
    await program.run('evaluate');
    const values = new Map<string, Float64Array>();
    for (const names of open) {
      const bias = starting.get(names.beta)!.values;
      const { mean, variance } = momentsOf(await program.read(built.inputs.get(names.gamma)!), bias.length);
      values.set(names.mean, mean);
      values.set(names.variance, variance);
      values.set(
        names.gamma,
        variance.map((own) => Math.sqrt(own + batchNormEpsilon)),
      );
      values.set(
        names.beta,
        mean.map((own, channel) => own + bias[channel]!),
      );
    }
    return { ...starting, get: (name) => withValues(starting.get(name), values.get(name)) };
  } finally {
    await engine.dispose();
  }
}

function batchNormsOf({ model, imageShape }: ProgramOptions): BatchNormNames[] {
  const { layers } = modelDefinition(model, imageShape);
  return layers.flatMap((layer) => ('batchNorm' in layer && layer.batchNorm ? [layer.batchNorm] : []));
}

/** Tells whether a batch normalisation is a placeholder of a folded one. */
function isFolded({ gamma, mean, variance }: BatchNormNames, starting: StartingWeights): boolean {
  const isAll = (name: string, value: number) => {
    const given = starting.get(name);
    return given !== undefined && Array.from(given.values).every((own) => own === value);
  };
  return isAll(gamma, Math.fround(Math.sqrt(1 + batchNormEpsilon))) && isAll(mean, 0) && isAll(variance, 1);
}

/** Mean and biased variance of every channel of values [..., channels]. */
function momentsOf(
  values: ArrayLike<number>,
  channels: number,
): { readonly mean: Float64Array; readonly variance: Float64Array } {
  const [mean, variance] = [new Float64Array(channels), new Float64Array(channels)];
  const count = values.length / channels;
  for (let at = 0; at < values.length; at++) mean[at % channels]! += values[at]! / count;
  for (let at = 0; at < values.length; at++)
    variance[at % channels]! += (values[at]! - mean[at % channels]!) ** 2 / count;
  return { mean, variance };
}

function withValues(given: ReturnType<StartingWeights['get']>, values: Float64Array | undefined) {
  return given && values ? { ...given, values } : given;
}
