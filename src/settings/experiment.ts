/**
 * An `Experiment`: one section of a .cfg file with the command line's overrides; typed, complete, and checked key by
 * key and keys against each other. All later code may trust it. The first fault is thrown as an `InputError` that names
 * file, line, section, key, value and the right values.
 */
import { type DataSpec, parseDataSpec } from '../data/dataSpec.js';
import type { SoundSettings } from '../data/sound.js';
import type { Device, MatmulPrecision, ShardPrecision } from '../device.js';
import { userPath } from '../disk/userPath.js';
import { InputError } from '../errors.js';
import type { NetworkDefinition } from '../nn/index.js';
import type { ActivationType, CostTable } from '../quant/index.js';
import type { Selection } from '../selection.js';
import type { Task } from '../task.js';
import { optionOf } from './commandLine.js';
import { type ConfigEntry, type ConfigFile, defaultSection, interpolatedKeys, sectionEntries } from './configFile.js';
import { readCostTable } from './costTables.js';
import { didYouMean } from './didYouMean.js';
import { checkEffects, type Origin } from './keysWithoutEffect.js';
import { type LayerRule, parseLayerRules } from './layerRules.js';
import { type QuantizerSettings, quantizerSettings } from './quantizerSettings.js';
import { canPrune, checkKeysTogether, complete, type Fail, type Settings, searchEpochs } from './settingRules.js';
import { type ModelName, readSettings, type SettingKey, settingKeys } from './settings.js';

/** Place of a value, for messages: `configs/a.cfg:12: [NAME] key` or `--key`. */
interface SettingSource {
  readonly where: string;
  readonly origin: Origin;
}

export interface Experiment {
  readonly name: string;
  /** The file it was read from; empty for the settings of a call, whose keys are options. */
  readonly configPath: string;
  /** What stands before a key's name where it is set: the file, and the section if it has some; empty with `configPath`. */
  readonly keyPrefix: string;
  readonly network: {
    readonly model: ModelName;
    /** A network that is not built in; null until its file has been read, and for built-in models. */
    readonly definition: NetworkDefinition | null;
    /** Layers of a CIFAR ResNet, `null` for other models. */
    readonly numLayers: number | null;
    /** Shortcut where channels change: '' takes every second pixel and pads with zeros, 'b' and 'c' convolve. */
    readonly shortcutType: '' | 'b' | 'c';
    /** Multiply the logits by a learned number. */
    readonly scaleLayer: boolean;
    /** Factor of the channels of MobileNets and of ResNets but ResNet-8; 1 for other models. */
    readonly widthMultiplier: number;
  };
  readonly data: {
    readonly source: DataSpec;
    /** Images used, `null` for all. */
    readonly limitTrain: number | null;
    readonly limitVal: number | null;
    /** Training images held out to select the best parameters, 0 for none; `null`: a tenth of them, at most 5000. */
    readonly validationSplit: number | null;
    /** Side of the square images in pixels, `null` for the dataset's own. */
    readonly imageSize: number | null;
    /** While training: shifted and mirrored, or random crops scaled to the image size, or as they are. */
    readonly augment: 'shift' | 'resized_crop' | 'none';
    /** Random shift in pixels, up to this many each way. */
    readonly augmentShift: number;
    readonly augmentMirror: boolean;
    /** True if images are decoded while training, null to decide by their number and by whether they are cropped. */
    readonly stream: boolean | null;
    /** Images decoded at a time, `null`: as many as the machine has threads. */
    readonly decodeThreads: number | null;
    /** Settings of the features of sounds; `null` for other data. */
    readonly sound: SoundSettings | null;
  };
  readonly task: Task;
  readonly training: {
    readonly epochs: number;
    readonly batchSize: number;
    /**
     * Number of equal parts of a batch. Each is normalised by its own moments, and their gradients are summed in a
     * fixed order.
     */
    readonly shards: number;
    readonly shardPrecision: ShardPrecision;
    readonly seed: number;
    readonly optimizer: 'momentum' | 'adam';
    readonly initialLearningRate: number;
    /** Shape of the learning rate: `step` divides it at some epochs, `cosine` lowers it to 0 over the run. */
    readonly schedule: 'step' | 'cosine';
    /** The learning rate is divided by 10 after each of these epochs. */
    readonly learningRateDrops: readonly number[];
    /** Epochs in which the learning rate rises from 0, step by step. */
    readonly warmupEpochs: number;
    readonly momentum: number;
    readonly nesterov: boolean;
    readonly weightDecay: number;
    /** Parameters without weight decay. */
    readonly decayExclude: readonly ('bn' | 'bias' | 'quantizers')[];
    /** ε of label smoothing in the training loss, 0 for none. */
    readonly labelSmoothing: number;
    /** Decay of the exponential moving averages that are evaluated and saved as parameters, 0 for none. */
    readonly emaDecay: number;
    /** Batches an epoch on which batch normalisation's moments are measured again before its evaluation; 0 for none. */
    readonly bnReestimate: number;
    /** Number of last steps of an epoch in which oscillating weights are counted; 0 for none. */
    readonly countOscillations: number;
    /** Strength in the last step with which quantized weights are pulled to their levels; 0 for none. */
    readonly dampOscillations: number;
    /** Learning rate of the quantizers' parameters relative to that of the others. */
    readonly quantizerLearningRateFactor: number;
    /** The teacher's parameters as written, and temperature and weight of its loss; `null` without a teacher. */
    readonly distill: { readonly from: string; readonly temperature: number; readonly weight: number } | null;
    /** Parameters to start from as written, `null` for none; `resolveStartingWeights` finds the file. */
    readonly startFrom: string | null;
    /** How the epoch is chosen whose parameters are kept. */
    readonly select: Selection;
  };
  readonly weights: QuantizerSettings;
  readonly activations: QuantizerSettings;
  /** Quantizer of activations without a ReLU; null if these are neither quantized nor counted. */
  readonly linear: QuantizerSettings | null;
  /** Quantizer of the images; null if these are neither quantized nor counted. */
  readonly input: QuantizerSettings | null;
  /** Settings of single tensors; `resolveLayers` applies them. */
  readonly layers: readonly LayerRule[];
  /** Targets in kB of 1024 bytes; -1 for none. */
  readonly budget: {
    readonly targetWeightKbytes: number;
    readonly targetActivationKbytes: number;
    readonly targetActivationType: ActivationType;
    /** Target in billions of bit operations an image; -1 for none. */
    readonly targetGbops: number;
    /** Target in the unit of `costs`; -1 for none. */
    readonly targetCost: number;
    readonly costs: CostTable | null;
    /**
     * `guaranteed`: epochs end inside the targets, at the latest from the last of the search on; `penalty`: exceeding them
     * costs, as published.
     */
    readonly mode: 'penalty' | 'guaranteed';
    /** True if whole channels may be pruned for a guaranteed budget of weights, products or costs. */
    readonly prunes: boolean;
    /** Channels pruned at a time. */
    readonly pruneStep: number;
    /** Number of epochs in which bits are searched; then they are frozen. */
    readonly searchEpochs: number;
    /** The bits that the search begins with: all that a quantizer may have, or those of an allocation. */
    readonly begin: 'wide' | 'allocated';
    /** Batches on which gradients are measured after each epoch of the search; 0: those of its last step. */
    readonly measure: number;
    /** The multiple of their targets at which the limits of weights, products and costs begin; they fall in the search. */
    readonly slack: number;
    readonly lambda2: number;
    readonly lambda3: number;
  };
  readonly device: Device;
  /** Number of threads, `null` for as many as the machine has. */
  readonly threads: number | null;
  readonly matmulPrecision: MatmulPrecision;
  /** The folder that run folders go to. */
  readonly out: string;
  /** The name of this run's folder there: the section's, unless `name` gives another. */
  readonly runName: string;
  /** Longest time without a checkpoint; there is one after every epoch anyway. */
  readonly checkpointMinutes: number;
  /** Write event files for TensorBoard. */
  readonly tensorboard: boolean;
  readonly resume: boolean;
  readonly settings: Settings;
  /** The place where each given key was written. */
  readonly sources: ReadonlyMap<string, SettingSource>;
  /** The options of the command line, under the keys of the .cfg. */
  readonly overrides: ReadonlyMap<string, string>;
}

/** The place where a key is set, for messages; where to set it if it has its default. */
export function whereSet(experiment: Place & Pick<Experiment, 'sources'>, key: SettingKey): string {
  return experiment.sources.get(key)?.where ?? placeOf(experiment, key);
}

type Place = Pick<Experiment, 'name' | 'configPath' | 'keyPrefix'>;

function placeOf({ keyPrefix }: Pick<Place, 'keyPrefix'>, key: string): string {
  return keyPrefix ? keyPrefix + key : optionOf(key);
}

/** Options of the command line: `batchSize`, `batch-size` and `batch_size` are the same key. */
export type Overrides = Readonly<Record<string, string | number | boolean | undefined>>;

interface Entry extends SettingSource {
  readonly value: string;
}

/**
 * Reads and checks the section `name` (which may be DEFAULT). Throws an `InputError` for the first fault. Overrides
 * of a `plan` hold for many sections: one that has no effect in this one is no fault.
 */
export function resolveExperiment(
  file: ConfigFile,
  name: string,
  overrides: Overrides = {},
  origin: Origin = 'call',
): Experiment {
  const entries = fromSection(file, name);
  const given = fromCommandLine(overrides, origin);
  const depth = given.get('num_layers');
  if (depth && given.has('model')) {
    throw new InputError(`${depth.where} = ${depth.value}: has no effect with --model; leave it out`);
  }
  if (depth) entries.delete('model');
  const place = { name, configPath: file.path, keyPrefix: `${file.path}: [${name}] ` };
  return build(place, new Map([...entries, ...given]), given);
}

/** Values from before there was a key, where they differ from the key's default. */
const beforeKeys = { a_shared: false };

/**
 * The experiment described by a config.json or by a file of parameters. `settings`: `Experiment.settings`, perhaps
 * written by an earlier version.
 */
export function experimentOfRun(
  name: string,
  path: string,
  settings: Readonly<Record<string, unknown>>,
  overrides: Overrides = {},
): Experiment {
  return experimentFromSettings(name, path, { ...beforeKeys, ...settings }, overrides);
}

/**
 * The experiment of some settings, with defaults for the others; overrides as for `resolveExperiment`. `path`: empty
 * for those of a call.
 */
export function experimentFromSettings(
  name: string,
  path: string,
  settings: Readonly<Record<string, unknown>>,
  overrides: Overrides = {},
  origin: Origin = 'call',
): Experiment {
  const place = { name, configPath: path, keyPrefix: path && `${path}: ` };
  const entries = new Map<string, Entry>();
  for (const [key, value] of Object.entries(settings)) {
    if (value === null) continue;
    const text = Array.isArray(value) ? value.join(',') || 'none' : String(value);
    entries.set(key, { value: text, where: placeOf(place, key), origin: 'shared' });
  }
  const given = fromCommandLine(overrides, origin);
  return build(place, new Map([...entries, ...given]), given);
}

/** The experiment with a network defined by a file or a caller. */
export function withDefinition(experiment: Experiment, definition: NetworkDefinition | null): Experiment {
  return { ...experiment, network: { ...experiment.network, definition } };
}

/** The settings of a section, with those inherited; keys that only serve as `%(key)s` are left out. */
export function settingEntries(file: ConfigFile, name: string): ConfigEntry[] {
  const interpolated = interpolatedKeys(file);
  return [...sectionEntries(file, name).values()].filter(
    ({ key }) => isSettingKey(canonicalKey(key)) || !interpolated.has(key),
  );
}

function fromSection(file: ConfigFile, name: string): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const sections = new Map<string, string>();
  for (const { section, key: written, value, line } of settingEntries(file, name)) {
    const key = canonicalKey(written);
    const where = `${file.path}:${line}: [${section}] ${written}`;
    const other = sections.get(key);
    if (other === section) throw new InputError(`${where} = ${value}: weights and weightfile mean the same, keep one`);
    if (other === name) continue;
    sections.set(key, section);
    entries.set(key, { value, where, origin: section === defaultSection ? 'shared' : 'section' });
  }
  return entries;
}

function fromCommandLine(overrides: Overrides, origin: Origin): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const [option, value] of Object.entries(overrides)) {
    if (value === undefined) continue;
    const written = option.replace(/[A-Z]/g, (letter) => `_${letter}`).replaceAll('-', '_');
    const key = canonicalKey(written.toLowerCase());
    entries.set(key, { value: String(value), where: optionOf(key), origin });
  }
  return entries;
}

/** The key of an option: --weights means `weightfile`, as the published files call it. */
function canonicalKey(key: string): string {
  return key === 'weights' ? 'weightfile' : key;
}

function build(place: Place, entries: ReadonlyMap<string, Entry>, given: ReadonlyMap<string, Entry>): Experiment {
  for (const [key, { where, value }] of entries) {
    if (isSettingKey(key)) continue;
    throw new InputError(`${where} = ${shown(value)}: unknown key${didYouMean(key, [...settingKeys, 'weights'])}`);
  }
  const places = { ...place, sources: entries };
  const fail: Fail = (key, value, message) => {
    const written = entries.get(key)?.value ?? `${value} (the default)`;
    return new InputError(`${whereSet(places, key)} = ${shown(written)}: ${message}`);
  };
  const read = readSettings(Object.fromEntries([...entries].map(([key, { value }]) => [key, value])), (fault) =>
    fail(fault.key, '', fault.message + remarkHint(entries.get(fault.key)?.value ?? '')),
  );
  const settings = complete(read);
  const layers = parseLayerRules(settings.layers, whereSet(places, 'layers'));
  checkKeysTogether(settings, layers, fail);
  checkEffects(settings, layers, entries, fail);
  return {
    ...grouped(settings, place.name),
    ...places,
    layers,
    settings,
    overrides: new Map([...given].map(([key, { value }]) => [key, value])),
  };
}

function isSettingKey(key: string): key is SettingKey {
  return settingKeys.some((known) => known === key);
}

function shown(value: string): string {
  return value.replaceAll('\n', '\\n');
}

/**
 * A hint for values that hold a comment or a continued line by configparser's rules, which the message about the value
 * itself would not explain.
 */
function remarkHint(value: string): string {
  if (value.includes('\n')) return ' (an indented line continues the value above it)';
  return /\s[#;]/.test(value) ? ' (a remark needs a line of its own)' : '';
}

function located(source: DataSpec): DataSpec {
  return source.location === undefined ? source : { ...source, location: userPath(source.location) };
}

function grouped(
  s: Settings,
  name: string,
): Omit<Experiment, keyof Place | 'layers' | 'settings' | 'sources' | 'overrides'> {
  return {
    network: {
      model: s.model,
      definition: null,
      numLayers: s.num_layers,
      shortcutType: s.shortcut_type,
      scaleLayer: s.scale_layer,
      widthMultiplier: s.width_multiplier,
    },
    data: {
      source: located(parseDataSpec(s.data)),
      limitTrain: s.limit_train,
      limitVal: s.limit_val,
      validationSplit: s.validation_split,
      imageSize: s.image_size,
      augment: s.augment,
      augmentShift: s.augment_shift,
      augmentMirror: s.augment_mirror,
      stream: s.stream,
      decodeThreads: s.decode_threads,
      sound: soundSettings(s),
    },
    task: { loss: s.loss, target: s.target, metric: s.metric },
    training: {
      epochs: s.epochs,
      batchSize: s.batch_size,
      shards: s.shards,
      shardPrecision: s.shard_precision,
      seed: s.seed,
      optimizer: s.optimizer,
      initialLearningRate: s.initial_learning_rate,
      schedule: s.schedule,
      learningRateDrops: s.learning_rate_drops,
      warmupEpochs: s.warmup_epochs,
      momentum: s.momentum,
      nesterov: s.nesterov,
      weightDecay: s.weight_decay,
      decayExclude: s.decay_exclude,
      labelSmoothing: s.label_smoothing,
      emaDecay: s.ema_decay,
      bnReestimate: s.bn_reestimate,
      countOscillations: s.count_oscillations,
      dampOscillations: s.damp_oscillations,
      quantizerLearningRateFactor: s.quantizer_learning_rate_factor,
      distill:
        s.distill === null
          ? null
          : { from: userPath(s.distill), temperature: s.distill_temperature, weight: s.distill_weight },
      startFrom: s.weightfile === null ? null : userPath(s.weightfile),
      select: s.select,
    },
    weights: quantizerSettings(s, 'weights'),
    activations: quantizerSettings(s, 'rectified'),
    linear: s.a_quantize_linear ? quantizerSettings(s, 'linear') : null,
    input: s.a_quantize_input ? quantizerSettings(s, 'input') : null,
    budget: {
      targetWeightKbytes: s.target_weight_kbytes,
      targetActivationKbytes: s.target_activation_kbytes,
      targetActivationType: s.target_activation_type,
      targetGbops: s.target_gbops,
      targetCost: s.target_cost,
      costs: s.costs === null ? null : readCostTable(s.costs)!,
      mode: s.budget,
      prunes: s.budget_prune && canPrune(s),
      pruneStep: s.budget_prune_step,
      searchEpochs: searchEpochs(s),
      begin: s.budget_begin,
      measure: s.budget_measure,
      slack: s.budget_begin === 'allocated' ? s.budget_slack : 1,
      lambda2: s.initial_cost_lambda2,
      lambda3: s.initial_cost_lambda3,
    },
    device: s.device,
    threads: s.threads,
    matmulPrecision: s.matmul_precision,
    out: userPath(s.out),
    runName: s.name ?? name,
    checkpointMinutes: s.checkpoint_minutes,
    tensorboard: s.tensorboard,
    resume: s.resume,
  };
}

function soundSettings(s: Settings): SoundSettings | null {
  if (s.sound_features === null) return null;
  return {
    kind: s.sound_features,
    seconds: s.sound_seconds,
    windowMs: s.sound_window_ms!,
    hopMs: s.sound_hop_ms!,
    melBands: s.sound_mel_bands!,
    coefficients: s.sound_coefficients!,
    lowHz: s.sound_low_hz!,
    highHz: s.sound_high_hz,
  };
}
