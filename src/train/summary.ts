/** The results of a finished run in a few numbers. */

import type { Variables } from '../nn/index.js';
import type { Sizes } from '../program/quantizerReport.js';
import { floatBits } from '../quant/index.js';
import { evaluatedOn, type Selection } from '../selection.js';
import { type Experiment, obeysBudget } from '../settings/index.js';
import type { CheckpointState } from './checkpointState.js';
import type { Recorder } from './recorder.js';

/**
 * Results under the names of summary.json. Sizes are those of the best parameters, or of the last if no epoch obeyed
 * the budget.
 */
export interface RunSummary extends Sizes {
  /**
   * Error (1 − AUC for that metric); `null` if no epoch obeyed the budget. Files have the metric under its own name.
   */
  readonly best_val_err: number | null;
  readonly best_epoch: number | null;
  readonly last_val_err: number;
  /** Error on the test images, which do not choose unless `select = test`; `null` if no epoch obeyed the budget. */
  readonly best_test_err: number | null;
  readonly last_test_err: number | null;
  /** Bits of the same parameters by tensor; 32 if not quantized. */
  readonly bits: Readonly<Record<string, number>>;
  /** Speed of training, without start-up and evaluation. */
  readonly images_per_second: number;
  /** Time of training and evaluation, in all processes that went on with the run. */
  readonly seconds: number;
  readonly epochs: number;
  /** Epochs that ended inside the budget; all epochs without a budget. */
  readonly budget_held_epochs: number | null;
  /** The engine and its machine, in words. */
  readonly device: string;
  readonly select: Selection;
}

/** The summary of a run with all epochs finished, from its state and its recorder. */
export function summarize(
  experiment: Experiment,
  variables: Variables,
  recorder: Pick<Recorder, 'sizes' | 'quantizers'>,
  state: CheckpointState,
  { seconds, device }: Pick<RunSummary, 'seconds' | 'device'>,
): RunSummary {
  const described = state.best?.epoch ?? state.epoch;
  const allSizes = recorder.sizes();
  const found = allSizes.find(({ epoch }) => epoch === described);
  if (!found) throw new Error(`nothing is recorded of the sizes of epoch ${described}`);
  const { epoch: _epoch, ...sizes } = found;
  const quantizers = recorder.quantizers().filter(({ epoch }) => epoch === described);
  const float = [...variables.unquantizedTensors('weight'), ...variables.unquantizedTensors('activation')];
  const byTest = evaluatedOn(experiment.training.select) === 'test';
  return {
    best_val_err: state.best?.error ?? null,
    best_epoch: state.best?.epoch ?? null,
    last_val_err: state.lastError,
    best_test_err: (byTest ? state.best?.error : state.best?.testError) ?? null,
    last_test_err: byTest ? state.lastError : state.lastTestError,
    ...sizes,
    bits: Object.fromEntries([
      ...float.map(([name]) => [name, floatBits] as const),
      ...quantizers.map(({ tensor, bits }) => [tensor, bits] as const),
    ]),
    images_per_second: state.imagesTrained / Math.max(state.trainingSeconds, 1e-9),
    seconds,
    epochs: state.epoch,
    budget_held_epochs: allSizes.filter((row) => obeysBudget(experiment.budget, row)).length,
    device,
    select: experiment.training.select,
  };
}
