/**
 * The teacher of an experiment: the network of another run, with its best parameters. One of our files of parameters
 * describes its network and the normalisation of inputs; any other file is taken for the experiment's own network in
 * float.
 */

import { InputError } from '../errors.js';
import { unquantized } from '../nn/index.js';
import type { ConfigFile, Experiment } from '../settings/index.js';
import { taskOf } from '../task.js';
import type { DataDescription } from '../train/dataDescription.js';
import { inputDifference } from '../train/dataDifference.js';
import { readDescription } from '../train/description.js';
import type { Teacher } from '../train/openTraining.js';
import { describedShape, quantizedNetwork } from '../train/programOptions.js';
import type { LoadedWeights } from '../weights/loadedWeights.js';
import { trainedExperiment } from './evaluationData.js';
import type { TeacherRecord } from './runDocuments.js';
import { readWeightsToStartFrom, resolveParameters, whereWritten } from './startingWeights.js';

/** A teacher, and its entry in config.json, which describes its network to a resumed run. */
interface KnownTeacher extends Teacher {
  readonly record: TeacherRecord;
}

/**
 * Reads the teacher of an experiment with these data; `null` if it has none.
 *
 * @throws InputError if there is no such file, if it is damaged, or if its network was trained for other inputs or
 *   another loss
 */
export async function readTeacher(
  experiment: Experiment,
  file: ConfigFile,
  data: DataDescription,
): Promise<KnownTeacher | null> {
  const { distill } = experiment.training;
  if (!distill) return null;
  const named = { key: 'distill', written: distill.from, without: 'to have no teacher' } as const;
  const path = resolveParameters(experiment, file, named);
  const { weights, file: hashed } = await readWeightsToStartFrom(path);
  const network = describedNetwork(weights, path);
  const fault = network && misfit(network, data);
  if (fault) throw new InputError(`${whereWritten(experiment, named)}: ${fault}`);
  const record = { ...hashed, network };
  return { ...recordedNetwork(experiment, record, data), weights, record };
}

/**
 * The teacher of a resumed run, whose checkpoint has its parameters; `record` is `null` in folders of older versions.
 */
export function recordedTeacher(
  experiment: Experiment,
  record: TeacherRecord | null,
  data: DataDescription,
): Teacher | null {
  return experiment.training.distill && { ...recordedNetwork(experiment, record, data), weights: null };
}

function recordedNetwork(
  experiment: Experiment,
  record: TeacherRecord | null,
  data: DataDescription,
): Pick<Teacher, 'network' | 'scaling'> {
  if (record?.network) {
    const { network: config, file } = record;
    const { scale, offset } = config.data;
    const isOurs = scale.join() === data.scale.join() && offset.join() === data.offset.join();
    const trained = trainedExperiment({ folder: { config: file }, config }, {});
    return {
      network: quantizedNetwork(trained, describedShape(config.data)),
      scaling: isOurs ? null : { scale, offset },
    };
  }
  const { model, imageShape } = quantizedNetwork(experiment, describedShape(data));
  return { network: { model, imageShape, weights: unquantized, activations: unquantized }, scaling: null };
}

/** The description of the network in a file; `null` if it has none. */
function describedNetwork({ metadata }: LoadedWeights, path: string): TeacherRecord['network'] {
  if (metadata?.settings === undefined) return null;
  const { experiment, data } = readDescription(metadata, path);
  const { name, settings, network } = experiment;
  return { experiment: name, settings, definition: network.definition, data };
}

/** The reason why a network cannot be the teacher of one with these data; `null` if it can. */
function misfit({ settings, data: then }: NonNullable<TeacherRecord['network']>, data: DataDescription): string | null {
  const { loss } = taskOf(settings);
  if (loss !== 'classes') return `has loss = ${loss}; a teacher tells probabilities of classes`;
  const difference = inputDifference(then, data);
  return difference && `a teacher takes the same inputs and tells the same classes apart, but ${difference}`;
}
