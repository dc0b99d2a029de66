/** The sections of a .cfg file in a table, as printed by `mpdnn experiments`. */
import { parameterNames } from '../quant/index.js';
import { type ConfigFile, defaultSection } from './configFile.js';
import { type Experiment, type Overrides, resolveExperiment } from './experiment.js';
import type { QuantizerSettings } from './quantizerSettings.js';

export interface ExperimentRow {
  readonly name: string;
  readonly model: string;
  /** `float`, or the kind of quantizer and its bits at the start. */
  readonly weights: string;
  readonly activations: string;
  /** `none`, or the targets, such as `weights 70.1 kB, activations 8.1 kB (max)`. */
  readonly budget: string;
  /** The experiment or file whose parameters it starts from, or `scratch`. */
  readonly startsFrom: string;
  readonly optimizer: string;
  readonly initialLearningRate: number;
}

/**
 * The rows, [DEFAULT] first, then in the order of the file.
 *
 * @throws InputError for the first faulty section
 */
export function listExperiments(file: ConfigFile, overrides: Overrides = {}): ExperimentRow[] {
  return [defaultSection, ...file.sections.keys()].map((name) => row(resolveExperiment(file, name, overrides)));
}

function row(experiment: Experiment): ExperimentRow {
  const { training } = experiment;
  return {
    name: experiment.name,
    model: experiment.network.model,
    weights: quantization(experiment.weights, ''),
    activations: quantization(experiment.activations, '_relu'),
    budget: budget(experiment.budget),
    startsFrom:
      training.startFrom?.replace(/^params_(?=[^/]+\/params_best\.)/, '').replace(/\/params_best\.\w+$/, '') ??
      'scratch',
    optimizer: training.optimizer,
    initialLearningRate: training.initialLearningRate,
  };
}

function quantization({ kind, bitwidth, bitwidthMin, bitwidthMax }: QuantizerSettings, ending: string): string {
  if (kind === null) return 'float';
  // The upper limit of the bits has no effect where bits follow from d and xmax, or from xmin and xmax.
  const learned = parameterNames(kind);
  const fixed = learned.length === 0 || (learned.includes('n') && bitwidthMin === bitwidthMax);
  return `${kind}${ending}, ${fixed ? '' : 'from '}${bitwidth} bits`;
}

function budget({
  targetWeightKbytes,
  targetActivationKbytes,
  targetActivationType,
  targetGbops,
  targetCost,
}: Experiment['budget']): string {
  const parts: string[] = [];
  if (targetWeightKbytes > 0) parts.push(`weights ${targetWeightKbytes} kB`);
  if (targetActivationKbytes > 0) parts.push(`activations ${targetActivationKbytes} kB (${targetActivationType})`);
  if (targetGbops > 0) parts.push(`${targetGbops} GBOPs`);
  if (targetCost > 0) parts.push(`cost ${targetCost}`);
  return parts.join(', ') || 'none';
}
