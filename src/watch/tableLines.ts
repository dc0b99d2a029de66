/** Lines for a run of a version without `live.jsonl`, made from its tables: those after its epochs. */

import type { LiveEpoch, LiveLine } from '../live/liveFormat.js';
import { liveRun } from '../live/liveLines.js';
import { coreOf, parameterNames } from '../quant/index.js';
import { openRunFolder, readCurves, readQuantizers, readResults, readSizes } from '../runs/index.js';
import { replacesChosen } from '../selection.js';
import { experimentOfRun, obeysBudget } from '../settings/index.js';

/** @throws InputError for a folder that is no run, or whose tables are damaged */
export function tableLines(root: string): LiveLine[] {
  const { folder, config } = openRunFolder(root);
  const experiment = experimentOfRun(config.experiment, folder.config, config.settings);
  const quantizers = readQuantizers(folder);
  const sizes = readSizes(folder);
  const { testLosses } = readCurves(folder);
  const tensors = quantizers
    .filter(({ epoch }) => epoch === 1)
    .map(({ tensor, role, kind, signed }) => ({
      ...{ name: tensor, role, kind, core: coreOf(kind), count: null, learned: parameterNames(kind) },
      signed: signed === null ? role !== 'activation' : signed === 1,
    }));
  let least = Number.POSITIVE_INFINITY;
  const epochs = readResults(folder).map(({ iter: epoch, train_err, val_err, test_err, loss }, index): LiveEpoch => {
    const { epoch: _, ...kbytes } = sizes[index]!;
    const isInside = obeysBudget(experiment.budget, kbytes);
    const isBest = isInside && replacesChosen(experiment.training.select, val_err, least);
    if (isBest) least = val_err;
    return {
      type: 'epoch',
      ...{ epoch, train_err, val_err, loss, ...kbytes },
      ...(test_err !== undefined && { test_err }),
      val_loss: testLosses[index]!.loss,
      inside_budget: isInside,
      best: isBest,
      bits: quantizers.filter((row) => row.epoch === epoch).map(({ bits }) => bits),
    };
  });
  return [{ ...liveRun(experiment, []), tensors }, ...epochs];
}
