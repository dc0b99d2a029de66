/** A run to go on with, checked to be the same: its settings and its images. */

import { InputError } from '../errors.js';
import { epochsFault } from '../settings/epochsFault.js';
import type { Experiment } from '../settings/index.js';
import { settingsDifference } from '../settings/settingsDifference.js';
import type { DataDescription } from '../train/dataDescription.js';
import { dataDifference } from '../train/dataDifference.js';
import { type BegunRun, readRunFile } from '../train/readRunFile.js';

/**
 * Reads a run from the bytes of its file. `hasNewTargets`: it may have had other targets. `line` is told where it was to
 * have another number of epochs on which earlier ones depended, and where nothing is known to compare.
 *
 * @throws InputError if they are damaged, or for a run of other settings or images
 */
export function resumedRun(
  bytes: Uint8Array | ArrayBuffer,
  experiment: Experiment,
  data: DataDescription,
  { hasNewTargets, line }: { readonly hasNewTargets: boolean; readonly line?: ((text: string) => void) | undefined },
): BegunRun {
  const run = readRunFile(bytes, 'resume');
  const { identity } = run;
  if (!identity) {
    line?.('resume: earlier versions kept nothing of settings and data, so these cannot be compared with those of now');
    return run;
  }
  const { settings } = experiment;
  const { epochs, learning_rate_drops, target_weight_kbytes, target_activation_kbytes } = settings;
  const then = {
    ...identity.settings,
    // Drops follow from the number of epochs unless they are given.
    ...(identity.settings.epochs !== epochs && { epochs, learning_rate_drops }),
    ...(hasNewTargets && { target_weight_kbytes, target_activation_kbytes }),
  };
  const difference = settingsDifference(then, settings) ?? dataDifference(identity.data, data);
  if (difference) {
    const isTarget = /^target_(weight|activation)_kbytes /.test(difference);
    const remedy = isTarget ? 'say that it hasNewTargets' : 'begin a run from its parameters with weights';
    throw new InputError(`resume: ${difference}; set it back, or ${remedy}`);
  }
  const fault = epochs > run.history.length && epochsFault(identity.settings, experiment);
  if (fault) line?.(`NOTE: ${fault}, so this is not what a run with as many from the start would be`);
  return run;
}
