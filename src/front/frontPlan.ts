/**
 * The runs of a front: for every seed the float network, and from it, for every budget, a network for each way to
 * choose bits. Their sections are written as a .cfg file, so that every run can be inspected and repeated alone.
 */

import { join } from 'node:path';
import { InputError } from '../errors.js';
import type { Variables } from '../nn/index.js';
import { tensorOf } from '../program/quantizerReport.js';
import { declaredVariables } from '../program/trainingProgram.js';
import { bitsPerKbyte, keepsLimits, type Quantizer, smallestBits } from '../quant/index.js';
import type { PlannedImages } from '../reproduce/planLines.js';
import type { ReportRow } from '../reproduce/table.js';
import { withNetworkOfFile } from '../runs/index.js';
import { type PlannedRun, planRuns } from '../runs/plan/planRuns.js';
import type { Workbench } from '../runs/workbench.js';
import {
  type ConfigFile,
  commandWords,
  concernsQuantizers,
  configText,
  documentedName,
  type Experiment,
  hasWidths,
  type Lines,
  type Overrides,
  parseConfig,
  resolveExperiment,
  type SettingKey,
  sectionEntries,
  withDefinition,
} from '../settings/index.js';
import { type BudgetLimit, budgetLimits, budgetOutlook } from '../train/budgetLimits.js';
import { dataShape, programOptions } from '../train/programOptions.js';
import { endBits, endsOf, homogeneousBits } from './homogeneousBits.js';
import { type QuantizedWay, quantizedWays, type Way, wayNames } from './ways.js';

export interface FrontOptions {
  /** The file of the float network's section. */
  readonly file: ConfigFile;
  readonly section: string;
  /** Overrides of the file's keys. */
  readonly settings: Overrides;
  /** Budgets of the weights, in kB; by default those of some numbers of bits a weight. */
  readonly budgets: readonly number[] | undefined;
  /** Budget of the activations, in kB; without one they stay float. */
  readonly activationKbytes: number | undefined;
  /** Bits of narrower networks to compare with; by default 2 and 4, and none in a quick call. */
  readonly narrow: readonly number[] | undefined;
  /** The ways to compare; by default all. */
  readonly only: readonly QuantizedWay[] | undefined;
  /** A file whose sections are variants: keys for learned bits, to be compared with learned bits without them. */
  readonly variants: ConfigFile | undefined;
  /** Budgets at which variants are compared; by default all. */
  readonly variantBudgets: readonly number[] | undefined;
  readonly seeds: readonly number[] | undefined;
  readonly out: string | undefined;
  readonly quick: boolean;
}

export interface FrontRow extends ReportRow {
  readonly way: Way;
  /** The variant whose keys the row has, if any. */
  readonly variant: string | null;
}

/**
 * The rows at one budget, by way; without those of equal bits if none fit. And the rows of the variants of learned
 * bits.
 */
export interface FrontBudget {
  readonly kbytes: number;
  readonly rows: Readonly<Record<QuantizedWay, readonly string[]>>;
  readonly variants: readonly string[];
}

export interface Front {
  /** The float network first, then by budget. */
  readonly rows: readonly FrontRow[];
  readonly budgets: readonly FrontBudget[];
  /** The ways that are compared. */
  readonly ways: readonly QuantizedWay[];
  readonly plan: readonly PlannedRun[];
  /** The sections of all runs: a .cfg file and its text. */
  readonly file: ConfigFile;
  readonly text: string;
  readonly quick: boolean;
  /** The images by which sizes are computed. */
  readonly images: PlannedImages;
  /** The folder of the run folders, the .cfg file and the report. */
  readonly folder: string;
  /** The teacher of all quantized networks, besides the labels, if the call or the section gives one. */
  readonly teacher: string | null;
}

/** Mean bits a weight of the default budgets. */
const usualBits = [2.125, 2.5, 3, 4, 6];
const usualBitsQuick = [2.125, 3];

const usualSeeds = [0, 1, 2];
const usualNarrow = [2, 4];

/** Narrower networks have a multiple of 1/64 of the channels. */
const wholeWidth = 64;

/** Few epochs on few images, unless the call gives others: minutes on two cores, and no real results. */
const quickSettings: Overrides = {
  epochs: 5,
  batch_size: 32,
  limit_train: 1224,
  validation_split: 200,
  limit_val: 400,
};

/**
 * Learning rate of networks that start from the float one, relative to its rate, as in the published sections
 * (`…_RLR`).
 */
const rateOfQuantized = 0.1;

/** Keys that every run sets itself, or in which the ways differ. */
const ownKeys = [
  ...['name', 'resume', 'seed', 'out', 'weightfile', 'budget', 'budget_search', 'layers'],
  ...[
    'weights',
    'target_weight_kbytes',
    'target_activation_kbytes',
    'w_quantize',
    'a_quantize',
    'w_bitwidth',
    'a_bitwidth',
  ],
];

/** Keys that a variant must not change, since the comparison would be unfair. */
const sharedKeys: readonly string[] = [
  ...['name', 'resume', 'seed', 'out', 'data', 'model', 'epochs', 'select', 'validation_split'],
  ...['budget', 'target_weight_kbytes', 'target_activation_kbytes'],
];

/** Keys for distillation of quantized networks; the float network only has the teacher of its section. */
const teachingKeys: readonly string[] = ['distill', 'distill_temperature', 'distill_weight'];

/**
 * The float network of a front, from its section and the call.
 *
 * @throws InputError for a section with quantizers, and for faulty settings
 */
export function floatNetwork({
  file,
  section,
  settings,
  quick,
}: Pick<FrontOptions, 'file' | 'section' | 'settings' | 'quick'>): Experiment {
  const own = Object.entries(settings).filter(([option]) => !isOfQuantized(keyOf(option)));
  const overrides = { ...(quick && quickSettings), select: 'validation', ...Object.fromEntries(own) };
  const base = resolveExperiment(file, section, overrides, 'shared');
  const quantized = ['w_quantize', 'a_quantize'].find((key) => base.sources.has(key));
  if (quantized === undefined) return base;
  const where = base.sources.get(quantized)!.where;
  throw new InputError(`${where}: the network of a front is float; name a section without ${quantized}`);
}

/**
 * Plans the runs for the images found by `bench`, on whose classes and size the network's sizes depend.
 *
 * @throws InputError for budgets that no bits can keep
 */
export async function planFront(
  options: FrontOptions,
  bench: Workbench,
  onTask: (task: string, done: number, total: number) => void,
): Promise<Front> {
  const { file: source, section, quick, only: ways = quantizedWays } = options;
  const variants = variantsOf(options);
  const base = await withNetworkOfFile(floatNetwork(options));
  if (base.task.loss !== 'classes') {
    const where = base.sources.get('loss')?.where ?? 'loss';
    throw new InputError(`${where} = ${base.task.loss}: a front is drawn of errors of classes`);
  }
  const folder = options.out ?? (quick ? 'front-quick' : 'front');
  const path = join(folder, 'front.cfg');
  const images = await bench.data(base, onTask);
  const declared = (experiment: Experiment) => {
    const own = withDefinition(experiment, base.network.definition);
    const options = programOptions(own, dataShape(images, 1), null);
    return { options, variables: declaredVariables(options) };
  };
  const sections = new Map<string, Lines>([
    ['DEFAULT', sharedLines(options, base)],
    ['FLOAT', linesOf(base.settings.weightfile === null ? {} : { weightfile: base.settings.weightfile })],
  ]);
  const teaching = teachingOf(options.settings);
  /** The keys that all quantized networks have. */
  const quantizedFrom = (float: string): Keys => ({ ...startingFrom(float, base), ...teaching });
  const rows: FrontRow[] = [];
  const addRow = (way: Way, id: string, remark = '', variant: string | null = null): void => {
    rows.push({ id, section: id, way, variant, label: wayNames[way] + remark, group: '' });
  };
  addRow('float', 'FLOAT');
  const add: AddRow = (way, name, keys, variant) => {
    if (!ways.includes(way)) return [];
    if (sections.has(name)) return [name];
    sections.set(name, linesOf({ ...quantizedFrom('FLOAT'), ...keys }));
    addRow(way, name, variant && `, ${variant}`, variant);
    return [name];
  };
  const text = () => configText(`The runs of a front: ${commandOf(source, section)}`, sections);
  const experimentOf = (name: string, keys: Keys) => {
    const all = configText('', new Map([...sections, [name, linesOf({ ...quantizedFrom('FLOAT'), ...keys })]]));
    return resolveExperiment(parseConfig(all, path), name, {}, 'shared');
  };
  /** The network of these keys with its limits. */
  const limited = (keys: Keys): Limited => {
    const experiment = experimentOf('LIMITED', keys);
    const { variables } = declared(experiment);
    return { experiment, quantizers: variables.quantizers, limits: budgetLimits(experiment, variables) };
  };
  const narrowed = (width: number): Keys => ({
    width_multiplier: (base.settings.width_multiplier * width) / wholeWidth,
  });
  const narrow =
    ways.includes('narrow') && hasWidths(base.settings) ? (options.narrow ?? (quick ? [] : usualNarrow)) : [];

  const allKbytes = options.budgets ?? usualBudgets(declared(base).variables, quick);
  const variantBudgets = variantBudgetsOf(options, allKbytes);
  const budgets = allKbytes.map((kbytes): FrontBudget => {
    const alike = underBudget(kbytes, options.activationKbytes);
    const whole = limited(alike);
    const prunes = !keepsLimits(whole.limits.filter(isOfWeights), whole.quantizers.map(smallestBits));
    const keys = { ...alike, ...(prunes && { budget_prune: 'true' }) };
    const experiment = experimentOf(`LEARNED_${kbytes}`, keys);
    budgetOutlook(experiment, declared(experiment));
    const rows = {
      learned: add('learned', `LEARNED_${kbytes}`, keys),
      allocated: add('allocated', `ALLOCATED_${kbytes}`, { ...keys, budget_search: 0 }),
      ...homogeneousRows(whole, add),
      narrow: narrow.flatMap((bits) => {
        const fits = (width: number) => homogeneousKeys(limited({ ...alike, ...narrowed(width) }), [bits, bits]);
        const width = homogeneousKeys(whole, [bits, bits]) ? 0 : mostThatFit(wholeWidth, (part) => fits(part) !== null);
        if (width === 0) return [];
        const float = `FLOAT_NARROW${width}`;
        if (!sections.has(float)) {
          sections.set(float, linesOf(narrowed(width)));
          addRow('float', float, `, ${width}/${wholeWidth} of the channels`);
        }
        const { name, keys } = fits(width)!;
        return add('narrow', `NARROW${width}_${name}`, { ...quantizedFrom(float), ...narrowed(width), ...keys });
      }),
    };
    const ofVariants = (variantBudgets.includes(kbytes) ? variants : []).flatMap(({ name, keys: own }) => {
      const section = `LEARNED_${kbytes}_${name}`;
      checkVariant(options, name, () => experimentOf(section, { ...keys, ...own }));
      return add('learned', section, { ...keys, ...own }, name);
    });
    return { kbytes, rows, variants: ofVariants };
  });
  const file = parseConfig(text(), path);
  const plan = planRuns(
    rows.map((row) => ({ file, section: row.section })),
    { seeds: options.seeds ?? (quick ? [0] : usualSeeds), out: folder, settings: {}, budgetSettings: {} },
  );
  return {
    rows,
    budgets,
    ways,
    plan,
    file,
    text: text(),
    quick,
    images: { classes: images.classes.length, shape: [images.train.height, images.train.width, images.train.channels] },
    folder,
    teacher: experimentOf('QUANTIZED', {}).training.distill?.from ?? null,
  };
}

type Keys = Readonly<Partial<Record<SettingKey, string | number>>>;

/**
 * Adds a row and its section, unless another budget has it already. Returns a list of its identifier, or an empty one
 * for a way that is not compared.
 */
type AddRow = (way: QuantizedWay, name: string, keys: Keys, variant?: string) => readonly string[];

interface Variant {
  readonly name: string;
  readonly keys: Keys;
}

/** @throws InputError for keys that a variant cannot change, and if learned bits are not compared */
function variantsOf({ variants: file, only }: FrontOptions): Variant[] {
  if (!file) return [];
  if (only && !only.includes('learned')) {
    throw new InputError(`--variants ${file.path}: are of learned bits; let --only name learned, too`);
  }
  return [...file.sections.keys()].map((name) => {
    const entries = [...sectionEntries(file, name).values()];
    const shared = entries.find(({ key }) => sharedKeys.includes(key));
    if (shared) {
      throw new InputError(
        `${file.path}:${shared.line}: [${name}] ${shared.key}: is the same in all networks of a front; give it to the call`,
      );
    }
    return { name, keys: Object.fromEntries(entries.map(({ key, value }) => [key, value])) };
  });
}

/** @throws InputError for a budget that the front does not have, and if there are no variants */
function variantBudgetsOf({ variants, variantBudgets }: FrontOptions, all: readonly number[]): readonly number[] {
  if (!variantBudgets) return all;
  if (!variants) throw new InputError('--variant-budgets: goes with --variants');
  const strange = variantBudgets.find((kbytes) => !all.includes(kbytes));
  if (strange === undefined) return variantBudgets;
  throw new InputError(`--variant-budgets ${strange}: is none of the budgets, which are ${all.join(', ')}`);
}

/** Calls `resolve` with the keys of a variant; names its section in an error. */
function checkVariant({ variants }: FrontOptions, name: string, resolve: () => unknown): void {
  try {
    resolve();
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${variants?.path}: [${name}] makes ${error.message}`);
  }
}

/** A network under a budget. */
interface Limited {
  readonly experiment: Experiment;
  readonly quantizers: readonly Quantizer[];
  readonly limits: readonly BudgetLimit[];
}

/** The largest number up to `all` that fits, if all smaller ones do; 0 if none fits. */
function mostThatFit(all: number, fits: (number: number) => boolean): number {
  let [most, tooMany] = [0, all];
  while (tooMany - most > 1) {
    const middle = Math.floor((most + tooMany) / 2);
    if (fits(middle)) most = middle;
    else tooMany = middle;
  }
  return most;
}

function isOfWeights({ key }: BudgetLimit): boolean {
  return key === 'target_weight_kbytes';
}

/** The rows of the ways that give all tensors the same bits. */
function homogeneousRows(whole: Limited, add: AddRow): Pick<FrontBudget['rows'], 'same' | 'ends'> {
  const { w_bitwidth_min, w_bitwidth_max } = whole.experiment.settings;
  const row = (way: 'same' | 'ends', exceptions: readonly Quantizer[]) => {
    const found = homogeneousKeys(whole, [w_bitwidth_min, w_bitwidth_max], exceptions);
    return found ? add(way, `${way.toUpperCase()}_${found.name}`, found.keys) : [];
  };
  return { same: row('same', []), ends: row('ends', endsOf(whole.quantizers)) };
}

/**
 * The keys of the most equal bits that fit, from `least` to `most` for weights, and for all activations, with a name;
 * `null` if none fit.
 */
function homogeneousKeys(
  { experiment: { settings, activations }, quantizers, limits }: Limited,
  [least, most]: readonly [least: number, most: number],
  exceptions: readonly Quantizer[] = [],
): { readonly name: string; readonly keys: Keys } | null {
  const others = limits.filter((limit) => !isOfWeights(limit));
  const activationRange = { least: settings.a_bitwidth_min, most: settings.a_bitwidth_max };
  const activationBits = homogeneousBits(quantizers, others, activationRange);
  const bits = homogeneousBits(quantizers, limits.filter(isOfWeights), { least, most }, exceptions);
  if (bits === null || activationBits === null) return null;
  const wide = Object.entries(fixedBits('w', endBits)).map(([key, value]) => `${key} = ${value}`);
  const layers = exceptions.map(({ name }) => `${tensorOf(name)}: ${wide.join(', ')}`);
  const keys = {
    w_quantize: 'parametric_fp_b_xmax',
    ...fixedBits('w', bits),
    ...(activations.kind && {
      a_quantize: 'parametric_fp_b_xmax_relu',
      ...fixedBits('a', activationBits),
    }),
    ...(layers.length > 0 && { layers: layers.join('; ') }),
  };
  return { name: `W${bits}${activations.kind ? `A${activationBits}` : ''}`, keys };
}

/** Keys that fix the bits of a quantizer that could infer them. */
function fixedBits(prefix: 'w' | 'a', bits: number): Keys {
  return { [`${prefix}_bitwidth`]: bits, [`${prefix}_bitwidth_min`]: bits, [`${prefix}_bitwidth_max`]: bits };
}

/** Keys for bits inferred from learned values, within the budget. */
function underBudget(kbytes: number, activationKbytes: number | undefined): Keys {
  return {
    w_quantize: 'parametric_fp_d_xmax',
    budget: 'guaranteed',
    target_weight_kbytes: kbytes,
    ...(activationKbytes !== undefined && {
      a_quantize: 'parametric_fp_d_xmax_relu',
      target_activation_kbytes: activationKbytes,
    }),
  };
}

function startingFrom(float: string, { training }: Experiment): Keys {
  return {
    weightfile: `${float}/params_best.safetensors`,
    initial_learning_rate: Number((training.initialLearningRate * rateOfQuantized).toPrecision(6)),
  };
}

/** The call's keys for distillation of quantized networks. */
function teachingOf(settings: Overrides): Keys {
  const given = Object.entries(settings).map(([option, value]) => [keyOf(option), value] as const);
  return Object.fromEntries(given.filter(([key, value]) => teachingKeys.includes(key) && value !== undefined));
}

/** Tells whether a key does not apply to float networks. */
function isOfQuantized(key: string): boolean {
  return concernsQuantizers(key) || teachingKeys.includes(key);
}

/** The keys of [DEFAULT]: those of the float network's section, and the call's overrides. */
function sharedLines({ file, section, settings }: FrontOptions, { overrides }: Experiment): Lines {
  const written = [...sectionEntries(file, section).values()].map(({ key, value }) => [key, value] as const);
  const ofQuantizers = Object.entries(settings).flatMap(([option, value]) =>
    value !== undefined && concernsQuantizers(keyOf(option)) ? [[keyOf(option), value] as const] : [],
  );
  const keys = [...written, ...overrides, ...ofQuantizers].filter(([key]) => !ownKeys.includes(key));
  return linesOf(Object.fromEntries(keys));
}

/** The .cfg key of an option in commander's spelling. */
function keyOf(option: string): string {
  return option.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function linesOf(keys: Readonly<Record<string, unknown>>): Lines {
  return new Map(Object.entries(keys).map(([key, value]) => [key, { value: String(value) }]));
}

/** Budgets with some mean bits a weight, to three digits. */
function usualBudgets({ unquantized }: Variables, quick: boolean): number[] {
  return (quick ? usualBitsQuick : usualBits).map((bits) =>
    Number(((bits * unquantized.weights) / bitsPerKbyte).toPrecision(3)),
  );
}

function commandOf({ path }: ConfigFile, section: string): string {
  return `${documentedName} ${commandWords(['front', section, '--cfg', path])}`;
}
