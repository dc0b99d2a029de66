/**
 * The runs of a front: for every seed the float network, and from it, for every budget, a network for each way to
 * choose bits. Their sections are written as a .cfg file, so that every run can be inspected and repeated alone.
 */

import { join } from 'node:path';
import { inputType } from '../data/index.js';
import { InputError } from '../errors.js';
import type { Variables } from '../nn/index.js';
import { tensorOf } from '../program/quantizerReport.js';
import { bitsPerKbyte, keepsLimits, type Quantizer, smallestBits } from '../quant/index.js';
import type { PlannedImages } from '../reproduce/planLines.js';
import { type EnoughImages, quickImages } from '../reproduce/quickImages.js';
import type { ReportRow } from '../reproduce/table.js';
import { loadWhole } from '../runs/experimentData.js';
import { withNetworkOfFile } from '../runs/index.js';
import { type PlannedRun, planRuns } from '../runs/plan/planRuns.js';
import type { Workbench } from '../runs/workbench.js';
import {
  type ConfigFile,
  type Experiment,
  hasWidths,
  type Overrides,
  resolveExperiment,
  sectionEntries,
  whereSet,
  withDefinition,
} from '../settings/index.js';
import { type BudgetLimit, budgetOutlook } from '../train/budgetLimits.js';
import { dataShape, normalisation } from '../train/programOptions.js';
import { type FrontSections, floatSection, frontSections, type Limited } from './frontSections.js';
import { endBits, endsOf, homogeneousBits } from './homogeneousBits.js';
import { fixedBits, isOfQuantized, type Keys, keyOf, underBudget } from './keys.js';
import { checkVariant, type Variant, variantBudgetsOf, variantsOf } from './variants.js';
import { type QuantizedWay, quantizedWays, type Way } from './ways.js';

/** The call of a front. */
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

/** A row of the report: one network, with all seeds. */
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

/** A planned front. */
export interface Front {
  /** The float network first, then by budget. */
  readonly rows: readonly FrontRow[];
  readonly budgets: readonly FrontBudget[];
  /** The ways that are compared; narrower networks only if there are any. */
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

/**
 * The epochs of a quick call, unless it gives others: minutes on two cores, and no real results. They suffice for errors
 * of a few percent on generated images; without the warm-up, of less than an epoch as `--epochs 1` needs it, some seeds
 * stay near chance.
 */
const quickTraining: Overrides = { epochs: 5, warmup_epochs: 0.9 };

const enoughImages: EnoughImages = { batch_size: 64, limit_train: 3200, validation_split: 200, limit_val: 1000 };

/**
 * The float network of a front, from its section and the call. `images`: settings of a quick call that the call may
 * replace.
 *
 * @throws InputError for a section with quantizers, and for faulty settings
 */
function floatNetwork(
  { file, section, settings, quick }: Pick<FrontOptions, 'file' | 'section' | 'settings' | 'quick'>,
  images: Overrides = {},
): Experiment {
  const own = Object.entries(settings).filter(([option]) => !isOfQuantized(keyOf(option)));
  // A section may keep the last epoch, but not one that the test images choose.
  const select = sectionEntries(file, section).get('select')?.value === 'last' ? {} : { select: 'validation' };
  const overrides = { ...(quick && quickTraining), ...images, ...select, ...Object.fromEntries(own) };
  const base = resolveExperiment(file, section, overrides, 'plan');
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
  const { quick, only: ways = quantizedWays } = options;
  const variants = variantsOf(options);
  const asked = await withNetworkOfFile(floatNetwork(options));
  if (asked.task.loss !== 'classes') {
    const where = whereSet(asked, 'loss');
    throw new InputError(`${where} = ${asked.task.loss}: a front is drawn of errors of classes`);
  }
  const seeds = options.seeds ?? (quick ? [0] : usualSeeds);
  const ofFirstRun = (experiment: Experiment): Experiment => ({
    ...experiment,
    training: { ...experiment.training, seed: seeds[0]! },
  });
  const whole = await loadWhole(ofFirstRun(asked), onTask);
  const base = quick
    ? withDefinition(floatNetwork(options, quickImages(enoughImages, asked, whole)), asked.network.definition)
    : asked;
  const folder = options.out ?? (quick ? 'front-quick' : 'front');
  const images = await bench.data(ofFirstRun(base), { task: onTask }, whole);
  const { train, moments } = images;
  const shape = dataShape(images, normalisation(base, train.channels, inputType(train), moments), 1);
  const sections = frontSections(options, base, ways, shape, join(folder, 'front.cfg'));
  const kbytes = options.budgets ?? usualBudgets(sections.declared(base).variables, quick);
  const withVariants = variantBudgetsOf(options, kbytes);
  const budgets = kbytes.map((budget) =>
    planBudget(options, sections, budget, withVariants.includes(budget) ? variants : []),
  );
  const { rows } = sections;
  const { file, text } = sections.written();
  const plan = planRuns(
    rows.map((row) => ({ file, section: row.section })),
    { seeds, out: folder, settings: {}, budgetSettings: {} },
  );
  return {
    ...{ rows, budgets, plan, file, text, quick, folder },
    ways: quantizedWays.filter(
      (way) => rows.some((row) => row.way === way) || (way !== 'narrow' && ways.includes(way)),
    ),
    images: shape,
    teacher: sections.experimentOf('QUANTIZED', {}).training.distill?.from ?? null,
  };
}

/** Adds the sections of one budget. */
function planBudget(
  options: FrontOptions,
  sections: FrontSections,
  kbytes: number,
  variants: readonly Variant[],
): FrontBudget {
  const alike = underBudget(kbytes, options.activationKbytes);
  const whole = sections.limited(alike);
  const prunes = !keepsLimits(whole.limits.filter(isOfWeights), whole.quantizers.map(smallestBits));
  const keys = { ...alike, ...(prunes && { budget_prune: 'true' }) };
  const learned = `LEARNED_${kbytes}`;
  const experiment = sections.experimentOf(learned, keys);
  budgetOutlook(withOptionNames(experiment), sections.declared(experiment));
  const rows = {
    learned: sections.add({ way: 'learned', name: learned, keys }),
    allocated: sections.add({ way: 'allocated', name: `ALLOCATED_${kbytes}`, keys: { ...keys, budget_search: 0 } }),
    ...homogeneousRows(whole, sections),
    narrow: narrowBits(options, sections.base).flatMap((bits) => narrowRows(bits, alike, whole, sections)),
  };
  const ofVariants = variants.flatMap(({ name: variant, keys: own }) => {
    const name = `${learned}_${variant}`;
    checkVariant(options, variant, () => sections.experimentOf(name, { ...keys, ...own }));
    return sections.add({ way: 'learned', name, keys: { ...keys, ...own }, variant });
  });
  return { kbytes, rows, variants: ofVariants };
}

/** The experiment with its targets named as in the call, since errors come before the .cfg file is written. */
function withOptionNames(experiment: Experiment): Experiment {
  const ofCall = (where: string) => ({ where, origin: 'call' }) as const;
  const sources = new Map(experiment.sources)
    .set('target_weight_kbytes', ofCall('--budgets'))
    .set('target_activation_kbytes', ofCall('--target-activation-kbytes'));
  return { ...experiment, sources };
}

/** The rows of the ways that give all tensors the same bits. */
function homogeneousRows(whole: Limited, sections: FrontSections): Pick<FrontBudget['rows'], 'same' | 'ends'> {
  const { w_bitwidth_min, w_bitwidth_max } = whole.experiment.settings;
  const row = (way: 'same' | 'ends', exceptions: readonly Quantizer[]) => {
    const found = homogeneousKeys(whole, [w_bitwidth_min, w_bitwidth_max], exceptions);
    return found ? sections.add({ way, name: `${way.toUpperCase()}_${found.name}`, keys: found.keys }) : [];
  };
  return { same: row('same', []), ends: row('ends', endsOf(whole.quantizers)) };
}

/** Bits of the weights of narrower networks; none for a network whose width cannot be chosen. */
function narrowBits({ narrow, only, quick }: FrontOptions, { settings }: Experiment): readonly number[] {
  if ((only && !only.includes('narrow')) || !hasWidths(settings)) return [];
  return narrow ?? (quick ? [] : usualNarrow);
}

/**
 * The row of the widest network that fits with so many bits for all weights, and that of the float network that it
 * starts from; none if all channels fit, or not even the fewest.
 */
function narrowRows(bits: number, alike: Keys, whole: Limited, sections: FrontSections): readonly string[] {
  const narrowed = (width: number): Keys => ({
    width_multiplier: (sections.base.settings.width_multiplier * width) / wholeWidth,
  });
  const fits = (width: number) => homogeneousKeys(sections.limited({ ...alike, ...narrowed(width) }), [bits, bits]);
  const width = homogeneousKeys(whole, [bits, bits]) ? 0 : mostThatFit(wholeWidth, (part) => fits(part) !== null);
  if (width === 0) return [];
  const from = `${floatSection}_NARROW${width}`;
  sections.addFloat(from, narrowed(width), `, ${width}/${wholeWidth} of the channels`);
  const { name, keys } = fits(width)!;
  return sections.add({ way: 'narrow', name: `NARROW${width}_${name}`, keys: { ...narrowed(width), ...keys }, from });
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

/** Budgets with some mean bits a weight, to three digits. */
function usualBudgets({ unquantized }: Variables, quick: boolean): number[] {
  return (quick ? usualBitsQuick : usualBits).map((bits) =>
    Number(((bits * unquantized.weights) / bitsPerKbyte).toPrecision(3)),
  );
}
