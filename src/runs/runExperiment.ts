/**
 * One experiment, from its settings to a run folder with its summary: begun, or gone on with where `resume` is set.
 * `mpdnn train` is this function with words around it, `mpdnn reproduce` calls it for every run of a table.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { selectEngine } from '../engine/selectEngine.js';
import { InputError } from '../errors.js';
import type { Variables } from '../nn/index.js';
import { packageVersion } from '../packageVersion.js';
import { openSession } from '../program/session.js';
import { buildTrainingProgram, type TrainingProgram } from '../program/trainingProgram.js';
import type { ConfigFile, Experiment } from '../settings/index.js';
import { startOnActivations } from '../train/activationStart.js';
import { budgetOutlook } from '../train/budgetLimits.js';
import { type Checkpoint, checkpointFile, readCheckpoint } from '../train/checkpoint.js';
import { dataShape, normalisation, programOptions, resolvedLayers } from '../train/programOptions.js';
import type { RunSummary } from '../train/summary.js';
import { initialState, train } from '../train/train.js';
import { zeroedWeights } from '../train/zeroedWeights.js';
import { type LoadedWeights, loadReport, readStartingWeights, readWeightFile } from '../weights/index.js';
import { type DataDescription, dataDifference, describeData } from './dataDescription.js';
import { type ExperimentData, evaluationSets } from './experimentData.js';
import { folderRecorder } from './folderRecorder.js';
import {
  checkReplaceable,
  createRunFolder,
  type RunConfig,
  type RunFolder,
  resolveStartingWeights,
  resumeRunFolder,
  runRoot,
  setEpochs,
} from './index.js';
import { type Lock, lockFolder } from './lock.js';
import type { RunEvents } from './runEvents.js';
import type { Workbench } from './workbench.js';

export interface RunOptions {
  /** Replace an existing run folder. */
  readonly force: boolean;
  readonly events: RunEvents;
  /** Stops the run between two steps, with a checkpoint. */
  readonly signal: AbortSignal;
  /** Called when the preparations are over: from here on a signal is waited for. */
  readonly onTraining?: () => void;
}

export interface FinishedRun {
  readonly folder: RunFolder;
  readonly variables: Variables;
  /** `null` if the signal came first; the run can be resumed. */
  readonly summary: RunSummary | null;
}

/**
 * @throws InputError for what is wrong with the experiment, its data, its starting weights or its run folder
 * @throws TrainingFault if the loss is no longer finite
 */
export async function runExperiment(
  experiment: Experiment,
  file: ConfigFile,
  bench: Workbench,
  options: RunOptions,
): Promise<FinishedRun> {
  const lock = await lockFolder(runRoot(experiment), { does: 'trains', onLine: options.events.line });
  try {
    return await runLocked(lock, experiment, file, bench, options);
  } finally {
    lock.release();
  }
}

async function runLocked(
  lock: Lock,
  experiment: Experiment,
  file: ConfigFile,
  bench: Workbench,
  { force, events, signal, onTraining }: RunOptions,
): Promise<FinishedRun> {
  if (!experiment.resume) checkReplaceable(experiment, force);
  const data = await bench.data(experiment, events.task);
  for (const note of data.notes) events.line(note);
  checkBatchSize(experiment, data.train.count);
  const resumed = experiment.resume ? resumeRunFolder(experiment) : null;
  const description = describeData(data, normalisation(experiment, data.train.channels));
  if (resumed) checkSameData(resumed, description, events);
  const startFile = resumed ? null : resolveStartingWeights(experiment, file);
  const starting = startFile ? await readStartingWeights(startFile) : null;
  const [chooses, reported] = evaluationSets(data);
  const shape = dataShape(data, chooses.count, reported?.count);
  const program = buildTrainingProgram(programOptions(experiment, shape, starting));
  // Always measured on the CPU: a run starts from the same values on every device.
  const openCpu = () => selectEngine('cpu', { threads: experiment.threads ?? undefined });
  if (!resumed) await startOnActivations(program, data.train, openCpu);
  const outlook = budgetOutlook(experiment, program.variables);
  if (starting) events.line(startLine(program.variables, starting));
  if (outlook) events.line(outlook);
  const zeroed = resumed ? null : zeroedWeights(program.variables);
  if (zeroed) events.line(zeroed);
  if (experiment.layers.length > 0) events.onLayers?.(resolvedLayers(experiment, shape));
  const checkpoint = resumed ? checkpointOf(resumed.folder, experiment, program) : null;
  const engine = await bench.engine(experiment);
  const session = await openSession(engine, program, (done, total) => events.task('compiling', done, total));
  try {
    session.setTrainingImages(data.train);
    session.setEvaluationImages(...evaluationSets(data));
    checkpoint?.restore(session.program);
    const state = checkpoint?.state ?? initialState(experiment);
    const device = `${engine.name}: ${engine.description}`;
    if (resumed) setEpochs(resumed.folder, resumed.config, experiment.training.epochs);
    const folder =
      resumed?.folder ??
      createRunFolder(experiment, {
        device,
        versions: { 'mixed-precision-dnns': packageVersion(), node: process.version },
        startingWeights: startFile === null ? null : startingWeights(startFile),
        data: description,
        checkpoint: await checkpointFile(program, session.program, state),
        force,
      });
    events.line(`${experiment.name}  ${experiment.network.model}  ${countLine(data)}  ${device}`);
    onTraining?.();
    const summary = await train({
      experiment,
      session,
      trainImages: data.train,
      recorder: folderRecorder(folder, lock),
      device,
      state,
      metadata: { data: JSON.stringify(description) },
      signal,
      events,
    });
    return { folder, variables: program.variables, summary };
  } finally {
    await session.program.dispose();
  }
}

/** Throws an `InputError` that says in what the images of a run differ from those that it began with. */
function checkSameData(
  { folder, config }: ReturnType<typeof resumeRunFolder>,
  now: DataDescription,
  { line }: Pick<RunEvents, 'line'>,
): void {
  if (!config.data) {
    line(`${folder.root}: older versions kept nothing of their images, so they cannot be compared with those of now`);
    return;
  }
  const difference = dataDifference(config.data, now);
  if (!difference) return;
  throw new InputError(
    `${folder.root}: cannot resume, ${difference}; give it the old images, or start anew with --force`,
  );
}

/** Throws an `InputError` if the run has more epochs than are wanted now, or what `readCheckpoint` throws. */
function checkpointOf(
  { root, checkpoint: path }: RunFolder,
  { training }: Experiment,
  program: TrainingProgram,
): Checkpoint {
  const checkpoint = readCheckpoint(readWeightFile(path), path, program);
  const { epoch } = checkpoint.state;
  if (epoch <= training.epochs) return checkpoint;
  throw new InputError(
    `${root}: cannot resume to ${training.epochs} epochs, it has trained ${epoch}; ask for as many or more`,
  );
}

/** How many images train, and how many of the training images are held out. */
function countLine({ train, validation }: ExperimentData): string {
  return `${train.count} images${validation ? `  ${validation.count} more held out to choose by` : ''}`;
}

/** What config.json keeps of a file of starting weights: its hash tells whether it is still the same. */
export function startingWeights(file: string): NonNullable<RunConfig['starting_weights']> {
  return { file, sha256: createHash('sha256').update(readFileSync(file)).digest('hex') };
}

function checkBatchSize({ training: { batchSize } }: Experiment, images: number): void {
  if (batchSize <= images) return;
  throw new InputError(`batch_size = ${batchSize}: more than the ${images} training images; use ${images} or less`);
}

function startLine(variables: Variables, starting: LoadedWeights): string {
  const { matched, missing, unused } = loadReport(variables, starting);
  return `starts from ${starting.source}: ${matched.length} tensors taken, ${missing.length} fresh, ${unused.length} unused`;
}
