/**
 * Keys that have no effect together with others. A key is refused if it was given as closely as the key that makes it
 * idle, or more closely, since somebody expects an effect of it. A key inherited from a whole file or an earlier run
 * may be idle, and so may one of a call of several sections, which has an effect in others.
 */
import { arePictures, parseDataSpec } from '../data/dataSpec.js';
import { type ParameterName, parameterNames } from '../quant/index.js';
import type { LayerRule } from './layerRules.js';
import {
  canPrune,
  type Fail,
  hasTarget,
  kindsOf,
  normalisations,
  quantizes,
  type Settings,
  searchEpochs,
} from './settingRules.js';
import { type SettingKey, settingKeys, soundKeys } from './settings.js';

/**
 * Where a key is from: [DEFAULT] or a run's config.json, the section, a call of several sections, or one of this section.
 */
export type Origin = 'shared' | 'section' | 'plan' | 'call';

interface IdleKeys {
  readonly keys: readonly SettingKey[];
  /** The keys that decide whether these have an effect. */
  readonly because: readonly SettingKey[];
  readonly areIdle: (settings: Settings, layers: readonly LayerRule[]) => boolean;
  /** The reason, which follows the words `has no effect`. */
  readonly reason: (settings: Settings) => string;
}

// The start of quantizers is allowed for float networks, since `reproduce` gives it for all runs of a table.
const idleKeys: readonly IdleKeys[] = [
  {
    keys: ['image_size'],
    because: ['data'],
    areIdle: ({ data }) => !isFolder(data),
    reason: ({ data }) => `with data = ${data}: only images:DIR is scaled`,
  },
  {
    keys: ['augment'],
    because: ['data'],
    areIdle: ({ data, augment, augment_shift, augment_mirror }) =>
      augment === 'shift' && !arePictures(parseDataSpec(data).kind) && augment_shift === 0 && !augment_mirror,
    reason: ({ data }) => `with data = ${data}, whose inputs are no pictures: set augment_shift or augment_mirror`,
  },
  {
    keys: soundKeys,
    because: ['data'],
    areIdle: ({ sound_features }) => sound_features === null,
    reason: ({ data }) => `with data = ${data}: they are of wav:DIR`,
  },
  {
    keys: ['sound_coefficients'],
    because: ['sound_features'],
    areIdle: ({ sound_features }) => sound_features === 'log_mel',
    reason: () => 'with sound_features = log_mel: a frame has a feature a band',
  },
  {
    keys: ['decode_threads'],
    because: ['data', 'stream'],
    areIdle: ({ data, stream }) => !isFolder(data) || stream === false,
    reason: ({ data, stream }) =>
      `with ${isFolder(data) ? `stream = ${stream}` : `data = ${data}`}: nothing is streamed`,
  },
  {
    keys: ['normalise'],
    because: ['mean', 'std'],
    areIdle: ({ normalise, mean, std }) =>
      normalise !== null &&
      (mean?.some((value) => value !== normalisations[normalise].mean) ||
        std?.some((value) => value !== normalisations[normalise].std)) === true,
    reason: () => 'beside mean and std: give either it or those two',
  },
  {
    keys: ['scale_layer'],
    because: ['model', 'num_layers'],
    areIdle: ({ scale_layer, num_layers }) => scale_layer && num_layers === null,
    reason: ({ model }) => `with model = ${model}: only ResNets for CIFAR-10 have it`,
  },
  {
    keys: ['shard_precision'],
    because: ['shards'],
    areIdle: ({ shards, shard_precision }) => shards === 1 && shard_precision === 'bfloat16',
    reason: () => 'with shards = 1: set shards to a power of two that divides batch_size',
  },
  {
    keys: ['momentum'],
    because: ['optimizer'],
    areIdle: ({ optimizer }) => optimizer === 'adam',
    reason: ({ optimizer }) => `with optimizer = ${optimizer}`,
  },
  {
    keys: ['count_oscillations', 'damp_oscillations'],
    because: ['w_quantize', 'layers'],
    areIdle: (settings, layers) =>
      Math.max(settings.count_oscillations, settings.damp_oscillations) > 0 &&
      !quantizes('w_quantize', settings, layers),
    reason: () => 'where no weight is quantized: set w_quantize',
  },
  {
    keys: ['distill_temperature', 'distill_weight'],
    because: ['distill'],
    areIdle: ({ distill }) => distill === null,
    reason: () => 'without a teacher: set distill',
  },
  {
    keys: ['budget'],
    because: ['target_weight_kbytes', 'target_activation_kbytes', 'target_gbops', 'target_cost'],
    areIdle: (settings) => settings.budget === 'guaranteed' && !hasTarget(settings),
    reason: () => 'without a target: set target_weight_kbytes, target_activation_kbytes, target_gbops or target_cost',
  },
  {
    keys: ['budget_search', 'budget_begin', 'budget_measure', 'budget_slack'],
    because: ['budget'],
    areIdle: ({ budget }) => budget !== 'guaranteed',
    reason: ({ budget }) => `with budget = ${budget}: set budget = guaranteed`,
  },
  {
    keys: ['budget_search'],
    because: ['epochs'],
    areIdle: (settings) => settings.budget_search > 0 && searchEpochs(settings) === 0,
    reason: (settings) => `with epochs = ${settings.epochs}: ${noSearch(settings)}`,
  },
  {
    keys: ['budget_begin', 'budget_measure', 'budget_slack'],
    because: ['budget_search', 'epochs'],
    areIdle: (settings) =>
      searchEpochs(settings) === 0 &&
      (settings.budget_begin === 'allocated' || settings.budget_measure > 0 || settings.budget_slack > 1),
    reason: (settings) =>
      `with budget_search = ${settings.budget_search} and epochs = ${settings.epochs}: ${noSearch(settings)}`,
  },
  {
    keys: ['initial_cost_lambda2', 'initial_cost_lambda3'],
    because: ['budget', 'budget_search'],
    areIdle: ({ budget, budget_search }) => budget === 'guaranteed' && budget_search === 0,
    reason: () => 'with budget_search = 0: bits are given once, before the first step',
  },
  {
    keys: ['initial_cost_lambda2', 'initial_cost_lambda3'],
    because: ['budget', 'budget_begin'],
    areIdle: ({ budget, budget_begin }) => budget === 'guaranteed' && budget_begin === 'allocated',
    reason: () => 'with budget_begin = allocated: limits are kept without a penalty',
  },
  {
    keys: ['budget_slack'],
    because: ['budget_begin'],
    areIdle: ({ budget_slack, budget_begin }) => budget_slack > 1 && budget_begin === 'wide',
    reason: () => 'with budget_begin = wide: set budget_begin = allocated',
  },
  {
    keys: ['budget_slack'],
    because: ['target_weight_kbytes', 'target_gbops', 'target_cost'],
    areIdle: ({ budget_slack, target_weight_kbytes, target_gbops, target_cost }) =>
      budget_slack > 1 && Math.max(target_weight_kbytes, target_gbops, target_cost) <= 0,
    reason: () => 'without a limit that it widens: set target_weight_kbytes, target_gbops or target_cost',
  },
  {
    keys: ['budget_prune'],
    because: ['budget', 'target_weight_kbytes', 'target_gbops', 'target_cost'],
    areIdle: (settings) => settings.budget_prune && !canPrune(settings),
    reason: () =>
      'without budget = guaranteed and target_weight_kbytes, target_gbops or target_cost: set what channels shall go for',
  },
  {
    keys: ['budget_prune_step'],
    because: ['budget_prune'],
    areIdle: ({ budget_prune }) => !budget_prune,
    reason: () => 'without channels to prune: set budget_prune = true',
  },
  {
    keys: ['initial_cost_lambda2'],
    because: ['target_weight_kbytes'],
    areIdle: ({ target_weight_kbytes }) => target_weight_kbytes <= 0,
    reason: () => 'without a target: set target_weight_kbytes',
  },
  {
    keys: ['initial_cost_lambda3', 'target_activation_type'],
    because: ['target_activation_kbytes'],
    areIdle: ({ target_activation_kbytes }) => target_activation_kbytes <= 0,
    reason: () => 'without a target: set target_activation_kbytes',
  },
  ...keysOfQuantizers('w_quantize', 'weight'),
  ...keysOfQuantizers('a_quantize', 'activation'),
  {
    keys: ['a_quantize_linear'],
    because: ['model', 'num_layers', 'shortcut_type'],
    areIdle: ({ a_quantize_linear, num_layers, shortcut_type }) =>
      a_quantize_linear && num_layers !== null && shortcut_type === '',
    reason: ({ model }) => `with model = ${model} and shortcut_type empty: every output has a ReLU`,
  },
  {
    keys: ['recompute_range'],
    because: ['w_quantize', 'a_quantize', 'layers'],
    areIdle: (settings, layers) =>
      settings.recompute_range &&
      !(['w_quantize', 'a_quantize'] as const).some((key) =>
        kindsOf(key, settings, layers).some((kind) => kind.startsWith('parametric_fp_b_xmax')),
      ),
    reason: () => 'without parametric_fp_b_xmax, the only quantizer whose range it changes',
  },
];

/** Why nothing is searched, and what an epoch of search takes, in thousandths rounded up. */
function noSearch({ epochs }: Settings): string {
  return `bits are given once, before the first step; set budget_search = ${Math.ceil(500 / epochs) / 1000} or more to search them`;
}

/** The keys of the quantizers of weights or activations; those of limits need one that learns the limited value. */
function keysOfQuantizers(quantize: 'w_quantize' | 'a_quantize', tensor: string): readonly IdleKeys[] {
  const needing = (keys: RegExp, learned?: ParameterName): IdleKeys => ({
    keys: settingKeys.filter((key) => key[0] === quantize[0] && keys.test(key)),
    because: [quantize, 'layers'],
    areIdle: (settings, layers) =>
      !kindsOf(quantize, settings, layers).some(
        (kind) => !learned || parameterNames(kind.replace(/_relu$/, '')).includes(learned),
      ),
    reason: () => `where no ${tensor} is quantized${learned ? ` with a learned ${learned}` : ''}: set ${quantize}`,
  });
  return [needing(/^._(?!quantize|per_channel|stepsize$)/), needing(/_stepsize_/, 'd'), needing(/_xmin_/, 'xmin')];
}

/** Throws the error made by `fail` for the first given key without an effect. */
export function checkEffects(
  settings: Settings,
  layers: readonly LayerRule[],
  sources: ReadonlyMap<string, { readonly origin: Origin }>,
  fail: Fail,
): void {
  const originOf = (key: string) => origins[sources.get(key)?.origin ?? 'shared'];
  for (const { keys, because, areIdle, reason } of idleKeys) {
    const cause = Math.max(...because.map((key) => originOf(key).closeness));
    const given = keys.find((key) => originOf(key).isOfSection && originOf(key).closeness >= cause);
    if (given && areIdle(settings, layers)) throw fail(given, settings[given], `has no effect ${reason(settings)}`);
  }
}

/** How closely a key was given, and whether for this section alone. */
const origins: Readonly<Record<Origin, { readonly closeness: number; readonly isOfSection: boolean }>> = {
  shared: { closeness: 0, isOfSection: false },
  section: { closeness: 1, isOfSection: true },
  plan: { closeness: 2, isOfSection: false },
  call: { closeness: 2, isOfSection: true },
};

function isFolder(data: string): boolean {
  return parseDataSpec(data).kind === 'images';
}
