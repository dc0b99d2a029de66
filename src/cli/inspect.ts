/** `mpdnn inspect`: layers, costs and the smallest possible budget of a network, before any training. */

import { Command, InvalidArgumentError } from 'commander';
import { elementCount } from '../elementCount.js';
import { InputError } from '../errors.js';
import { kilobyteDecimals, roundedUp } from '../kilobytes.js';
import {
  type Counted,
  inputName,
  type LayerFacts,
  layerFacts,
  type NetworkDefinition,
  readsOf,
  type Variables,
} from '../nn/index.js';
import { fewestChannels } from '../program/prunedChannels.js';
import { declaredVariables } from '../program/trainingProgram.js';
import { floatBits, largestSet, memorySets, smallestBits, tableBits } from '../quant/index.js';
import { withNetworkOfFile } from '../runs/index.js';
import {
  concernsSizes,
  type Experiment,
  experimentFromSettings,
  optionWords,
  settingKeys,
  withDefinition,
} from '../settings/index.js';
import type { Task } from '../task.js';
import { type BudgetOutlook, outlookOf } from '../train/budgetLimits.js';
import { type DataShape, type NetworkShape, networkOf, programOptions, withClasses } from '../train/programOptions.js';
import { addKeyOptions, positive } from './options.js';
import { textTable } from './textTable.js';

/**
 * Settings that quantize every tensor that is kept, as devices without floats need it. The published step sizes need no
 * weights.
 */
const quantized = {
  ...{ w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu' },
  ...{ a_quantize_linear: true, a_quantize_input: true, w_stepsize: 'published', a_stepsize: 'published' },
} as const;

type ImageShape = DataShape['imageShape'];

interface InspectOptions {
  readonly json?: boolean;
  readonly input?: ImageShape | undefined;
  readonly classes?: number | undefined;
}

export function inspectCommand(): Command {
  const command = new Command('inspect')
    .description('layers, shapes, parameters, multiplications and kB of a network, and the smallest budget it can keep')
    .argument('<net>', 'name of a model, or a file: ./net.mjs, net.onnx')
    .option('--input <HxWxC>', 'shape of an image, for a named model', imageShape)
    .option('--classes <n>', 'number of classes, for a named model or an ONNX file', positive)
    .option('--w-bitwidth <n>', 'bits of weights')
    .option('--a-bitwidth <n>', 'bits of activations')
    .option('--json', 'one JSON object on stdout')
    .action(async (model: string, { json, input, classes, ...overrides }: InspectOptions) => {
      const asked = experimentFromSettings('inspect', '', quantized, { ...overrides, model });
      const found = inspect(await withNetworkOfFile(asked), { input, classes });
      process.stdout.write(`${json ? JSON.stringify(found) : describe(found)}\n`);
    });
  const help =
    'Every other key of a .cfg file about the network, its quantizers or its budget is an option too, such as ' +
    '--a-quantize-input false.';
  return addKeyOptions(command, settingKeys.filter(concernsSizes), help);
}

function imageShape(text: string): ImageShape {
  const [, height, width, channels] = /^([1-9]\d*)x([1-9]\d*)x([1-9]\d*)$/.exec(text) ?? [];
  if (channels === undefined) throw new InvalidArgumentError('give height, width and channels, such as 32x32x3');
  return [Number(height), Number(width), Number(channels)];
}

type Kbytes = Readonly<Record<'weights' | 'max' | 'sum' | 'peak', number>>;

interface LayerRow {
  readonly name: string;
  readonly kind: string;
  readonly reads: readonly string[];
  readonly shape: readonly number[];
  readonly parameters: number;
  readonly multiplications: number;
  /** Bits of weight and bias; null without any. */
  readonly weightBits: number | null;
  /**
   * Bits of the output as it is kept; null for outputs that are not counted: operands of a sum, and inputs of a
   * pooling.
   */
  readonly outputBits: number | null;
  readonly isSigned: boolean;
  /** True if the quantizer is shared with outputs of other layers. */
  readonly isShared: boolean;
}

interface Inspection {
  readonly model: string;
  readonly input: readonly number[];
  /** Bits of the images if they are quantized, else 8. */
  readonly inputBits: number;
  readonly outputs: NetworkDefinition['outputs'];
  readonly parameters: number;
  readonly multiplications: number;
  readonly layers: readonly LayerRow[];
  /** Sizes with the bits of the table, with the fewest bits and channels that the limits allow, and in float. */
  readonly kbytes: Kbytes;
  readonly fewest: Kbytes;
  readonly float: Kbytes;
  /** Whether the given budget can be kept; null without one. */
  readonly budget: InspectedOutlook | null;
}

interface InspectedOutlook extends BudgetOutlook {
  /** The outlook with `pruning`, if the budget cannot be kept without and it was not asked for; null elsewhere. */
  readonly pruned: BudgetOutlook | null;
}

/** What takes channels, too. `mpdnn train` without a section sets it by itself for weights that need it. */
const pruning = { budget: 'guaranteed', budget_prune: 'true' } as const;

function inspect(experiment: Experiment, given: Pick<InspectOptions, 'input' | 'classes'>): Inspection {
  const { model, definition } = experiment.network;
  const usual = usualData(model);
  const imageShape = given.input ?? definition?.input ?? usual.imageShape;
  const own = [definition?.outputs ?? usual.classes ?? elementCount(imageShape)].flat();
  const outputs = given.classes === undefined ? own : [...own.slice(0, -1), given.classes];
  const isImage = outputs.length > 1;
  // An image [height, width, classes] classifies pixels, unless a loss is given.
  const task = isImage && !experiment.overrides.has('loss') ? pixelTask : experiment.task;
  if (task.target === 'input' && given.classes !== undefined) {
    throw new InputError(
      `--classes ${given.classes}: has no effect with --target input: outputs are as many as inputs`,
    );
  }
  const inspected = { ...experiment, task };
  refuseOther(inspected, given);
  // Data that suit the network, as far as its loss allows.
  const maps = (isImage ? outputs : imageShape).slice(0, -1);
  const data = { imageShape, classes: outputs.at(-1)!, targetShape: task.loss === 'pixels' ? maps : outputs };
  const declared = declaredFor(inspected, data);
  const { variables } = declared;
  const network = networkOf(inspected, data);
  const { quantizers, table } = variables;
  const bits = tableBits(quantizers, table);
  const smallest = quantizers.map(smallestBits);
  // All channels unless they may be pruned, which they are for weights only.
  const thin = fewestChannels(declared, experiment.budget.pruneStep);
  const outlook = outlookOf(inspected, declared);
  const facts = layerFacts(network);
  const total = (of: 'parameters' | 'multiplications') => facts.reduce((sum, own) => sum + own[of], 0);
  return {
    model,
    input: network.input,
    inputBits: variables.tensors.find(({ name }) => name === inputName)?.row === null ? 8 : bits[0]!,
    outputs: network.outputs,
    parameters: total('parameters'),
    multiplications: total('multiplications'),
    layers: facts.map((own) => layerRow(own, variables, bits)),
    kbytes: kbytes(variables, bits),
    fewest: { ...kbytes(variables, smallest), weights: kbytes(thin, smallest).weights },
    float: kbytes(
      variables,
      quantizers.map(() => floatBits),
    ),
    budget: outlook && { ...outlook, pruned: outlook.canBeMet ? null : prunedOutlook(inspected, data, outlook) },
  };
}

function declaredFor(experiment: Experiment, data: NetworkShape) {
  const options = programOptions(experiment, { ...data, trainImages: 1, evaluationImages: 1 }, null);
  return { options, variables: declaredVariables(options) };
}

/** The outlook with pruned channels; null if the call decides about these, if none can go, or if that changes nothing. */
function prunedOutlook(experiment: Experiment, data: NetworkShape, { line }: BudgetOutlook): BudgetOutlook | null {
  const { name, overrides, network, task } = experiment;
  if (overrides.has('budget_prune')) return null;
  try {
    const asked = experimentFromSettings(name, '', quantized, { ...Object.fromEntries(overrides), ...pruning });
    const pruned = { ...withDefinition(asked, network.definition), task };
    const outlook = outlookOf(pruned, declaredFor(pruned, data));
    return outlook?.line === line ? null : outlook;
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

/** Throws an `InputError` for options that contradict a network of one's own. */
function refuseOther(experiment: Experiment, { input, classes }: Pick<InspectOptions, 'input' | 'classes'>): void {
  const { model, definition } = experiment.network;
  if (!definition) return;
  const own = definition.input.join('x');
  const outputs = [definition.outputs].flat();
  if (input && input.join('x') !== own) {
    throw new InputError(`--input ${input.join('x')}: ${model} takes images of ${own}; leave it out`);
  }
  if (classes !== undefined && classes !== outputs.at(-1) && !withClasses(experiment, classes)) {
    throw new InputError(`--classes ${classes}: ${model} has ${outputs.join('x')} outputs; leave it out`);
  }
}

const pixelTask: Task = { loss: 'pixels', target: 'data', metric: 'iou' };

/** The usual image shape and number of classes of a model; without the latter it puts out as many numbers as it reads. */
type UsualData = Pick<DataShape, 'imageShape'> & { readonly classes?: number };

/** Those of the MLPerf Tiny models. */
const tinyData: ReadonlyMap<string, UsualData> = new Map<string, UsualData>([
  ['ds_cnn', { imageShape: [49, 10, 1], classes: 12 }],
  ['mobilenetv1', { imageShape: [96, 96, 3], classes: 2 }],
  ['resnet8', { imageShape: [32, 32, 3], classes: 10 }],
  ['dense_autoencoder', { imageShape: [1, 1, 640] }],
]);

function usualData(model: string): UsualData {
  const tiny = tinyData.get(model);
  if (tiny) return tiny;
  const isForImagenet = model === 'resnet18' || model === 'mobilenetv2';
  return isForImagenet ? { imageShape: [224, 224, 3], classes: 1000 } : { imageShape: [32, 32, 3], classes: 10 };
}

function kbytes({ quantizers, unquantized }: Counted, bits: readonly number[]): Kbytes {
  const sets = memorySets(quantizers, unquantized);
  const size = (of: keyof Kbytes) => largestSet(sets[of], bits).kbytes;
  return { weights: size('weights'), max: size('max'), sum: size('sum'), peak: size('peak') };
}

function layerRow(
  { layer, ...costs }: LayerFacts,
  { tensors, quantizers }: Variables,
  bits: readonly number[],
): LayerRow {
  const find = (wanted: string | null) => tensors.find(({ name }) => name === wanted);
  const bitsOf = (tensor: ReturnType<typeof find>) =>
    tensor ? (tensor.row === null ? floatBits : bits[tensor.row]!) : null;
  const output = find('output' in layer ? layer.output : null);
  const quantizer = typeof output?.row === 'number' ? quantizers[output.row]! : null;
  return {
    name: layer.name,
    kind: layer.kind,
    reads: readsOf(layer),
    ...costs,
    weightBits: bitsOf(find('weight' in layer ? layer.weight : null)),
    outputBits: bitsOf(output),
    isSigned: quantizer?.signed === true,
    isShared: quantizer?.counts !== undefined,
  };
}

function describe(found: Inspection): string {
  const number = (value: number) => value.toLocaleString('en-US').replaceAll(',', ' ');
  const header = ['layer', 'kind', 'reads', 'output', 'parameters', 'multiplications', 'W bits', 'A bits'];
  const rows = found.layers.map((layer) => [
    layer.name,
    layer.kind,
    layer.reads.join(', '),
    layer.shape.join('x'),
    layer.parameters ? number(layer.parameters) : '-',
    layer.multiplications ? number(layer.multiplications) : '-',
    String(layer.weightBits ?? '-'),
    layer.outputBits === null
      ? '-'
      : [layer.outputBits, ...(layer.isSigned ? ['signed'] : []), ...(layer.isShared ? ['shared'] : [])].join(' '),
  ]);
  const kinds = ['weights', 'max', 'sum', 'peak'] as const;
  const decimals = (kind: keyof Kbytes) => kilobyteDecimals(found.kbytes[kind], 2);
  const sizes = (kbytes: Kbytes) => kinds.map((kind) => kbytes[kind].toFixed(decimals(kind)));
  const budget = [
    ['kB', 'weights', 'largest activation', 'all', 'held at once'],
    ['at these bits', ...sizes(found.kbytes)],
    ['lowest budget', ...kinds.map((kind) => roundedUp(found.fewest[kind], decimals(kind)))],
    ['in float', ...sizes(found.float)],
  ];
  return [
    `${found.model}: images of ${found.input.join('x')} at ${found.inputBits} bits, ${[found.outputs].flat().join('x')} outputs, ` +
      `${number(found.parameters)} parameters, ${number(found.multiplications)} multiplications an image`,
    '',
    textTable([header, ...rows], process.stdout.columns),
    '',
    textTable(budget),
    ...(found.budget ? ['', found.budget.line, ...prunedLines(found.budget)] : []),
  ].join('\n');
}

function prunedLines({ pruned }: InspectedOutlook): string[] {
  const options = optionWords(Object.entries(pruning)).join(' ');
  return pruned ? [`${pruned.canBeMet ? 'it can' : 'nor can it'} with ${options}; ${pruned.line}`] : [];
}
