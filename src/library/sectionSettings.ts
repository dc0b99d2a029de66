/** Sections of .cfg files as settings for `train`. */

import { InputError } from '../errors.js';
import { resolveExperiment, whereSet } from '../settings/index.js';
import { readConfigFile } from '../settings/readConfigFile.js';
import { commandLineKeys, type TrainingSettings } from './train.js';

/**
 * The keys and values of a section of a .cfg file, [DEFAULT] included, to be trained as they are or with changes. Keys
 * of paths (images, weights, runs) are left out. Files of the package are found by name.
 *
 * @throws InputError if there is no such file or section, if it has a fault, or if it distils from a teacher
 * @example
 * ```ts
 * import { sectionSettings, train } from 'mixed-precision-dnns';
 *
 * const published = sectionSettings('train_resnet_quant_fp', 'PARAMETRIC_FP_WQ_DELTA_XMAX');
 * await train({ data, settings: { ...published, epochs: 20 } });
 * ```
 */
export function sectionSettings(cfg: string, section: string): TrainingSettings {
  const experiment = resolveExperiment(readConfigFile(cfg), section);
  const { sources, settings, training } = experiment;
  if (training.distill) {
    const where = whereSet(experiment, 'distill');
    throw new InputError(`${where} = ${training.distill.from}: the library knows no teacher; use mpdnn train`);
  }
  const keys = [...sources.keys()].filter((key) => key in settings && !commandLineKeys.some((own) => own === key));
  return Object.fromEntries(keys.map((key) => [key, settings[key as keyof typeof settings]]));
}
