/** Training from arrays: `mpdnn train` without files and without a command line. */

import type { Images } from '../data/imageStream.js';
import type { SelectEngine } from '../engine/engineSelector.js';
import { InputError } from '../errors.js';
import type { LiveLine } from '../live/liveFormat.js';
import { type NetworkDefinition, readDefinition } from '../nn/index.js';
import { type Experiment, experimentFromSettings, soundKeys, withDefinition } from '../settings/index.js';
import type { SettingKey } from '../settings/settings.js';
import { describeData } from '../train/dataDescription.js';
import { freshRun, memoryRecorder, type RunRecord, runFile } from '../train/memoryRecorder.js';
import { heldOut, limited, type OpenTraining, openTraining, type TrainingImages } from '../train/openTraining.js';
import type { EpochReport, Recorder, StepReport } from '../train/recorder.js';
import type { RunSummary } from '../train/summary.js';
import { parseSafetensorsFile } from '../weights/checkedSafetensors.js';
import { weightsToStartFrom } from '../weights/loadedWeights.js';
import { type ImageShape, type ImageSource, imageSet, type LabelledImages } from './imageArrays.js';

/** Training and test images, and their classes. */
export interface TrainingData<Given extends LabelledImages | ImageSource = LabelledImages> extends ImageShape {
  /** Names of the classes in the order of their labels; with other losses, names of the outputs. */
  readonly classes: readonly string[];
  readonly train: Given;
  /** Images that choose the best parameters, in place of a part of the training images; unused without `select = validation`. */
  readonly validation?: Given;
  readonly test: Given;
}

/** .cfg keys with their values, without those of paths; `undefined` is as good as left out. */
export type TrainingSettings = Readonly<
  Partial<Record<Exclude<SettingKey, CommandLineKey>, string | number | boolean | readonly (string | number)[] | null>>
>;

/** Keys of the command line: where images, weights and runs lie, and what is done with a teacher's weights. */
export const commandLineKeys = [
  ...(['data', 'image_size', 'stream', 'decode_threads', 'out', 'tensorboard', 'resume', 'weightfile'] as const),
  ...(['distill', 'distill_temperature', 'distill_weight'] as const),
  ...soundKeys,
] as const;
type CommandLineKey = (typeof commandLineKeys)[number];

export interface TrainingOptions {
  readonly data: TrainingData<LabelledImages | ImageSource>;
  /** A network definition, instead of the model that `settings` name. */
  readonly network?: NetworkDefinition;
  /** Settings as in a section of a .cfg file; the defaults are the published ones: ResNet-20, float, 160 epochs. */
  readonly settings?: TrainingSettings;
  /** The bytes of a file of parameters to start from. */
  readonly weights?: Uint8Array | ArrayBuffer;
  /**
   * A checkpoint, of `onCheckpoint` or of an aborted call, to go on from; the result is bit for bit that of an
   * uninterrupted run. Settings and data have to be the same; other `epochs` are allowed, and where earlier ones depended on
   * their number, as with a cosine or a guaranteed budget, a remark says that the result is another.
   */
  readonly resume?: Uint8Array | ArrayBuffer;
  /**
   * True if the run to resume had other `target_weight_kbytes` or `target_activation_kbytes`. Those of `settings` hold
   * from there on, and no earlier epoch counts as the best.
   */
  readonly hasNewTargets?: boolean;
  /** Ends the run between two steps; `finished` is then false. */
  readonly signal?: AbortSignal;
  /** Called a few times a second. */
  readonly onProgress?: (report: StepReport) => void;
  readonly onEpoch?: (report: EpochReport) => void;
  /** Called with the run, then its steps and epochs: the lines of `live.jsonl`. */
  readonly onLive?: (line: LiveLine) => void;
  /** Called after every epoch, and within long ones every `checkpoint_minutes`. */
  readonly onCheckpoint?: (checkpoint: Uint8Array) => void;
  /** Called with remarks for people: whether the budget can be met, how the run starts. */
  readonly onLine?: (text: string) => void;
}

export interface TrainingResult {
  /** True after the last epoch; if false, `checkpoint` can be resumed. */
  readonly finished: boolean;
  /** The best parameters, as the bytes of a .safetensors file; `null` until an epoch obeys the budget. */
  readonly parameters: Uint8Array | null;
  /** The parameters of the last finished epoch. */
  readonly lastParameters: Uint8Array | null;
  /** One report an epoch. */
  readonly history: readonly EpochReport[];
  /** Errors, sizes and bits of the best parameters; `null` if the run is not finished. */
  readonly summary: RunSummary | null;
  /** The state for `resume`. */
  readonly checkpoint: Uint8Array;
}

export type Train = (options: TrainingOptions) => Promise<TrainingResult>;

/** Makes the function `train` for the engines of Node or of a browser. */
export function trainWith(selectEngine: SelectEngine): Train {
  return async ({ data, network, settings = {}, weights, resume, hasNewTargets = false, signal, ...told }) => {
    for (const part of ['train', 'test'] as const) {
      const { images, read } = (data[part] ?? {}) as Partial<LabelledImages & ImageSource>;
      if (!images && !read) throw new InputError(`data.${part}: has no images`);
    }
    if (!data.classes?.length) throw new InputError('data.classes: names are wanted');
    if (hasNewTargets && !resume) throw new InputError('hasNewTargets: there is no run to resume');
    const given = inputKind(data.train) === 'floats' ? { ...floatDefaults(settings), ...settings } : settings;
    const experiment = experimentOf(given, network ?? null);
    const images = await imagesOf(data, experiment);
    if (resume && weights)
      throw new InputError('weights: a run that is resumed has its own; leave them out, or resume');
    const { device, threads, matmulPrecision } = experiment;
    const options = { threads: threads ?? undefined, matmulPrecision };
    const { onProgress, onEpoch, onLive, onCheckpoint, onLine } = told;
    const description = describeData(experiment, images);
    const identity = { settings: experiment.settings, data: description };
    const how = { hasNewTargets, line: onLine };
    const begun = resume && (await import('./resumedRun.js')).resumedRun(resume, experiment, description, how);
    const engine = await selectEngine(device, options);
    try {
      const run = await openTraining(experiment, images, {
        starting: weights ? weightsToStartFrom(parseSafetensorsFile(weights, 'weights'), 'weights') : null,
        checkpoint: begun ? { file: begun.checkpoint, source: 'resume', hasNewTargets } : null,
        engine: async () => engine,
        cpuEngine: () => selectEngine('cpu', options),
        description,
        events: onLine ? { line: onLine } : {},
      });
      const record = { ...(begun ?? freshRun), identity, ...(hasNewTargets && { best: null }) };
      const recorder = memoryRecorder(record, onCheckpoint && ((record) => onCheckpoint(runFile(record))));
      try {
        await run.train(onLive ? await withLines(recorder, experiment, run, onLive) : recorder, {
          signal,
          events: { ...(onProgress && { onStep: onProgress }), ...(onEpoch && { onEpoch }) },
        });
      } finally {
        await run.close();
      }
      return resultOf(recorder.record);
    } finally {
      await engine.dispose();
    }
  };
}

/**
 * A recorder that also reports live lines, the first of them at once. The lines of an epoch come before its checkpoint,
 * as in a run folder.
 */
async function withLines(
  recorder: Recorder,
  experiment: Experiment,
  { variables, device }: OpenTraining,
  onLive: (line: LiveLine) => void,
): Promise<Recorder> {
  const { liveLines, liveRun } = await import('../live/liveLines.js');
  onLive(liveRun(experiment, variables.quantizers, { device }));
  const lines = liveLines(experiment.task);
  return {
    ...recorder,
    step: (report) => onLive(lines.step(report)),
    epoch: (report) => {
      recorder.epoch(report);
      onLive(lines.epoch(report));
    },
  };
}

function resultOf(record: RunRecord): TrainingResult {
  const { best, last, history, summary } = record;
  return {
    finished: summary !== null,
    parameters: best,
    lastParameters: last,
    history,
    summary,
    checkpoint: runFile(record),
  };
}

/** Defaults for floats, which are neither mirrored, shifted nor normalised. */
function floatDefaults({ normalise }: TrainingSettings): TrainingSettings {
  return { augment: 'none', ...(normalise === undefined && { mean: 0, std: 1 }) };
}

function experimentOf(given: TrainingSettings, network: NetworkDefinition | null): Experiment {
  const settings: TrainingSettings = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  );
  const strange = commandLineKeys.find((key) => key in settings);
  if (strange)
    throw new InputError(`settings: ${strange}: is of the command line; give images, weights and resume as arrays`);
  if (!network) return experimentFromSettings('library', 'settings', settings);
  if (settings.model !== undefined || settings.num_layers !== undefined) {
    throw new InputError('settings: name a model although network is one: leave model and num_layers out');
  }
  const own = experimentFromSettings('library', 'settings', { ...settings, model: 'own' });
  return withDefinition(own, readDefinition(network, 'network'));
}

function inputKind(given: LabelledImages | ImageSource): 'bytes' | 'floats' | 'images to read' {
  if ('read' in given) return 'images to read';
  return given.images instanceof Float32Array ? 'floats' : 'bytes';
}

/** Prepares the images as the command line does: limited, and a part of the training images held out for selection. */
async function imagesOf(
  { classes, train, validation, test, height, width, channels }: TrainingOptions['data'],
  experiment: Experiment,
): Promise<TrainingImages> {
  const streams = 'read' in train ? await import('./imageStreams.js') : null;
  const imagesFrom = (given: LabelledImages | ImageSource, what: string): Images => {
    if (inputKind(given) !== inputKind(train)) {
      throw new InputError(
        `data.${what}: has ${inputKind(given)}, data.train has ${inputKind(train)}; all are of one kind`,
      );
    }
    const words = [{ height, width, channels }, classes.length, `data.${what}`, experiment.task] as const;
    return 'read' in given ? streams!.imageStream(given, ...words) : imageSet(given, ...words);
  };
  const all = limited(experiment, imagesFrom(train, 'train'), 'limit_train');
  const choosing = validation && imagesFrom(validation, 'validation');
  return {
    classes,
    ...heldOut(experiment, { train: all, validation: choosing }),
    test: limited(experiment, imagesFrom(test, 'test'), 'limit_val'),
  };
}
