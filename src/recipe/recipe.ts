/**
 * Recommended settings for the user's own pictures, by their number and size: a .cfg file of two sections, a float
 * network and one with learned bits that starts from it. Settings given by the call take precedence.
 */

import { basename, resolve } from 'node:path';
import { usualSplit } from '../data/index.js';
import { InputError } from '../errors.js';
import { buildTrainingProgram } from '../program/trainingProgram.js';
import { floatBits, largestSet, memorySets, smallestBits } from '../quant/index.js';
import {
  type ConfigFile,
  canPrune,
  concernsQuantizers,
  configText,
  type Experiment,
  experimentFromSettings,
  hasTarget,
  isOnnxFile,
  type Lines,
  type Overrides,
  optionOf,
  parseConfig,
  resolveExperiment,
  searchEpochs,
  withDefinition,
} from '../settings/index.js';
import type { Task } from '../task.js';
import { budgetOutlook } from '../train/budgetLimits.js';
import { programOptions } from '../train/programOptions.js';
import {
  areEqualSquares,
  areNumbers,
  bottleneckNotes,
  chooseNetwork,
  imageSize,
  largerNetworks,
  type NetworkChoice,
  oblongInput,
  shapeOf,
  source,
} from './network.js';
import { type Survey, survey } from './survey.js';

export interface Recipe {
  /** Name of the section with learned bits, and of its run folder. */
  readonly name: string;
  /** The .cfg file, with comments. */
  readonly text: string;
  readonly file: ConfigFile;
  /** The experiments, in the order of training. */
  readonly experiments: readonly [float: Experiment, learned: Experiment];
  /** The choices, in words. */
  readonly notes: readonly string[];
}

interface RecipeEvents {
  /** Reports the progress of a task before training: loading, counting. */
  task(name: string, done: number, total: number): void;
}

/** Keys that say how bits are searched for; one of them in a call leaves all to it. */
const search = [
  ...(['budget_begin', 'budget_measure', 'budget_search', 'budget_slack'] as const),
  ...(['initial_cost_lambda2', 'initial_cost_lambda3'] as const),
];

/** Fraction of the epochs in which limits fall. */
const fallingSearch = 0.4;

const quantization = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu' } as const;

/**
 * The settings given by a call. Whether each has an effect is known beside those that are recommended.
 *
 * @throws InputError for invalid ones
 */
export function askedFor(options: Overrides): Experiment {
  const context = { ...quantization, select: 'validation', budget: 'guaranteed' };
  return experimentFromSettings('asked', '', context, options, 'plan');
}

/**
 * The recommendation for the images of a call, checked so that its budget can be met.
 *
 * @throws InputError if images, starting weights or settings are wrong
 */
export async function recommend(asked: Experiment, events: RecipeEvents): Promise<Recipe> {
  const { overrides, settings } = asked;
  const name = nameOf(asked);
  const seen = await survey(asked, ({ task, done, total }) => events.task(task, done, total));
  const network = await chooseNetwork(asked, seen);
  const draft = (targets: Targets, prunes: boolean) => build(asked, name, { seen, ...network, targets, prunes });
  const mayPrune = !overrides.has('budget_prune') || settings.budget_prune;

  // No target for what stays in float; null for one that the size of the float network decides.
  const given = (key: `target_${keyof Targets}_kbytes`, quantizer: 'w_quantize' | 'a_quantize') =>
    overrides.has(key) ? settings[key] : settings[quantizer] === null ? -1 : null;
  const weight = given('target_weight_kbytes', 'w_quantize');
  const activation = given('target_activation_kbytes', 'a_quantize');
  // Given targets, or some too wide to matter.
  const wide = { weight: { value: weight ?? 1e9 }, activation: { value: activation ?? 1e9 } };
  const prunesWide = mayPrune && canPrune({ ...settings, target_weight_kbytes: wide.weight.value });
  const [, unlimited] = draft(wide, prunesWide).experiments;
  const training = buildTrainingProgram(programOptions(unlimited, shapeOf(unlimited, seen), null));
  const { variables } = training;
  const sets = memorySets(variables.quantizers, variables.unquantized);
  const inFloat = variables.quantizers.map(() => floatBits);
  const kbytes = (of: keyof typeof sets) => largestSet(sets[of], inFloat).kbytes;
  const type = settings.target_activation_type;
  const inputs = variables.tensors.find(({ source, row }) => source === 'input' && row !== null);
  const targets = {
    weight: target('weights', kbytes('weights'), tenth, weight),
    activation: target(
      activationWords[type],
      kbytes(type),
      { ...eighth, least: (inputs?.count ?? 0) / 1024 },
      activation,
    ),
  };
  const least = largestSet(sets.weights, variables.quantizers.map(smallestBits)).kbytes;
  const isTight = targets.weight.value > 0 && least > targets.weight.value;
  const prunes = settings.budget_prune || (mayPrune && isTight && variables.channelGroups.length > 0);
  const result = draft(targets, prunes);
  budgetOutlook(result.experiments[1], training);
  return { name, ...result };
}

const activationWords = {
  max: 'the largest activation',
  sum: 'all activations',
  peak: 'the activations held at once',
} as const;

interface Target {
  readonly value: number;
  readonly remark?: string;
}

interface Targets {
  readonly weight: Target;
  readonly activation: Target;
}

/** What the images and the budget decide. */
interface Choice extends NetworkChoice {
  readonly seen: Survey;
  readonly targets: Targets;
  /** True if channels are pruned, too. */
  readonly prunes: boolean;
}

/** A part of the float network's size, but at least so many kB: those of an input in bytes, which devices hold in any case. */
interface Part {
  readonly words: string;
  readonly divisor: number;
  readonly least: number;
}

const tenth: Part = { words: 'a tenth', divisor: 10, least: 0 };
const eighth: Part = { words: 'an eighth', divisor: 8, least: 0 };

/** The given target in kB, or a part of the float network's size, rounded up to three digits; none of nothing. */
function target(what: string, float: number, { words, divisor, least }: Part, given: number | null): Target {
  const inFloat = `${what} in float: ${float.toPrecision(4)} kB`;
  if (given !== null) return { value: given, remark: inFloat };
  if (float === 0) return { value: -1 };
  const wanted = Math.max(float / divisor, least);
  const unit = 10 ** (Math.floor(Math.log10(wanted)) - 2);
  const value = Number((Math.ceil(wanted / unit - 1e-9) * unit).toPrecision(3));
  const chosen = wanted > float / divisor ? 'the input in bytes' : `${words} of it`;
  return { value, remark: `${inFloat}; nothing else was asked for, so ${chosen}` };
}

/** The two experiments, parsed from the text of their .cfg file. */
function build(asked: Experiment, name: string, choice: Choice): Omit<Recipe, 'name'> {
  const floatName = `${name}-float`;
  const { shared, float, learned } = linesOf(asked, floatName, choice);
  const { seen } = choice;
  const summary =
    `${asked.settings.data}: ${seen.trainImages} ${seen.inputSize ? 'inputs' : 'images'} to train with and ` +
    `${seen.testImages} to test with, ${answersText(asked.task, seen)}${sizeText(seen)}`;
  const sections = new Map([
    ['DEFAULT', shared],
    [floatName, float],
    [name, learned],
  ]);
  const text = configText(summary, sections);
  const file = parseConfig(text, source);
  const experiment = (section: string, own: Lines): Experiment => {
    // Overridden once more by the call's values, so that errors name the option.
    const given = [...shared, ...own].filter(([key]) => asked.overrides.has(key));
    const { resume, network } = asked;
    const overrides = { ...Object.fromEntries(given.map(([key, { value }]) => [key, value])), resume };
    return withDefinition(resolveExperiment(file, section, overrides), network.definition);
  };
  const experiments = [experiment(floatName, float), experiment(name, learned)] as const;
  const budget = ['target_weight_kbytes', 'target_activation_kbytes', 'budget_prune'].flatMap((key) => {
    const line = learned.get(key);
    return line?.remark ? [`${optionOf(key)} ${line.value}: ${line.remark}`] : [];
  });
  const chosen = ['model', 'image_size', 'batch_size'].flatMap((key) => {
    const line = asked.overrides.has(key) ? undefined : shared.get(key);
    return line ? [`${optionOf(key)} ${line.value}`] : [];
  });
  if (!asked.overrides.has('epochs')) {
    chosen.push(`epochs ${experiments.map(({ training }) => training.epochs).join(' and ')}`);
  }
  const choices = chosen.length > 0 ? [`${chosen.join(' ')}: by their number and size`] : [];
  const select = shared.get('select')!;
  const kept = asked.overrides.has('select') ? [] : [`--select ${select.value}: ${select.remark}`];
  return {
    text,
    file,
    experiments,
    notes: [summary, ...choices, ...kept, ...budget, ...bottleneckNotes(choice.model, seen)],
  };
}

/** The keys of both sections in the order of the file, with the call's values in place of the chosen ones. */
function linesOf(
  { overrides, settings, network }: Experiment,
  floatName: string,
  { seen, model, numbers, targets, prunes }: Choice,
): Readonly<Record<'shared' | 'float' | 'learned', Lines>> {
  const fromFile = settings.weightfile !== null || isOnnxFile(settings.model);
  const usualSize = network.definition?.input[0] ?? imageSize(seen, fromFile);
  const size = overrides.has('image_size') ? (settings.image_size ?? seen.side) : usualSize;
  const hasSteps = overrides.has('learning_rate_drops') || overrides.get('schedule') === 'step';
  // At the end of a cosine an epoch that a few held out images choose is worse than the last one.
  const usual = seen.hasValidation || hasSteps || overrides.has('validation_split') ? 'validation' : 'last';
  const select = overrides.has('select') ? settings.select : usual;
  const held = select === 'validation' ? (settings.validation_split ?? usualSplit(seen.trainImages)) : 0;
  const trained = Math.max(1, seen.trainImages - held);
  const batch = overrides.has('batch_size') ? settings.batch_size : batchSize(trained);
  const epochs = epochsOf(overrides.has('epochs') ? settings.epochs : null, trained, fromFile);
  const rate = (fresh: number) => ({ value: String(((fromFile ? 0.01 : fresh) * batch) / 64) });
  const arePictures = seen.inputSize === null;
  const isShifted = !overrides.has('augment') && arePictures;
  // By default every output of a ResNet for CIFAR has a ReLU.
  const hasLinear = !/^resnet(20|32|44|56|110)$/.test(model);
  const kbytes = { target_weight_kbytes: targets.weight.value, target_activation_kbytes: targets.activation.value };

  const shared: Lines = new Map();
  const float: Lines = new Map();
  const learned: Lines = new Map();
  const put = (lines: Lines, key: string, value: string | number, remark?: string) =>
    lines.set(key, { value: String(value), ...(remark !== undefined && { remark }) });

  put(shared, 'data', settings.data);
  put(shared, 'model', model, fromFile ? 'the network of the weights to start from' : largerNetworks(model));
  // Pictures are scaled to squares: others are taken in their own size.
  if (seen.areFiles && !oblongInput({ network })) {
    const remark = 'pixels; half the side trains and predicts four times as fast';
    put(shared, 'image_size', size, network.definition ? 'the input of the network' : remark);
  }
  if (!overrides.has('mean') && !overrides.has('std') && arePictures) {
    put(shared, 'normalise', 'shift', 'pixels as integers hold them');
  }
  if (numbers) {
    const whose = fromFile
      ? 'those of the weights to start from'
      : 'of the numbers to train with, std their deviations';
    put(shared, 'mean', numbers.mean.join(), whose);
    put(shared, 'std', numbers.std.join());
  }
  if (isShifted) {
    put(shared, 'augment_shift', Math.min(64, Math.round(size / 8)));
    if (seen.areFiles) put(shared, 'augment_mirror', 'true', 'false where left and right matter, as in letters');
  }
  const keeps = select === 'last' ? 'the last epoch is kept' : 'images that do not train choose the best epoch';
  put(shared, 'select', select, `${keeps}; the test images only test`);
  put(shared, 'batch_size', batch);
  put(shared, 'schedule', hasSteps ? 'step' : 'cosine');
  if (Math.min(...epochs) >= 10) put(shared, 'warmup_epochs', 1);
  // In float they are counted, so that sizes compare.
  if (hasLinear) put(shared, 'a_quantize_linear', 'true', 'all that is kept in memory, for devices without floats');
  if (seen.values === 'floats') put(shared, 'a_quantize_input', 'true', 'integers begin with bytes');

  put(float, 'epochs', epochs[0]);
  float.set('initial_learning_rate', rate(0.05));

  put(learned, 'weightfile', `${floatName}/params_best.safetensors`);
  put(learned, 'epochs', epochs[1]);
  learned.set('initial_learning_rate', rate(0.02));
  for (const [key, kind] of Object.entries(quantization)) put(learned, key, kind);
  if (hasTarget({ ...settings, ...kbytes }))
    put(learned, 'budget', 'guaranteed', 'no epoch outside of the targets is chosen');
  for (const of of ['weight', 'activation'] as const) {
    const { value, remark } = targets[of];
    put(learned, `target_${of}_kbytes`, value, remark);
  }
  if (prunes) {
    put(learned, 'budget_prune', 'true', 'the weights have less than two bits each, so that channels go, too');
    // A short run searches nothing, and all goes before its first step.
    const searches = searchEpochs({ budget_search: fallingSearch, epochs: epochs[1] }) > 0;
    if (searches && !search.some((key) => overrides.has(key))) {
      put(learned, 'budget_begin', 'allocated', 'for pruned networks better than the usual search: docs/front.md');
      put(learned, 'budget_measure', 32);
      put(learned, 'budget_search', fallingSearch, fallingText(settings, targets));
      put(learned, 'budget_slack', 3);
    }
  }

  for (const [key, value] of overrides) {
    if (['name', 'resume', 'epochs', 'target_weight_kbytes', 'target_activation_kbytes'].includes(key)) continue;
    if (key === 'weightfile') put(float, key, value);
    else if (concernsQuantizers(key) && !shared.has(key)) put(learned, key, value);
    else {
      float.delete(key);
      learned.delete(key);
      put(shared, key, value);
    }
  }
  return { shared, float, learned };
}

/** The remark on the search in which limits fall: all but those of activations do. */
function fallingText({ target_gbops, target_cost }: Experiment['settings'], { weight }: Targets): string {
  const falling = { weights: weight.value, 'bit operations': target_gbops, costs: target_cost };
  const names = Object.entries(falling).flatMap(([name, most]) => (most > 0 ? [name] : []));
  const fall =
    names.length > 1
      ? `limits of ${new Intl.ListFormat('en').format(names)} fall to their targets`
      : `limit of ${names[0]} falls to its target`;
  return `of the epochs, in which the ${fall}`;
}

/** The classes or labels in words; empty for other targets. */
function answersText({ loss }: Task, { classes }: Survey): string {
  switch (loss) {
    case 'classes':
    case 'pixels':
      return `${classes} classes, `;
    case 'labels':
      return `${classes} labels, `;
    case 'values':
      return '';
    default:
      return loss satisfies never;
  }
}

function sizeText({ inputSize, side, channels, commonSize }: Survey): string {
  if (inputSize)
    return areNumbers(inputSize) ? `${channels} numbers each` : `inputs of ${[...inputSize, channels].join('x')}`;
  return `${areEqualSquares(commonSize) ? '' : 'about '}${side} pixels`;
}

/** A power of two up to 64, such that an epoch has at least eight steps if there are enough images. */
function batchSize(images: number): number {
  const wanted = Math.min(64, Math.max(8, images / 8));
  return Math.min(images, 2 ** Math.floor(Math.log2(wanted)));
}

/**
 * Epochs of the float network and of the one with learned bits: half of the given number each, or about a million
 * images each.
 */
function epochsOf(given: number | null, images: number, fromFile: boolean): readonly [number, number] {
  if (given === 1)
    throw new InputError('--epochs = 1: must be at least 2, which a float network and one of learned bits share');
  if (given !== null) return [Math.ceil(given / 2), Math.floor(given / 2)];
  const each = Math.round(Math.min(100, Math.max(20, 1e6 / images)));
  return [fromFile ? Math.ceil(each / 2) : each, each];
}

function nameOf({ overrides, data: { source } }: Experiment): string {
  const place = source.location === undefined ? source.kind : basename(resolve(source.location));
  const fromPlace = place.replace(/\.(npz|safetensors|csv)$/, '');
  const name =
    overrides.get('name') ?? (fromPlace.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^[.-]+/, '') || source.kind);
  if (!/[\]\s]/.test(name) && name !== 'DEFAULT') return name;
  throw new InputError(
    `${name}: is no name for a section of a .cfg file; give another without blanks and brackets: --name`,
  );
}
