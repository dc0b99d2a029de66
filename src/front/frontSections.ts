/**
 * The sections of a front's runs, which become its .cfg file, and the rows of its report. A section is resolved in
 * memory before it is written, as it would be read from the file, so that a faulty one is refused before any training.
 */

import type { Variables } from '../nn/index.js';
import type { ProgramOptions } from '../program/trainingProgram.js';
import { declaredVariables } from '../program/trainingProgram.js';
import type { Quantizer } from '../quant/index.js';
import {
  type ConfigFile,
  commandWords,
  configText,
  documentedName,
  type Experiment,
  type Lines,
  parseConfig,
  resolveExperiment,
  withDefinition,
} from '../settings/index.js';
import { type BudgetLimit, budgetLimits } from '../train/budgetLimits.js';
import { type DataShape, programOptions } from '../train/programOptions.js';
import type { FrontOptions, FrontRow } from './frontPlan.js';
import { type Keys, linesOf, sharedLines, startingFrom, teachingOf } from './keys.js';
import { type QuantizedWay, type Way, wayNames } from './ways.js';

/** The section of the float network that all networks with all channels start from. */
export const floatSection = 'FLOAT';

/** A network under a budget. */
export interface Limited {
  readonly experiment: Experiment;
  readonly quantizers: readonly Quantizer[];
  readonly limits: readonly BudgetLimit[];
}

/** A section that is added with its row, unless another budget has it already. */
interface Added {
  readonly way: QuantizedWay;
  readonly name: string;
  readonly keys: Keys;
  /** The section of the float network to start from, by default that with all channels. */
  readonly from?: string;
  readonly variant?: string;
}

export interface FrontSections {
  /** The float network with all channels. */
  readonly base: Experiment;
  readonly rows: readonly FrontRow[];
  /**
   * Adds a quantized network. Returns a list of its row's identifier, or an empty one for a way that is not compared;
   * variants always are.
   */
  add(section: Added): readonly string[];
  /** Adds the float network that narrower ones start from. */
  addFloat(name: string, keys: Keys, remark: string): void;
  /** The experiment of a quantized network with these keys. */
  experimentOf(name: string, keys: Keys): Experiment;
  /** The network of an experiment on the front's images. */
  declared(experiment: Experiment): { readonly options: ProgramOptions; readonly variables: Variables };
  /** The quantized network of these keys with its limits. */
  limited(keys: Keys): Limited;
  /** The .cfg file of all sections. */
  written(): { readonly file: ConfigFile; readonly text: string };
}

/** Sections of the float network only. `path`: the .cfg file to be; `shape`: that of the images by which networks are built. */
export function frontSections(
  options: FrontOptions,
  base: Experiment,
  ways: readonly QuantizedWay[],
  shape: DataShape,
  path: string,
): FrontSections {
  const { weightfile } = base.settings;
  const sections = new Map<string, Lines>([
    ['DEFAULT', sharedLines(options, base)],
    [floatSection, linesOf(weightfile === null ? {} : { weightfile })],
  ]);
  const rows: FrontRow[] = [];
  const addRow = (way: Way, id: string, remark = '', variant: string | null = null): void => {
    rows.push({ id, section: id, way, variant, label: wayNames[way] + remark, group: '' });
  };
  addRow('float', floatSection);
  const teaching = teachingOf(options.settings);
  const quantized = (keys: Keys, from = floatSection): Lines =>
    linesOf({ ...startingFrom(from, base), ...teaching, ...keys });
  const title = `The runs of a front: ${documentedName} ${commandWords(['front', options.section, '--cfg', options.file.path])}`;
  const textWith = (more: readonly (readonly [string, Lines])[] = []) =>
    configText(title, new Map([...sections, ...more]));
  const experimentOf = (name: string, keys: Keys) => {
    const file = parseConfig(textWith([[name, quantized(keys)]]), path);
    return resolveExperiment(file, name, {}, 'plan');
  };
  const declared = (experiment: Experiment) => {
    const own = withDefinition(experiment, base.network.definition);
    const options = programOptions(own, shape, null);
    return { options, variables: declaredVariables(options) };
  };
  return {
    base,
    rows,
    add: ({ way, name, keys, from, variant }) => {
      if (variant === undefined && !ways.includes(way)) return [];
      if (!sections.has(name)) {
        sections.set(name, quantized(keys, from));
        addRow(way, name, variant && `, ${variant}`, variant);
      }
      return [name];
    },
    addFloat: (name, keys, remark) => {
      if (sections.has(name)) return;
      sections.set(name, linesOf(keys));
      addRow('float', name, remark);
    },
    experimentOf,
    declared,
    limited: (keys) => {
      const experiment = experimentOf('LIMITED', keys);
      const { variables } = declared(experiment);
      return { experiment, quantizers: variables.quantizers, limits: budgetLimits(experiment, variables) };
    },
    written: () => {
      const text = textWith();
      return { file: parseConfig(text, path), text };
    },
  };
}
