/**
 * Runs one experiment, from its settings to a run folder with its summary: a new run, or a resumed one if `resume` is
 * set. `mpdnn train` adds its output, `mpdnn reproduce` calls it for every run of a table.
 */

import { selectEngine } from '../engine/selectEngine.js';
import { InputError } from '../errors.js';
import type { Plan } from '../graph/index.js';
import { liveFile } from '../live/liveFile.js';
import { liveRun } from '../live/liveLines.js';
import type { Variables } from '../nn/index.js';
import { packageVersion } from '../packageVersion.js';
import { disagreement, oneRank, type Ranks } from '../program/ranks.js';
import type { TrainingProgram } from '../program/trainingProgram.js';
import { type ConfigFile, decidingSettings, type Experiment, quantizes, whereSet } from '../settings/index.js';
import { shippable } from '../ship/shippable.js';
import { eventFile } from '../tensorboard/eventFile.js';
import { type DataDescription, describeData } from '../train/dataDescription.js';
import { dataDifference } from '../train/dataDifference.js';
import { openTraining } from '../train/openTraining.js';
import type { RunSummary } from '../train/summary.js';
import { readWeightFile } from '../weights/index.js';
import type { ExperimentData } from './experimentData.js';
import { folderRecorder, type Watcher } from './folderRecorder.js';
import { followingRecorder } from './followingRecorder.js';
import {
  checkReplaceable,
  createRunFolder,
  type RunFolder,
  readQuantizers,
  readWeightsToStartFrom,
  resolveStartingWeights,
  resumeRunFolder,
  runRoot,
  setEpochs,
} from './index.js';
import { type Lock, lockFolder } from './lock.js';
import type { RunEvents } from './runEvents.js';
import { readTeacher, recordedTeacher } from './teacher.js';
import type { Workbench } from './workbench.js';

export interface RunOptions {
  /** Replace an existing run folder. */
  readonly force: boolean;
  readonly events: RunEvents;
  /** The call that resumes this run, for those who watch it. */
  readonly resumeCall?: string;
  /** Stops the run between two steps, with a checkpoint. */
  readonly signal: AbortSignal;
  /** Called when the preparations are over: from here on a signal leads to a checkpoint. */
  readonly onTraining?: () => void;
  /**
   * Called after the last epoch while the folder is still locked, so that nobody else replaces what it writes there.
   */
  readonly onFinished?: (folder: RunFolder) => Promise<void>;
  /** The processes that train together, by default only this one; the first of them writes. */
  readonly ranks?: Ranks;
}

export interface FinishedRun {
  /** `null` in a rank that writes nothing. */
  readonly folder: RunFolder | null;
  readonly variables: Variables;
  /** `null` if the signal came first; the run can be resumed. */
  readonly summary: RunSummary | null;
}

/**
 * Runs an experiment.
 *
 * @throws InputError for faults of the experiment, its data, its starting weights or its run folder
 * @throws TrainingFault if the loss, a parameter, or the error of an evaluation is no longer finite
 */
export async function runExperiment(
  experiment: Experiment,
  file: ConfigFile,
  bench: Workbench,
  options: RunOptions,
): Promise<FinishedRun> {
  const { ranks = oneRank, onFinished, events } = options;
  checkRanks(experiment, ranks.size);
  const lock =
    ranks.rank === 0
      ? await lockFolder(runRoot(experiment), { does: 'trains', onLine: events.line })
      : { check: () => {}, release: () => {} };
  try {
    const run = await runLocked(lock, experiment, file, bench, { ...options, ranks });
    if (run.summary && run.folder) await onFinished?.(run.folder);
    return run;
  } finally {
    lock.release();
  }
}

async function runLocked(
  lock: Lock,
  experiment: Experiment,
  file: ConfigFile,
  bench: Workbench,
  { force, events, signal, onTraining, resumeCall, ranks }: RunOptions & { readonly ranks: Ranks },
): Promise<FinishedRun> {
  if (!experiment.resume) checkReplaceable(experiment, force);
  const data = await bench.data(experiment, events);
  const resumed = experiment.resume ? resumeRunFolder(experiment) : null;
  const description = describeData(experiment, data);
  if (resumed) checkSameData(resumed, description, events);
  const startFile = resumed ? null : resolveStartingWeights(experiment, file);
  const starting = startFile === null ? null : await readWeightsToStartFrom(startFile);
  const teacher = resumed ? null : await readTeacher(experiment, file, description);
  const run = await openTraining(experiment, data, {
    teacher: teacher ?? recordedTeacher(experiment, resumed?.config.teacher ?? null, description),
    starting: starting?.weights ?? null,
    checkpoint: resumed && {
      file: readWeightFile(resumed.folder.checkpoint),
      source: resumed.folder.checkpoint,
    },
    engine: () => bench.engine(experiment),
    cpuEngine: () => selectEngine('cpu', { threads: experiment.threads ?? undefined }),
    description,
    events,
    ranks,
  });
  try {
    const { device, variables, network } = run;
    const checkpoint = await run.checkpoint();
    await demandSameBeginning(experiment, ranks, { images: description, plan: run.program.plan, checkpoint });
    const begin = (): RunFolder => {
      if (resumed) {
        setEpochs(resumed.folder, resumed.config, experiment.training.epochs);
        return resumed.folder;
      }
      const versions = { 'mixed-precision-dnns': packageVersion(), node: process.version };
      return createRunFolder(experiment, {
        ...{ device, versions, data: description, network, checkpoint, force },
        startingWeights: starting?.file ?? null,
        teacher: teacher?.record ?? null,
      });
    };
    const folder = ranks.rank === 0 ? begin() : null;
    const recorder = folder
      ? folderRecorder(folder, lock, watchersOf(folder, experiment, variables, { device, resume: resumeCall }))
      : followingRecorder(resumed?.folder ?? null);
    const note = shippingNote(experiment, run.program);
    if (note) events.line(note);
    events.line(`${experiment.name}  ${experiment.network.model}  ${countLine(data)}  ${device}`);
    onTraining?.();
    const summary = await run.train(recorder, { signal, events });
    return { folder, variables, summary };
  } finally {
    await run.close();
  }
}

/** A note about the forms in which a quantized network could not be exported, and why; empty if there are none. */
function shippingNote(experiment: Experiment, program: TrainingProgram): string {
  if (!quantizes('a_quantize', experiment.settings, experiment.layers)) return '';
  const { forms, fault } = shippable(program);
  if (fault === null) return '';
  return `NOTE: ${forms.length > 0 ? `can be exported with --to ${forms.join()} only` : 'cannot be exported as integers'}: ${fault}`;
}

/** Throws an `InputError` with the first difference between what the ranks begin with. */
async function demandSameBeginning(
  experiment: Experiment,
  ranks: Ranks,
  {
    images,
    plan,
    checkpoint,
  }: { readonly images: DataDescription; readonly plan: Plan; readonly checkpoint: Uint8Array },
): Promise<void> {
  const difference = await disagreement(ranks, {
    'version of this program': packageVersion(),
    settings: JSON.stringify(decidingSettings(experiment.settings)),
    images: JSON.stringify(images),
    network: JSON.stringify(plan),
    parameters: checkpoint,
  });
  if (difference) throw new InputError(`${runRoot(experiment)}: ${difference}; all have to begin alike`);
}

function watchersOf(
  folder: RunFolder,
  experiment: Experiment,
  { quantizers }: Variables,
  begun: { readonly device: string; readonly resume: string | undefined },
): Watcher[] {
  const live = liveFile(folder.live, liveRun(experiment, quantizers, begun));
  if (!experiment.tensorboard) return [live];
  return [live, eventFile(folder.root, experiment, () => readQuantizers(folder))];
}

/**
 * Throws an `InputError` unless each of `size` ranks has the same number of shards. `option`: the one that asks for
 * them, if any.
 */
export function checkRanks(experiment: Experiment, size: number, option?: '--gpus' | '--ranks'): void {
  const { shards } = experiment.training;
  if (shards % size === 0) return;
  const remedy = Number.isInteger(Math.log2(size))
    ? `set shards = ${size} or a larger power of two`
    : 'shards are a power of two, so start 2, 4, 8 … processes';
  const asked = option ? `${option} ${size}: ` : '';
  const place = `${whereSet(experiment, 'shards')} = ${shards}`;
  throw new InputError(`${asked}${place}: ${size} processes cannot share them; ${remedy}`);
}

/** Throws an `InputError` with the difference if a run's images are not those that it began with. */
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
    `${folder.root}: cannot resume, ${difference}; give it the old images, or start anew with --force in place of --resume`,
  );
}

/** Numbers of training images and of those held out, in words. */
function countLine({ train, validation }: ExperimentData): string {
  return `${train.count} images${validation ? `  ${validation.count} more held out to choose by` : ''}`;
}
