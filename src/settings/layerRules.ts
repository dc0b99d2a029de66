/**
 * The key `layers`: settings of single tensors by name. A rule is one line, a pattern and the w_ or a_ keys for the
 * tensors that it matches; later rules win:
 *
 *     layers =
 *       conv1*: w_bitwidth = 8, a_quantize = none
 *       fc/*: w_quantize = none
 *
 * Patterns match whole names, as in quantizers.csv: `*` matches any letters (slashes too), `?` exactly one. The w_ keys
 * of a rule apply to the weights and biases among the matches, its a_ keys to the activations.
 */
import { InputError } from '../errors.js';
import type { ActivationSource, Quantizer } from '../quant/index.js';
import { didYouMean, namesLike } from './didYouMean.js';
import type { Experiment } from './experiment.js';
import { matchesGlob } from './glob.js';
import { prefixOf, type QuantizedPart, type QuantizerSettings, quantizerSettings } from './quantizerSettings.js';
import { checkQuantizer, type Settings } from './settingRules.js';
import { type ReadSettings, readSetting, type SettingFault, type SettingKey, settingKeys } from './settings.js';

/** The keys that rules may set. */
type LayerKey = Extract<SettingKey, `${'w' | 'a'}_${string}`>;

export interface LayerRule {
  readonly pattern: string;
  readonly values: Partial<Pick<ReadSettings, LayerKey>>;
  /** Place and text of the rule, for messages. */
  readonly where: string;
}

/** A tensor and its settings. */
export interface ResolvedLayer {
  readonly tensor: string;
  readonly role: Quantizer['role'];
  readonly quantizer: QuantizerSettings;
  /** Patterns of the rules that match it. */
  readonly patterns: readonly string[];
}

/**
 * Parses the value of `layers`, written at `where`.
 *
 * @throws InputError for the first faulty rule
 */
export function parseLayerRules(text: string | null, where: string): LayerRule[] {
  return (text ?? '').split(';').flatMap((part) => {
    const rule = part.trim();
    return rule ? [parseRule(rule, where)] : [];
  });
}

function parseRule(rule: string, place: string): LayerRule {
  const where = `${place}: ${rule}`;
  const [, pattern, settings] = /^([^:=]*):(.*)$/.exec(rule) ?? [];
  if (!pattern?.trim() || !settings?.trim()) {
    throw new InputError(`${where}: a rule is a pattern, a colon and settings, such as conv1*: w_bitwidth = 8`);
  }
  const values = new Map<string, unknown>();
  for (const setting of settings.split(',')) {
    const [name = '', value = ''] = (/^([^=]*)=(.*)$/.exec(setting)?.slice(1) ?? []).map((part) => part.trim());
    const key = layerKeys.find((known) => known === name.toLowerCase());
    if (!key) {
      const allowed = `the w_ and a_ keys can be set for single layers${didYouMean(name, layerKeys)}`;
      throw new InputError(`${place}: ${pattern.trim()}: '${setting.trim()}' is no such setting: ${allowed}`);
    }
    if (values.has(key)) throw new InputError(`${where}: ${key} stands twice: remove one`);
    const fail = ({ message }: SettingFault) =>
      new InputError(`${place}: ${pattern.trim()}: ${key} = ${value}: ${message}`);
    values.set(key, readSetting(key, value, fail));
  }
  return { pattern: pattern.trim(), values: Object.fromEntries(values), where };
}

const layerKeys = settingKeys.filter((key): key is LayerKey => /^[wa]_/.test(key));

/** Tells whether any tensor may be quantized by these settings, or by those of a config.json. */
export function quantizesAnything({ w_quantize, a_quantize, layers }: Readonly<Record<string, unknown>>): boolean {
  if (w_quantize || a_quantize) return true;
  const rules = parseLayerRules(typeof layers === 'string' ? layers : null, 'layers');
  return rules.some(({ values }) => values.w_quantize || values.a_quantize);
}

/** A tensor that can be quantized. */
interface QuantizableTensor {
  readonly name: string;
  readonly role: Quantizer['role'];
  /** Origin of an activation; null for weights and biases. */
  readonly source: ActivationSource | null;
}

/**
 * The settings of every tensor of a network, in its order. Signed activations are included only if `a_quantize_linear`
 * or `a_quantize_input` quantizes them or could.
 *
 * @throws InputError for a rule that matches no tensor, that makes keys contradict each other, or that asks for a step
 *   a channel where there are no channels
 */
export function resolveLayers(
  { settings, layers }: Pick<Experiment, 'settings' | 'layers'>,
  tensors: readonly QuantizableTensor[],
): ResolvedLayer[] {
  const all = tensors.map(({ name, role, source }) => {
    const part: QuantizedPart = source ?? 'weights';
    const prefix = prefixOf(part);
    const rules = layers.filter((rule) => hasKeys(rule, prefix) && matches(rule, name));
    const own: Settings = Object.assign({}, settings, ...rules.map(({ values }) => values));
    checkQuantizer(part, own, (key, value, message) => {
      const where = rules.findLast(({ values }) => key in values)?.where ?? rules.at(-1)?.where;
      return new InputError(`${where}: ${key} = ${value} for ${name}: ${message}`);
    });
    const layer = {
      tensor: name,
      role,
      quantizer: quantizerSettings(own, part),
      patterns: rules.map((rule) => rule.pattern),
    };
    return { part, layer };
  });
  const listed = all.filter(({ part, layer }) => layer.quantizer.kind !== null || isCounted(part, settings));
  for (const rule of layers) checkMatches(rule, listed);
  const resolved = listed.map(({ layer }) => layer);
  for (const rule of layers) checkChannels(rule, resolved);
  return resolved;
}

/** Tells whether unquantized tensors of a part count in sizes. */
function isCounted(part: QuantizedPart, settings: Settings): boolean {
  return part === 'linear' || part === 'input' ? settings[`a_quantize_${part}`] : true;
}

function checkChannels(rule: LayerRule, layers: readonly ResolvedLayer[]): void {
  const hasChannels = ({ tensor, role, quantizer }: ResolvedLayer) =>
    role === 'weight' && quantizer.kind !== null && matches(rule, tensor);
  if (!rule.values.w_per_channel || layers.some(hasChannels)) return;
  throw new InputError(
    `${rule.where}: no weight with a name like ${rule.pattern} is quantized: w_per_channel needs a w_quantize there ` +
      '(biases have one step)',
  );
}

function checkMatches(
  rule: LayerRule,
  tensors: readonly { readonly part: QuantizedPart; readonly layer: ResolvedLayer }[],
): void {
  for (const [prefix, noun] of [
    ['w', 'weight or bias'],
    ['a', 'activation'],
  ] as const) {
    const names = tensors.filter(({ part }) => prefixOf(part) === prefix).map(({ layer }) => layer.tensor);
    if (!hasKeys(rule, prefix) || names.some((name) => matches(rule, name))) continue;
    const near = namesLike(rule.pattern.replace(/[*?]/g, ''), names, 3);
    throw new InputError(`${rule.where}: no ${noun} has a name like ${rule.pattern}; near are ${near.join(', ')}`);
  }
}

function hasKeys({ values }: LayerRule, prefix: 'w' | 'a'): boolean {
  return Object.keys(values).some((key) => key.startsWith(`${prefix}_`));
}

function matches({ pattern }: LayerRule, name: string): boolean {
  return matchesGlob(pattern, name);
}
