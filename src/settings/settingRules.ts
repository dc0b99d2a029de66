/** Rules between keys: defaults that depend on other keys, and contradictions. */
import { arePictures, parseDataSpec } from '../data/dataSpec.js';
import type { InputError } from '../errors.js';
import { kindNamed, parameterNames } from '../quant/index.js';
import { type MetricName, metricsOf, usualMetric } from '../task.js';
import type { LayerRule } from './layerRules.js';
import { prefixOf, type QuantizedPart, quantizerSettings } from './quantizerSettings.js';
import { type ModelName, type normalisationNames, type ReadSettings, type SettingKey, soundKeys } from './settings.js';

type SoundKey = (typeof soundKeys)[number];

/** Every key with its final value, as in config.json. */
export type Settings = Omit<
  ReadSettings,
  | 'model'
  | 'num_layers'
  | 'validation_split'
  | 'augment_shift'
  | 'augment_mirror'
  | 'mean'
  | 'std'
  | 'metric'
  | 'recompute_range'
  | SoundKey
> & { readonly [K in SoundKey]: ReadSettings[K] | null } & {
  readonly model: ModelName;
  /** `null` for models with a single depth. */
  readonly num_layers: number | null;
  readonly learning_rate_drops: readonly number[];
  /** `null`: a tenth of the training images, at most 5000. */
  readonly validation_split: number | null;
  readonly augment_shift: number;
  readonly augment_mirror: boolean;
  /** `null` for inputs other than pictures if not given; the data then decide. */
  readonly mean: readonly number[] | null;
  readonly std: readonly number[] | null;
  readonly metric: MetricName;
  readonly recompute_range: boolean;
};

/** Makes the error for a key. `value` is shown if it is the key's default. */
export type Fail = (key: SettingKey, value: unknown, message: string) => InputError;

/** Keys of the targets for which channels may be pruned: all but that of activations. */
type PrunableTarget = 'target_weight_kbytes' | 'target_gbops' | 'target_cost';

function hasPrunableTarget(settings: Pick<ReadSettings, PrunableTarget>): boolean {
  return Math.max(settings.target_weight_kbytes, settings.target_gbops, settings.target_cost) > 0;
}

/** Tells whether there is a guaranteed target for which channels may be pruned. */
export function canPrune(settings: Pick<Settings, 'budget' | PrunableTarget>): boolean {
  return settings.budget === 'guaranteed' && hasPrunableTarget(settings);
}

/** Number of epochs in which a guaranteed budget searches bits; none where the fraction is less than half an epoch. */
export function searchEpochs({ budget_search, epochs }: Pick<Settings, 'budget_search' | 'epochs'>): number {
  return Math.round(budget_search * epochs);
}

/** Tells whether `width_multiplier` applies to a model. */
export function hasWidths({ model, num_layers }: Pick<Settings, 'model' | 'num_layers'>): boolean {
  return ['mlp', 'mobilenetv1', 'mobilenetv2', 'resnet18'].includes(model) || num_layers !== null;
}

/** Fills in defaults that depend on other keys. */
export function complete(read: ReadSettings): Settings {
  const model = read.model ?? (`resnet${read.num_layers}` as const);
  const isCropped = read.augment === 'resized_crop';
  const kind = parseDataSpec(read.data).kind;
  // Target maps are not shifted and mirrored together with their images.
  const moves = read.loss !== 'pixels';
  const isCifarResnet = /^resnet(?!1?8$)\d+$/.test(model);
  return {
    ...read,
    model,
    num_layers: isCifarResnet ? Number(model.slice('resnet'.length)) : null,
    learning_rate_drops: read.learning_rate_drops ?? (read.schedule === 'step' ? proportionalDrops(read.epochs) : []),
    validation_split: read.select === 'validation' ? read.validation_split : (read.validation_split ?? 0),
    augment_shift: read.augment_shift ?? (moves && read.augment === 'shift' && arePictures(kind) ? 4 : 0),
    augment_mirror: read.augment_mirror ?? (moves && read.augment !== 'none' && keepsClassMirrored(read.data)),
    metric: read.metric ?? usualMetric[read.loss],
    ...(arePictures(kind) ? pixelNumbers(read) : { mean: read.mean, std: read.std }),
    ...(kind === 'wav' ? null : withoutSound),
    // A guaranteed size has to be that of the levels in use; the published one is not.
    recompute_range: read.recompute_range ?? (read.budget === 'guaranteed' && hasTarget(read)),
    // Only files are scaled. Random crops need one size, usually 224.
    image_size: kind === 'images' ? (read.image_size ?? (isCropped ? 224 : null)) : null,
  };
}

const withoutSound = Object.fromEntries(soundKeys.map((key) => [key, null])) as { readonly [K in SoundKey]: null };

/** Tells whether there is a target for any size or cost. */
export function hasTarget(settings: Pick<ReadSettings, 'target_activation_kbytes' | PrunableTarget>): boolean {
  return settings.target_activation_kbytes > 0 || hasPrunableTarget(settings);
}

/** The named normalisations: a byte p becomes (p/255 − mean)/std. */
export const normalisations = {
  shift: { mean: 128 / 255, std: 128 / 255 },
  unit: { mean: 0, std: 256 / 255 },
  symmetric: { mean: 0.5, std: 0.5 },
} as const satisfies Record<(typeof normalisationNames)[number], { readonly mean: number; readonly std: number }>;

/** Mean and standard deviation of pixels in [0, 1]: as given, by the given name, or as published. */
export function pixelNumbers({ normalise, mean, std }: Pick<Settings, 'normalise' | 'mean' | 'std'>): {
  readonly mean: readonly number[];
  readonly std: readonly number[];
} {
  // A mean or deviation given alone is completed by the published value of the other.
  const fallback = mean || std ? normalisations.symmetric : normalisations[normalise ?? 'shift'];
  return { mean: mean ?? [fallback.mean], std: std ?? [fallback.std] };
}

/** The published drops at 80 and 120 of 160 epochs, for any number of epochs: at a half and at three quarters. */
function proportionalDrops(epochs: number): number[] {
  const drops = [Math.round(epochs / 2), Math.round((3 * epochs) / 4)];
  return drops.filter((drop, i) => drop > 0 && drop < epochs && drop !== drops[i - 1]);
}

/** The kinds of quantizers of weights or of activations, in the settings and in rules for single tensors. */
export function kindsOf(
  key: 'w_quantize' | 'a_quantize',
  settings: Pick<Settings, typeof key>,
  layers: readonly LayerRule[],
): string[] {
  return [settings[key], ...layers.map(({ values }) => values[key])].flatMap((kind) => kind ?? []);
}

/** Tells whether weights or activations have a quantizer, if only single tensors. */
export function quantizes(
  key: 'w_quantize' | 'a_quantize',
  settings: Pick<Settings, typeof key>,
  layers: readonly LayerRule[],
): boolean {
  return kindsOf(key, settings, layers).length > 0;
}

/** Throws the error made by `fail` for the first key that contradicts another. `layers`: rules for single tensors. */
export function checkKeysTogether(settings: Settings, layers: readonly LayerRule[], fail: Fail): void {
  checkQuantizer('weights', settings, fail);
  checkQuantizer('rectified', settings, fail);
  for (const part of ['linear', 'input'] as const) {
    if (settings[`a_quantize_${part}`]) checkQuantizer(part, settings, fail);
  }
  checkSolver(settings, fail);
  checkTask(settings, fail);
  const hasWeights = quantizes('w_quantize', settings, layers);
  const hasActivations = quantizes('a_quantize', settings, layers);

  const weightTarget = settings.target_weight_kbytes;
  if (weightTarget > 0 && !hasWeights) {
    throw fail('target_weight_kbytes', weightTarget, 'needs quantized weights: set w_quantize, or no target (-1)');
  }
  if (settings.w_per_channel && !hasWeights) {
    throw fail('w_per_channel', true, 'needs quantized weights: set w_quantize, such as parametric_fp_d_xmax');
  }
  const activationTarget = settings.target_activation_kbytes;
  if (activationTarget > 0 && !hasActivations) {
    throw fail('target_activation_kbytes', activationTarget, 'needs quantized activations: set a_quantize, or -1');
  }
  for (const key of ['target_gbops', 'target_cost'] as const) {
    const target = settings[key];
    if (target <= 0) continue;
    if (!hasWeights && !hasActivations) {
      throw fail(key, target, 'needs quantized weights or activations: set w_quantize or a_quantize, or -1');
    }
    if (settings.budget !== 'guaranteed') {
      throw fail(key, target, 'needs budget = guaranteed: there is a penalty for kB alone');
    }
  }
  if (settings.target_cost > 0 && settings.costs === null) {
    throw fail('target_cost', settings.target_cost, 'of which costs? set costs, such as energy-45nm, or -1');
  }

  if (settings.shortcut_type !== '' && settings.num_layers === null) {
    throw fail('shortcut_type', settings.shortcut_type, `must be empty for model ${settings.model}, which has its own`);
  }
  if (settings.width_multiplier !== 1 && !hasWidths(settings)) {
    throw fail(
      'width_multiplier',
      settings.width_multiplier,
      `must be 1 for model ${settings.model}, whose width is fixed`,
    );
  }
  if (settings.batch_size % settings.shards !== 0) {
    throw fail('shards', settings.shards, `must divide batch_size = ${settings.batch_size}`);
  }
  checkImages(settings, fail);
  if (settings.mean && settings.std && settings.mean.length !== settings.std.length) {
    throw fail('std', settings.std, `must have as many numbers as mean (${settings.mean.length})`);
  }
  const split = settings.validation_split;
  if (settings.select === 'validation' && split === 0) {
    throw fail('validation_split', split, 'must be at least 1 with select = validation');
  }
  if (settings.select !== 'validation' && split !== 0) {
    const words = `must be 0 with select = ${settings.select}; to use these images set select = validation`;
    throw fail('validation_split', split, words);
  }
}

/** Throws likewise for the keys of one part of the network. */
export function checkQuantizer(part: QuantizedPart, settings: Settings, fail: Fail): void {
  const prefix = prefixOf(part);
  for (const range of ['stepsize', 'xmin', 'xmax'] as const) {
    const max = settings[`${prefix}_${range}_max`];
    const min = settings[`${prefix}_${range}_min`];
    if (min >= max) throw fail(`${prefix}_${range}_min`, min, `must be below ${prefix}_${range}_max = ${max}`);
  }
  checkBits(part, settings, fail);
}

function checkSolver(settings: Settings, fail: Fail): void {
  const { schedule, learning_rate_drops, warmup_epochs, epochs, nesterov, optimizer } = settings;
  if (schedule === 'cosine' && learning_rate_drops.length > 0) {
    throw fail('learning_rate_drops', learning_rate_drops, 'must be none with schedule = cosine');
  }
  if (warmup_epochs > 0 && warmup_epochs >= epochs) {
    throw fail('warmup_epochs', warmup_epochs, `must be below epochs = ${epochs}`);
  }
  if (nesterov && optimizer !== 'momentum') {
    throw fail('nesterov', nesterov, `must be false with optimizer = ${optimizer}`);
  }
}

function checkTask({ loss, target, metric, label_smoothing, ...settings }: Settings, fail: Fail): void {
  if (target === 'input' && loss !== 'values') {
    throw fail('target', target, `must be data with loss = ${loss}: an autoencoder has loss = values`);
  }
  const allowed = metricsOf({ loss, target });
  if (!allowed.includes(metric)) {
    const with_ = target === 'input' ? `loss = ${loss} and target = input` : `loss = ${loss}`;
    throw fail('metric', metric, `must be ${allowed.join(' or ')} with ${with_}`);
  }
  if (label_smoothing > 0 && (loss === 'values' || loss === 'labels')) {
    throw fail('label_smoothing', label_smoothing, `must be 0 with loss = ${loss}, which has no classes`);
  }
  if (settings.distill !== null && loss !== 'classes') {
    throw fail(
      'distill',
      settings.distill,
      `must be none with loss = ${loss}: a teacher tells probabilities of classes`,
    );
  }
  if (loss !== 'pixels') return;
  const why = 'with loss = pixels: maps of classes do not move along with images';
  const { augment, augment_shift: shift, augment_mirror: mirror } = settings;
  if (augment === 'resized_crop') throw fail('augment', augment, `must be none ${why}`);
  if (shift > 0) throw fail('augment_shift', shift, `must be 0 ${why}`);
  if (mirror) throw fail('augment_mirror', mirror, `must be false ${why}`);
}

/** Throws likewise for the augmentation of images and for streaming. */
function checkImages(settings: Settings, fail: Fail): void {
  const { augment, augment_shift: shift, augment_mirror: mirror, stream, data } = settings;
  const isFolder = parseDataSpec(data).kind === 'images';
  if (augment === 'resized_crop' && !isFolder) {
    throw fail('augment', augment, `crops files of images: it needs data = images:DIR, not ${data}`);
  }
  if (augment === 'resized_crop' && stream === false) {
    throw fail('stream', stream, 'must be true or auto with augment = resized_crop');
  }
  if (augment !== 'shift' && shift > 0) {
    throw fail('augment_shift', shift, `must be 0 with augment = ${augment}; to shift set augment = shift`);
  }
  if (augment === 'none' && mirror) {
    throw fail('augment_mirror', mirror, 'must be false with augment = none; to mirror only set augment_shift = 0');
  }
  if (stream && !isFolder) throw fail('stream', stream, `needs data = images:DIR; ${data} is always resident`);
  if (stream && settings.image_size === null) {
    throw fail('stream', stream, 'needs image_size, such as 224: the size that images are decoded to');
  }
}

function checkBits(part: QuantizedPart, settings: Settings, fail: Fail): void {
  const prefix = prefixOf(part);
  const bits = settings[`${prefix}_bitwidth`];
  const min = settings[`${prefix}_bitwidth_min`];
  const max = settings[`${prefix}_bitwidth_max`];
  if (min > max) throw fail(`${prefix}_bitwidth_min`, min, `must not exceed ${prefix}_bitwidth_max = ${max}`);
  if (bits < min || bits > max) {
    const limits = `${prefix}_bitwidth_min and ${prefix}_bitwidth_max`;
    throw fail(`${prefix}_bitwidth`, bits, `must be from ${min} to ${max}, the limits ${limits}`);
  }
  const { kind, signed } = quantizerSettings(settings, part);
  if (kind === null) return;
  // A sign alone, or with powers of two a zero alone, may leave no bit for the value.
  const isLearned = parameterNames(kind).includes('n');
  const { core, fewestBits } = kindNamed(kind);
  const fewest = fewestBits[signed ? 'signed' : 'unsigned'];
  const written = part === 'weights' ? kind : `${kind}_relu`;
  const because = `one bit is the ${signed ? 'sign' : 'zero'}`;
  if (part === 'linear' || part === 'input') {
    if (bits < 2) throw fail('a_bitwidth', bits, `must be at least 2 with a_quantize_${part}: ${because}`);
  } else if ((isLearned ? min : bits) < fewest) {
    const key = isLearned ? (`${prefix}_bitwidth_min` as const) : (`${prefix}_bitwidth` as const);
    throw fail(key, isLearned ? min : bits, `must be at least ${fewest} for ${written}: ${because}`);
  }
  if (isLearned && core === 'pow2' && max > mostBitsOfPowers) {
    throw fail(`${prefix}_bitwidth_max`, max, `must be at most ${mostBitsOfPowers} for ${written}: floats end there`);
  }
}

/** The most bits that powers of two may learn: 2^(n-1) of them have a ratio of 2^(2^(n-1)-1), and float32 has 2^253. */
const mostBitsOfPowers = 8;

/**
 * Tells whether mirroring keeps the class: not of digits, nor of generated images, whose classes are directions of
 * stripes.
 */
function keepsClassMirrored(data: string): boolean {
  const { kind } = parseDataSpec(data);
  return kind === 'cifar10' || kind === 'cifar100' || kind === 'images';
}
