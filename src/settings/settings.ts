/**
 * Every key of an experiment: its parser, allowed values and default. Defaults are written as in a .cfg file and are
 * those of the published experiments (CIFAR-10, ResNet-20, 160 epochs).
 *
 * Settings stay flat here, under the names of the .cfg keys, as in config.json. `settingRules.ts` fills in defaults
 * that depend on other keys and checks keys against each other, `experiment.ts` groups them.
 */
import { dataForms, dataKinds, parseDataSpec } from '../data/dataSpec.js';
import { devices, matmulPrecisions, shardPrecisions } from '../device.js';
import { activationTypes, quantizerKinds } from '../quant/index.js';
import { selections } from '../selection.js';
import { lossKinds, metricNames } from '../task.js';
import { costTables, readCostTable } from './costTables.js';
import { didYouMean } from './didYouMean.js';

const cifarResnetDepths = [20, 32, 44, 56, 110] as const;

export const modelNames = [
  'resnet20',
  'resnet32',
  'resnet44',
  'resnet56',
  'resnet110',
  'resnet18',
  'mobilenetv2',
  'ds_cnn',
  'mobilenetv1',
  'resnet8',
  'dense_autoencoder',
  'mlp',
] as const;
/** Models that are accepted but not listed: the tests' network, and a network defined by a caller of the library. */
const unlistedModels = ['tiny', 'own'] as const;

/** The path of a file that defines a network, which no model's name looks like. */
export type ModelFile = `${string}${'.' | '/' | '\\'}${string}`;
export type ModelName = (typeof modelNames | typeof unlistedModels)[number] | ModelFile;

/** Tells whether a model is a file that holds weights beside the network. */
export function isOnnxFile(model: ModelName): boolean {
  return /\.onnx$/i.test(model);
}

export function isModelFile(model: string): model is ModelFile {
  return !/\s#/.test(model) && /[/\\]|\.[a-z]\w*$/i.test(model);
}

const model: Reader<ModelName> = {
  names: modelNames,
  allowed: `one of ${modelNames.join(', ')}, or a file such as ./net.mjs or net.onnx`,
  read: (text) =>
    [...modelNames, ...unlistedModels].find((name) => name === text) ?? (isModelFile(text) ? text : undefined),
};

/**
 * Normalisations of a byte p: `shift` is (p − 128)/128, a multiple of 2⁻⁷; `unit` p/256; `symmetric` p/127.5 − 1, as
 * published.
 */
export const normalisationNames = ['shift', 'unit', 'symmetric'] as const;

const on = ['true', 'yes', 'on', '1'];
const off = ['false', 'no', 'off', '0'];

const flag = setting(`one of ${[...on, ...off].join(', ')}`, (text) => {
  const word = text.toLowerCase();
  return on.includes(word) ? true : off.includes(word) ? false : undefined;
});

const text = setting('a text', (value) => value || undefined);

const folderName = setting('a name without slashes or a leading dot', (value) =>
  /^[^./\\][^/\\]*$/.test(value) ? value : undefined,
);

/** Checks only that there are rules, one a line or with `;` between; `layerRules.ts` parses them. */
const rules = setting('rules', (value) => {
  const lines = value.split(/[\n;]/).map((line) => line.trim());
  return lines.filter(Boolean).join('; ') || undefined;
});

/** `data`, whose grammar belongs to `data/`; its error becomes that of a key. */
const dataSpec: Reader<string> = {
  allowed: dataForms,
  names: dataKinds,
  read: (value) => {
    try {
      parseDataSpec(value);
      return value;
    } catch {
      return undefined;
    }
  },
};

/** Kept as written, for config.json. */
const costTable = setting(
  `${Object.keys(costTables).join(', ')}, or costs such as 2x4 = 1.2, 8x8 = 2, 32x32 = 20, weight = 0.01`,
  (value) => (readCostTable(value) ? value : undefined),
  Object.keys(costTables),
);

/** Kinds of activation quantizers, which end in `_relu`. */
const rectifiedKind = setting(
  `one of ${quantizerKinds.map((kind) => `${kind}_relu`).join(', ')}`,
  (value) => (quantizerKinds.some((kind) => `${kind}_relu` === value) ? value : undefined),
  quantizerKinds.map((kind) => `${kind}_relu`),
);

// 2^-16 is the smallest published bound. A bound above 2^16 has no effect.
const bound = number(0, 65536, 'above');
const stepSize = setting(
  `${bound.allowed}, or auto, or published`,
  (value) => (value === 'auto' || value === 'published' ? value : bound.read(value)),
  ['auto', 'published'],
);
const bits = integer(1, 16);

/** Parser and default of every .cfg key. `null` as a value means `auto`, `all` or `none`. */
const settingsTable = {
  model: key('auto', optional(model, 'auto')),
  num_layers: key(
    '20',
    setting(`one of ${cifarResnetDepths.join(', ')}`, (value) =>
      cifarResnetDepths.find((depth) => String(depth) === value),
    ),
  ),
  shortcut_type: key(
    '',
    setting("empty (identity), 'b' or 'c'", (value) =>
      value === '' || value === 'b' || value === 'c' ? value : undefined,
    ),
  ),
  scale_layer: key('false', flag),
  width_multiplier: key('1', number(0.1, 4)),

  data: key('cifar10', dataSpec),
  limit_train: key('all', optional(integer(1, 1e9), 'all')),
  limit_val: key('all', optional(integer(1, 1e9), 'all')),
  validation_split: key('auto', optional(integer(0, 1e9), 'auto')),
  image_size: key('auto', optional(integer(8, 1024), 'auto')),
  augment: key('shift', choice(['shift', 'resized_crop', 'none'])),
  augment_shift: key('auto', optional(integer(0, 64), 'auto')),
  augment_mirror: key('auto', optional(flag, 'auto')),
  normalise: key('auto', optional(choice(normalisationNames), 'auto')),
  mean: key('auto', optional(perChannel(-1e38, 1e38), 'auto')),
  std: key('auto', optional(perChannel(1e-38, 1e38), 'auto')),
  stream: key('auto', optional(flag, 'auto')),
  decode_threads: key('auto', optional(integer(1, 1024), 'auto')),
  sound_features: key('mfcc', choice(['mfcc', 'log_mel'])),
  sound_seconds: key('auto', optional(number(0, 600, 'above'), 'auto')),
  sound_window_ms: key('40', number(1, 1000)),
  sound_hop_ms: key('20', number(1, 1000)),
  sound_mel_bands: key('40', integer(1, 512)),
  sound_coefficients: key('10', integer(1, 512)),
  sound_low_hz: key('20', number(0, 1e6)),
  sound_high_hz: key('auto', optional(number(1, 1e6), 'auto')),

  loss: key('classes', choice(lossKinds)),
  target: key('data', choice(['data', 'input'])),
  metric: key('auto', optional(choice(metricNames), 'auto')),

  epochs: key('160', integer(1, 100_000)),
  batch_size: key('128', integer(1, 65_536)),
  shards: key('1', powerOfTwo(1024)),
  shard_precision: key('float32', choice(shardPrecisions)),
  seed: key('313', integer(0, 2 ** 32 - 1)),
  optimizer: key(
    'momentum',
    setting(
      'one of momentum, sgd (the same), adam',
      (value) => (value === 'momentum' || value === 'sgd' ? 'momentum' : value === 'adam' ? 'adam' : undefined),
      ['momentum', 'sgd', 'adam'],
    ),
  ),
  initial_learning_rate: key('0.1', number(0, 10, 'above')),
  learning_rate_drops: key('auto', setting('epochs in rising order such as 80,120, or none, or auto', readDrops)),
  schedule: key('step', choice(['step', 'cosine'])),
  warmup_epochs: key('0', number(0, 100_000)),
  momentum: key('0.9', number(0, 0.9999)),
  nesterov: key('false', flag),
  weight_decay: key('2e-4', number(0, 1)),
  decay_exclude: key('none', words(['bn', 'bias', 'quantizers'])),
  label_smoothing: key('0', number(0, 0.5)),
  ema_decay: key('0', number(0, 0.99999)),
  count_oscillations: key('0', integer(0, 100_000)),
  damp_oscillations: key('0', number(0, 10)),
  bn_reestimate: key('0', integer(0, 100_000)),
  quantizer_learning_rate_factor: key('1', number(0, 1000)),
  weightfile: key('none', optional(text)),
  distill: key('none', optional(text)),
  distill_temperature: key('4', number(0, 1000, 'above')),
  distill_weight: key('0.5', number(0, 1, 'above')),
  select: key('test', choice(selections)),

  w_quantize: key('none', optional(choice(quantizerKinds))),
  w_stepsize: key('auto', stepSize),
  w_stepsize_min: key('0.00390625', bound),
  w_stepsize_max: key('1', bound),
  w_xmin_min: key('1.52587890625e-05', bound),
  w_xmin_max: key('127', bound),
  w_xmax_min: key('0.00390625', bound),
  w_xmax_max: key('127', bound),
  w_bitwidth: key('4', integer(2, 16)),
  w_bitwidth_min: key('2', bits),
  w_bitwidth_max: key('8', bits),
  w_per_channel: key('false', flag),

  a_quantize: key('none', optional(rectifiedKind)),
  a_stepsize: key('auto', stepSize),
  a_stepsize_min: key('0.00390625', bound),
  a_stepsize_max: key('1', bound),
  a_xmin_min: key('6.103515625e-05', bound),
  a_xmin_max: key('255', bound),
  a_xmax_min: key('0.00390625', bound),
  a_xmax_max: key('255', bound),
  a_quantize_linear: key('false', flag),
  a_quantize_input: key('false', flag),
  a_shared: key('true', flag),
  a_bitwidth: key('4', bits),
  a_bitwidth_min: key('1', bits),
  a_bitwidth_max: key('8', bits),

  layers: key('none', optional(rules)),
  recompute_range: key('auto', optional(flag, 'auto')),

  target_weight_kbytes: key('-1', target(1e9)),
  target_activation_kbytes: key('-1', target(1e9)),
  target_activation_type: key('max', choice(activationTypes)),
  target_gbops: key('-1', target(1e9)),
  target_cost: key('-1', target(1e18)),
  costs: key('none', optional(costTable)),
  budget: key('penalty', choice(['penalty', 'guaranteed'])),
  budget_prune: key('false', flag),
  budget_prune_step: key('1', integer(1, 1024)),
  budget_search: key('0.25', number(0, 1)),
  budget_begin: key('wide', choice(['wide', 'allocated'])),
  budget_measure: key('0', integer(0, 100_000)),
  budget_slack: key('1', number(1, 1000)),
  initial_cost_lambda2: key('0.1', number(0, 1e6)),
  initial_cost_lambda3: key('0.1', number(0, 1e6)),

  device: key('auto', choice(devices)),
  threads: key('auto', optional(integer(1, 256), 'auto')),
  matmul_precision: key('auto', choice(matmulPrecisions)),
  out: key('experiments', text),
  name: key('auto', optional(folderName, 'auto')),
  checkpoint_minutes: key('5', number(0, 10_000, 'above')),
  tensorboard: key('false', flag),
  resume: key('false', flag),
};

export type SettingKey = keyof typeof settingsTable;

export type SettingOf<K extends SettingKey> = (typeof settingsTable)[K] extends Key<infer T> ? T : never;

/** Settings as read, before the defaults that depend on other keys are filled in. */
export type ReadSettings = { [K in SettingKey]: SettingOf<K> };

/** Keys of the features of sounds; without effect on other data. */
export const soundKeys = [
  'sound_features',
  'sound_seconds',
  'sound_window_ms',
  'sound_hop_ms',
  'sound_mel_bands',
  'sound_coefficients',
  'sound_low_hz',
  'sound_high_hz',
] as const satisfies readonly SettingKey[];

export const settingKeys = Object.keys(settingsTable) as readonly SettingKey[];

/** Tells whether a key is about quantizers or budgets, which float networks do not have. */
export function concernsQuantizers(key: string): boolean {
  return /^([wa]_|target_|costs$|budget|initial_cost_|layers$|recompute_range$|quantizer_)/.test(key);
}

/** Keys of the layers of a named model, and of the task that decides its outputs. */
const networkKeys = ['shortcut_type', 'scale_layer', 'width_multiplier', 'loss', 'target'] as const;

/** Tells whether a key is about layers, sizes or budgets, which a network has before any training. */
export function concernsSizes(key: SettingKey): boolean {
  if (networkKeys.some((own) => own === key)) return true;
  return concernsQuantizers(key) && !/^(initial_cost_|quantizer_|budget_(search|begin|measure|slack))/.test(key);
}

/** The error of a text that is no value of its key. */
export interface SettingFault {
  readonly key: SettingKey;
  /** Follows the key and the text: `must be …`. */
  readonly message: string;
}

/** The value of one key. Throws the error made by `fail` for an invalid text. */
export function readSetting<K extends SettingKey>(
  key: K,
  text: string | undefined,
  fail: (fault: SettingFault) => Error,
): SettingOf<K> {
  const { defaultText, reader } = settingsTable[key] as unknown as Key<SettingOf<K>>;
  const given = text ?? defaultText;
  const value = reader.read(given);
  if (value !== undefined) return value;
  throw fail({ key, message: `must be ${reader.allowed}${didYouMean(given, reader.names ?? [])}` });
}

/**
 * The values of all keys, with defaults for those not given. Throws the error made by `fail` for the first invalid one.
 */
export function readSettings(
  texts: Readonly<Partial<Record<SettingKey, string>>>,
  fail: (fault: SettingFault) => Error,
): ReadSettings {
  return Object.fromEntries(settingKeys.map((key) => [key, readSetting(key, texts[key], fail)])) as ReadSettings;
}

/** Parser of a value: `undefined` for an invalid text. `names`: valid words, for suggestions. */
interface Reader<T> {
  readonly allowed: string;
  readonly read: (text: string) => T | undefined;
  readonly names?: readonly string[];
}

/** A .cfg key: its default and its parser. */
interface Key<T> {
  readonly defaultText: string;
  readonly reader: Reader<T>;
}

function key<T>(defaultText: string, reader: Reader<T>): Key<T> {
  return { defaultText, reader };
}

function setting<T>(allowed: string, read: Reader<T>['read'], names: readonly string[] = []): Reader<T> {
  return { allowed, read, names };
}

function choice<const T extends string>(names: readonly T[]) {
  return setting(`one of ${names.join(', ')}`, (value) => names.find((name) => name === value), names);
}

/** Some of the words, with blanks or commas between; none for an empty text or `none`. */
function words<const T extends string>(names: readonly T[]) {
  return setting(
    `words among ${names.join(', ')}, or none`,
    (value) => {
      const given = value === 'none' ? [] : value.split(/[\s,]+/).filter(Boolean);
      const known = names.filter((name) => given.includes(name));
      return known.length === given.length ? known : undefined;
    },
    names,
  );
}

/** A value of `inner`, or `null` for an empty text or for `word`. */
function optional<T>(inner: Reader<T>, word = 'none'): Reader<T | null> {
  const read = (value: string) => (value === '' || value === word ? null : inner.read(value));
  return { allowed: `${inner.allowed}, or ${word}`, read, names: [...(inner.names ?? []), word] };
}

function integer(min: number, max: number) {
  return setting(`an integer from ${min} to ${max}`, (value) => {
    if (!/^[+-]?\d+$/.test(value)) return undefined;
    return within(Number(value), min, max);
  });
}

function powerOfTwo(max: number) {
  return setting(`a power of two from 1 to ${max}`, (value) => {
    const result = /^\d{1,9}$/.test(value) ? within(Number(value), 1, max) : undefined;
    return result !== undefined && Number.isInteger(Math.log2(result)) ? result : undefined;
  });
}

function number(min: number, max: number, lower: 'from' | 'above' = 'from') {
  const allowed = lower === 'from' ? `a number from ${min} to ${max}` : `a number above ${min}, at most ${max}`;
  return setting(allowed, (value) => {
    const result = readNumber(value);
    return result === undefined || (lower === 'above' && result === min) ? undefined : within(result, min, max);
  });
}

/** A limit, or −1 for none. */
function target(max: number) {
  return setting(`a number above 0, at most ${max}, or -1 for none`, (value) => {
    const result = readNumber(value);
    return result === -1 || (result !== undefined && result > 0 && result <= max) ? result : undefined;
  });
}

/** One number for all channels, or one for each, with commas between; the images decide how many are right. */
function perChannel(min: number, max: number) {
  return setting(`one number, or one a channel (1,2,3), from ${min} to ${max}`, (value) => {
    const numbers = value.split(',').map((part) => within(readNumber(part.trim()) ?? Number.NaN, min, max));
    const valid = numbers.filter((n) => n !== undefined);
    return valid.length === numbers.length ? valid : undefined;
  });
}

/** Epochs after which the learning rate drops; `null` if they follow from the number of epochs. */
function readDrops(value: string): number[] | null | undefined {
  if (value === '' || value === 'auto') return null;
  if (value === 'none') return [];
  const parts = value.split(',').map((part) => part.trim());
  if (!parts.every((part) => /^[1-9]\d{0,5}$/.test(part))) return undefined;
  const epochs = parts.map(Number);
  return epochs.every((epoch, i) => i === 0 || epoch > epochs[i - 1]!) ? epochs : undefined;
}

function readNumber(value: string): number | undefined {
  return /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(value) ? Number(value) : undefined;
}

function within(value: number, min: number, max: number): number | undefined {
  return value >= min && value <= max ? value : undefined;
}
