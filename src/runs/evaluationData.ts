/** The images for evaluating a run: its own, checked to be the same, or others whose classes the run knows. */

import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { fingerprint, type Images, inputType, parseDataSpec } from '../data/index.js';
import { readText } from '../disk/readText.js';
import { InputError } from '../errors.js';
import { readDefinition } from '../nn/index.js';
import { type Experiment, experimentOfRun, type Overrides, withDefinition } from '../settings/index.js';
import { featureDifference, imageDifference } from '../train/dataDifference.js';
import { readDescription } from '../train/description.js';
import { readSafetensors } from '../weights/safetensorsFile.js';
import { earlierNormalNotes } from './anomalies.js';
import { relabelled } from './dataDescription.js';
import { type ExperimentData, loadExperimentData } from './experimentData.js';
import { openRunFolder, type RunConfig, type RunFolder } from './runFolder.js';

/** The parts of a run that evaluation needs; a file of parameters that describes its network has them, too. */
export interface EvaluatedRun {
  readonly folder: Pick<RunFolder, 'root' | 'config' | 'paramsBest' | 'paramsLast'>;
  readonly config: Pick<RunConfig, 'experiment' | 'settings' | 'definition' | 'data'>;
}

/** Tells whether the user has named a file of parameters instead of a run folder. */
export function isParametersFile(root: string): boolean {
  return extname(root) === '.safetensors';
}

/**
 * Opens a run folder or a single file of parameters.
 *
 * @throws InputError if it is neither
 */
export function openEvaluated(root: string): EvaluatedRun {
  if (!isParametersFile(root)) return openRunFolder(root);
  const { metadata } = readSafetensors(root);
  const { experiment, data } = readDescription(metadata, root);
  const { name, settings, network } = experiment;
  return {
    folder: { root, config: root, paramsBest: root, paramsLast: root },
    config: { experiment: name, settings, definition: network.definition, data },
  };
}

/**
 * A remark on a run folder whose training has not ended: how far it came. Empty for others, for files of parameters, and
 * for folders without a table of results, which do not tell.
 */
export function unfinishedRemark(root: string): string {
  if (isParametersFile(root)) return '';
  const { folder, config } = openRunFolder(root);
  const ended = existsSync(folder.summary) ? null : endedEpochs(folder);
  if (ended === null) return '';
  return `NOTE: ${root} has not finished, ${ended} of ${config.settings.epochs} epochs have ended`;
}

/** The run's experiment for evaluation: on the test images, even if validation images selected the parameters. */
export function evaluatedExperiment(run: EvaluatedRun, overrides: Overrides): Experiment {
  const { config } = run;
  const settings = overrides.data === undefined ? config.settings : withoutOldData(config, String(overrides.data));
  return trainedExperiment(run, { ...overrides, select: 'test', validation_split: 0 }, settings);
}

/** The run's experiment with `overrides`. */
export function trainedExperiment(
  { folder, config }: { readonly folder: Pick<RunFolder, 'config'>; readonly config: EvaluatedRun['config'] },
  overrides: Overrides,
  settings = config.settings,
): Experiment {
  const experiment = experimentOfRun(config.experiment, folder.config, settings, overrides);
  if (!config.definition) return experiment;
  return withDefinition(experiment, readDefinition(config.definition, `${folder.config}: definition`));
}

/**
 * The file of a run's best or last parameters.
 *
 * @throws InputError if there is none, and for the last ones of a file of parameters
 */
export function evaluatedParameters({ root, paramsBest, paramsLast }: EvaluatedRun['folder'], last: boolean): string {
  if (last && isParametersFile(root)) {
    throw new InputError(
      `--last: no effect on the one set of parameters in ${root}; leave it out, or name a run folder`,
    );
  }
  const file = last ? paramsLast : paramsBest;
  if (existsSync(file)) return file;
  const overBudget = !last && existsSync(paramsLast) ? ' (no epoch obeyed the budget yet); try --last' : '';
  const tooEarly = endedEpochs(openRunFolder(root).folder) === 0 ? ', since no epoch has ended' : '';
  throw new InputError(`${file}: not there${overBudget || tooEarly}`);
}

/** Number of epochs in the table of results; null for a folder without one, which does not tell. */
function endedEpochs({ results }: Pick<RunFolder, 'results'>): number | null {
  // Behind the line of names one of each epoch; damaged ones are no reason to refuse.
  return existsSync(results) ? readText(results).trimEnd().split('\n').length - 1 : null;
}

/** The settings without those of the run's own images; folders are read in the size of the run's images. */
function withoutOldData({ settings, data }: EvaluatedRun['config'], spec: string): RunConfig['settings'] {
  const { limit_train: _train, limit_val: _val, image_size, stream, augment, ...rest } = settings;
  if (parseDataSpec(spec).kind !== 'images') {
    const { augment_shift: _shift, augment_mirror: _mirror, ...others } = rest;
    return { ...others, augment: 'none' };
  }
  const [height, width] = data?.image ?? [];
  return { ...rest, stream, augment, image_size: height === width ? (height ?? image_size) : image_size };
}

/**
 * The images with labels that are indices of the run's classes.
 *
 * @throws InputError if the run's own images are not those it was trained with, or for others of another size or with a
 *   class that the run does not know
 */
export async function loadEvaluationData(
  experiment: Experiment,
  { folder, config }: EvaluatedRun,
  events: { task(name: string, done: number, total: number): void; line(text: string): void },
): Promise<ExperimentData> {
  if (isParametersFile(folder.root) && !experiment.overrides.has('data')) {
    throw new InputError(`${folder.root}: does not say where its images lie; name them with --data`);
  }
  const { data: then } = config;
  const data = await loadExperimentData(experiment, events.task, 'test', then ?? undefined);
  for (const note of data.notes) events.line(note);
  if (!then) {
    events.line(
      `${folder.root}: older versions kept no names of classes; whether those of now are the same is not checked`,
    );
    return data;
  }
  try {
    const { overrides } = experiment;
    const source = `data ${experiment.settings.data}`;
    const test = relabelled(data.test, data.classes, then.classes, source);
    for (const note of earlierNormalNotes(then.classes, experiment.task, folder.root)) events.line(note);
    const image = [test.height, test.width, test.channels].join('x');
    if (inputType(test) !== then.values) {
      throw new InputError(`${source}: has ${inputType(test)}, the run ${folder.root} takes ${then.values}`);
    }
    const others = featureDifference(then.features, data.features);
    if (others) throw new InputError(`${source}: does not fit the run ${folder.root}: ${others}`);
    if (!overrides.has('image_size') && image !== then.image.join('x')) {
      throw new InputError(`${source}: has images of ${image}, the run ${folder.root} has ${then.image.join('x')}`);
    }
    const isOwn = !['data', 'image_size', 'limit_val'].some((key) => overrides.has(key));
    const difference = isOwn ? testDifference(then.fingerprints.test, test) : null;
    if (difference) {
      throw new InputError(`${folder.root}: ${difference}; name them with --data to evaluate them all the same`);
    }
    return { ...data, classes: then.classes, test };
  } catch (error) {
    await data.close();
    throw error;
  }
}

/**
 * Null if one is of pixels and the other of files, since a limited set may be resident while the whole one was
 * streamed.
 */
function testDifference(then: string, test: Images): string | null {
  const now = fingerprint(test);
  const kind = (print: string) => print.split(':', 1)[0];
  return kind(then) === kind(now) ? imageDifference('test images', then, now) : null;
}
