/**
 * Lowers a trained network to integers by walking the plan of the phase `evaluate`, which engines compute, so that the
 * same few rules lower every network that can be trained. Operations that a device cannot do in integers are refused
 * with a remedy.
 */

import { InputError } from '../errors.js';
import { type AnyNode, operandsOf, resultsOf, type Tensor } from '../graph/index.js';
import type { Activation } from '../ops/attributes.js';
import type { AxisWindow, SizedAxisWindow, Window } from '../ops/window.js';
import type { TrainingProgram } from '../program/trainingProgram.js';
import { channelScale, effectiveRange, type Quantizer, type QuantizerCore, tableBits } from '../quant/index.js';
import { classification } from '../task.js';
import { boundedProduct, demandAccumulator } from './bounds.js';
import type { Channel } from './certificate.js';
import { demandStorable, demandStorableWeight, gridOf } from './grids.js';
import { gridOfBytes } from './inputGrid.js';
import {
  type ConvolutionLayer,
  codeBits,
  type Grid,
  type InnerLayer,
  type IntegerLayer,
  type IntegerNetwork,
  type IntegerTensor,
  type IntegerWeights,
  outputsOf,
  type Product,
  pixelWindow,
} from './integerNetwork.js';
import { classifierLayer, scaledClassifier, sumPoolLayer } from './loweredClassifier.js';
import { byteInput, quantizedInput } from './loweredInput.js';
import { outputLayer } from './loweredOutputs.js';
import { described, type Sum, singleTerm, type Value } from './loweredValue.js';
import { integerWeights } from './loweredWeights.js';
import { certified, channelSteps, defined, type Normalised, type Sums, type Target } from './requantization.js';
import { checkNetwork } from './soundness.js';
import { integerTensor, TensorForms } from './tensorForms.js';
import { asIs, identity, meanOf, scaledBy } from './terms.js';

/** A layer with certified integers, and the computation of its channels. */
interface CertifiedLayer {
  readonly layer: ConvolutionLayer;
  readonly channels: readonly Channel[];
}

/** An integer network with the certificates of its layers. */
export interface Lowered {
  readonly network: IntegerNetwork;
  /** The layers with a certificate, for checks against the reference. */
  readonly certified: readonly CertifiedLayer[];
}

/** Options of lowering: proofs, and reports of progress. */
export interface LoweringOptions {
  /**
   * False to round every layer without searching for certificates, which tells at once whether a network can be
   * exported.
   */
  readonly prove?: boolean;
  /** Names of the table's columns that the network was trained on. */
  readonly columns?: readonly string[] | undefined;
  /** Called after each operation of the network; certificates of large networks take seconds. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Lowers a network whose program was built from trained values, from which its variables start.
 *
 * @throws InputError with a remedy, naming the tensor that a device cannot hold in integers
 */
export function lowerNetwork(
  training: TrainingProgram,
  classes: readonly string[],
  { prove = true, columns, onProgress }: LoweringOptions = {},
): Lowered {
  const lowering = new Lowering(training, prove);
  const nodes = training.plan.phases.evaluate!;
  for (const [index, node] of nodes.entries()) {
    lowering.visit(node);
    onProgress?.(index + 1, nodes.length);
  }
  const { layers, certified } = lowering;
  // Outputs other than classes have no names.
  const isNamed = classes.length === outputsOf({ layers }).classes;
  const { loss } = training.options.task ?? classification;
  const network: IntegerNetwork = { layers, classes: isNamed ? classes : [], columns, loss };
  demandRunnable(network);
  return { network, certified };
}

/** Throws an `InputError` about limits of devices that no rule of lowering has met. */
function demandRunnable(network: IntegerNetwork): void {
  try {
    checkNetwork(network);
  } catch (error) {
    throw new InputError(`${(error as Error).message}; the network cannot be exported`);
  }
}

class Lowering {
  readonly layers: IntegerLayer[] = [];
  readonly certified: CertifiedLayer[] = [];
  readonly #forms: TensorForms;
  readonly #ranges: readonly (readonly [e0: number, e1: number])[];
  readonly #quantizers: readonly Quantizer[];
  readonly #bits: readonly number[];
  /** The fully connected layer that computes the logits; others, and one that reads the image, are computed as convolutions. */
  readonly #last: AnyNode | undefined;

  constructor(
    training: TrainingProgram,
    readonly prove: boolean,
  ) {
    this.#last = lastLinear(training.plan.phases.evaluate!);
    this.#forms = new TensorForms(training, this.layers);
    const { quantizers, table } = training.variables;
    this.#quantizers = quantizers;
    this.#ranges = quantizers.map((quantizer, row) => effectiveRange(quantizer, table[2 * row]!, table[2 * row + 1]!));
    this.#bits = tableBits(quantizers, table);
  }

  visit(node: AnyNode): void {
    switch (node.op) {
      case 'gatherBatch':
        this.#input(node);
        break;
      case 'prepareQuantizers':
      case 'gatherTargets':
      case 'recordMetrics':
        break;
      case 'softmaxCrossEntropy':
        this.#outputs(node.operands.logits, 1);
        break;
      case 'elementLoss':
        this.#outputs(node.operands.outputs, 1);
        break;
      case 'activation':
        this.#activation(node);
        break;
      case 'quantizeChannels':
        this.#weights(node.operands.x, node.results.y, node.attributes, node.operands.exponents);
        break;
      case 'conv2d':
      case 'depthwiseConv2d':
      case 'groupedConv2d':
        this.#convolution(node);
        break;
      case 'runningStatistics':
        this.#moments(node);
        break;
      case 'batchNorm':
        this.#batchNorm(node);
        break;
      case 'add':
        this.#add(node);
        break;
      case 'subsample':
        this.#subsample(node);
        break;
      case 'maxPool':
        this.#maxPool(node);
        break;
      case 'globalAveragePool':
        this.#forms.set(node.results.y, {
          type: 'mean',
          input: this.#forms.integers(node.operands.x, 'global average'),
        });
        break;
      case 'averagePool':
        this.#averagePool(node);
        break;
      case 'multiplyChannels':
        this.#multiplyChannels(node);
        break;
      case 'flatten':
      case 'unflatten':
        this.#forms.set(node.results.y, this.#forms.get(node.operands.x));
        break;
      case 'concat':
        this.#concat(node);
        break;
      case 'slice':
        this.#slice(node);
        break;
      case 'shuffleChannels':
        this.#shuffle(node);
        break;
      case 'bias':
        this.#bias(node);
        break;
      case 'linear':
        if (node === this.#last && !this.#isImage(node.operands.x)) this.#classifier(node);
        else this.#hiddenLinear(node);
        break;
      case 'scale':
        this.#scale(node);
        break;
      default:
        throw new InputError(
          `${this.#forms.firstName(node)}: what reads it, ${node.op}, has no integer form yet; the network cannot be exported`,
        );
    }
  }

  #input({ operands, results: { x }, attributes: { scale, offset } }: Node<'gatherBatch'>): void {
    const found = operands.images.dtype === 'uint8' ? gridOfBytes(scale, offset) : { fault: 'inputs are numbers' };
    if ('fault' in found) this.#forms.set(x, { type: 'numbers', fault: found.fault, scale, offset });
    else this.#store(byteInput(found, scale[0]!, imageShape(x)), x);
  }

  /** Inputs whose first quantizer makes their bytes, before the network runs. */
  #quantizedInput(
    normalisation: Extract<Value, { type: 'numbers' }>,
    { row, core, signed }: Quantization,
    y: Tensor,
  ): void {
    const [step, e1] = this.#ranges[row]!;
    const name = this.#forms.nameOf(y);
    const grid = gridOf(core, signed, step, e1);
    const layer = quantizedInput(name, normalisation, { grid, step }, imageShape(y));
    demandStorable(name, grid, this.#quantizers[row]!);
    this.#store(layer, y);
  }

  #activation(node: Node<'activation'>): void {
    const { x } = node.operands;
    const { y } = node.results;
    const { activation } = node.attributes;
    const source = this.#forms.get(x);
    if (source.type === 'parameter' && activation.type === 'quantize') this.#weights(x, y, activation, null);
    else if (source.type === 'numbers' && activation.type === 'quantize') this.#quantizedInput(source, activation, y);
    else this.#activate(this.#forms.sumOf(x, y), activation, y);
  }

  /** Requantizes a sum if its activation is a quantizer; a function is kept until its quantizer comes. */
  #activate(sum: Sum, activation: Activation, y: Tensor): void {
    if (activation.type === 'quantize') this.#requantize(sum, activation, y);
    else if (sum.through) throw this.#forms.unquantized(sum, y);
    else this.#forms.set(y, { ...sum, through: activation.type });
  }

  /** Quantizes the trained weights. */
  #weights(x: Tensor, y: Tensor, { row, core }: { row: number; core: QuantizerCore }, exponents: Tensor | null): void {
    const parameter = this.#forms.get(x);
    if (parameter.type !== 'parameter') throw new Error(`${x.name} is no parameter`);
    const range = this.#ranges[row]!;
    const grid = gridOf(core, true, ...range);
    const scales = exponents && Array.from(this.#forms.parameter(exponents), channelScale);
    const quantization = { core, range, grid, scales, bits: this.#storedBits(row, grid) };
    demandStorableWeight(parameter.name, grid, this.#quantizers[row]!);
    this.#forms.set(y, { type: 'weights', weights: integerWeights(parameter, x.shape, quantization) });
  }

  #convolution(node: Node<'conv2d' | 'depthwiseConv2d' | 'groupedConv2d'>): void {
    const { x, w } = node.operands;
    const { y } = node.results;
    const weights = this.#forms.quantizedWeights(w);
    const input = this.#forms.integers(x, `convolution with ${weights.name}`);
    const depthwise = node.op === 'depthwiseConv2d';
    const groups = node.op === 'groupedConv2d' ? node.attributes.groups : 1;
    const isPointwise = node.op === 'conv2d' && weights.shape[0] === 1 && weights.shape[1] === 1;
    const fitting = isPointwise && isFeatures(x) ? overPixels(weights, input) : weights;
    this.#sums({ input, weights: fitting, factor: null, depthwise, groups, window: windowOf(node.attributes) }, y);
  }

  /** A fully connected layer is a convolution with a window of the size of its input. */
  #hiddenLinear({ operands: { x, w, b }, results: { y } }: Node<'linear'>): void {
    const weights = this.#forms.quantizedWeights(w);
    const input = this.#forms.integers(x, `layer with ${weights.name}`);
    const product = { input, weights: overPixels(weights, input), factor: null, groups: 1, window: pixelWindow };
    this.#sums({ ...product, depthwise: false }, y);
    this.#addBias(y, b, y);
  }

  /** Tells whether a tensor is the image, which only convolutions read in every form. */
  #isImage(x: Tensor): boolean {
    const value = this.#forms.get(x);
    return value.type === 'integers' && value.tensor.name === this.layers[0]!.name;
  }

  #bias({ operands: { x, b }, results: { y } }: Node<'bias'>): void {
    this.#addBias(x, b, y);
  }

  /** Adds a number for each channel to sums. */
  #addBias(x: Tensor, b: Tensor, y: Tensor): void {
    const value = this.#forms.get(x);
    const { values, step } = this.#forms.quantizedWeights(b);
    if (value.type !== 'sums')
      throw new InputError(`${this.#forms.nameOf(y)}: a bias behind ${described(value)} has no integer form yet`);
    const normalisation = { ...asIs(values.length), beta: Float64Array.from(values, (each) => each * step) };
    this.#forms.set(y, singleTerm({ ...value.sums, normalisation }));
  }

  #sums(unbounded: Omit<Product, 'lo' | 'hi'>, y: Tensor): void {
    const product = boundedProduct(unbounded);
    const { input, weights } = product;
    demandAccumulator(product);
    const steps = channelSteps(input.step, weights, y.shape.at(-1)!);
    this.#forms.set(y, { type: 'sums', sums: { product, steps, pixels: 1 } });
  }

  #moments({ operands, results, attributes }: Node<'runningStatistics'>): void {
    const { name } = operands.runningVariance;
    const variance = this.#forms.parameter(operands.runningVariance);
    const least = variance.reduce((a, b) => Math.min(a, b));
    if (least + attributes.epsilon <= 0) throw new InputError(`${name}: holds ${least}, and no variance is below 0`);
    const invstd = Float64Array.from(variance, (each) => 1 / Math.sqrt(each + attributes.epsilon));
    this.#forms.set(results.statistics, { type: 'moments', mean: this.#forms.parameter(operands.runningMean), invstd });
  }

  #batchNorm({ operands, results, attributes }: Node<'batchNorm'>): void {
    const { x, statistics, gamma, beta, shortcut } = operands;
    const [value, moments] = [this.#forms.get(x), this.#forms.get(statistics)];
    if (moments.type !== 'moments') throw new Error(`${statistics.name} are no statistics`);
    const sums = value.type === 'sums' ? value.sums : identity(this.#forms.integers(x, 'batch normalisation'));
    const normalisation = {
      mean: moments.mean,
      invstd: moments.invstd,
      gamma: this.#forms.parameter(gamma),
      beta: this.#forms.parameter(beta),
    };
    const own = singleTerm({ ...sums, normalisation });
    const together = shortcut ? this.#together(own, shortcut, results.y) : own;
    const { activation } = attributes;
    if (activation) this.#activate(together, activation, results.y);
    else this.#forms.set(results.y, together);
  }

  #add({ operands: { a, b }, results: { y } }: Node<'add'>): void {
    this.#forms.set(y, this.#together(this.#forms.summand(a), b, y));
  }

  /** The sum of convolutions and of a stored tensor: at most two terms, and an addend. */
  #together(a: Value, b: Tensor, sum: Tensor): Sum {
    const terms: Normalised[] = [];
    let addend: IntegerTensor | null = null;
    for (const value of [a, this.#forms.summand(b)]) {
      if (value.type !== 'normalised' && value.type !== 'integers') {
        throw new InputError(`${this.#forms.nameOf(sum)}: a sum with ${described(value)} has no integer form yet`);
      }
      if (value.type === 'normalised' && value.through) throw this.#forms.unquantized(value, sum);
      const added = value.type === 'normalised' ? value : { terms: [], addend: value.tensor };
      terms.push(...added.terms);
      if (added.addend && addend) {
        // A subsampled one stays the addend, which alone is read from its source.
        const isSubsampled: boolean = this.#forms.isSubsampled(added.addend);
        terms.push(identity(this.#forms.inMemory(isSubsampled ? addend : added.addend, 'sum')));
        if (isSubsampled) addend = added.addend;
      } else addend ??= added.addend;
    }
    if (terms.length > 2) {
      throw new InputError(
        `${this.#forms.nameOf(sum)}: adds ${terms.length + (addend ? 1 : 0)} tensors at once, of which a device can compute two ` +
          'and read one; set a_quantize_linear = true, so that sums on the way are stored',
      );
    }
    return { type: 'normalised', terms, addend, through: null };
  }

  #requantize(sum: Sum, { row, core, ...quantization }: Quantization, y: Tensor): void {
    const quantizer = this.#quantizers[row]!;
    const [e0, e1] = this.#ranges[row]!;
    const name = this.#forms.unusedName(this.#forms.nameOf(y));
    const { terms, addend } = sum;
    // A ReLU before a signed uniform quantizer leaves its nonnegative half.
    const isHalf = sum.through === 'relu' && (core === 'uniform' || core === 'fixedUniform');
    const [through, signed] = isHalf ? [null, false] : [sum.through, quantization.signed];
    const grid = gridOf(core, signed, e0, e1);
    demandStorable(name, grid, quantizer);
    const output = integerTensor(name, imageShape(y), grid, e0, this.#storedBits(row, grid));
    const target: Target = { output, core, signed, e0, e1, through };
    const products = terms.map(({ product }) => product);
    const [first] = terms;
    const single = this.prove && terms.length === 1 && first ? certified(first, addend, target) : null;
    const { requantization, proof, channels } = single ?? defined(terms, addend, target);
    const layer: ConvolutionLayer = { op: 'convolution', name, products, addend, requantization, proof, output };
    this.#store(layer, y);
    if (channels) this.certified.push({ layer, channels });
  }

  #subsample({ operands: { x }, results: { y }, attributes: { stride } }: Node<'subsample'>): void {
    const input = this.#forms.integers(x, 'shortcut');
    const name = this.#forms.unusedName(`${input.name}/every ${stride}`);
    const output: IntegerTensor = { ...input, name, shape: imageShape(y) };
    this.#store({ op: 'subsample', name, stride, input, output }, y);
  }

  #maxPool({ operands: { x }, results: { y }, attributes }: Node<'maxPool'>): void {
    const input = this.#forms.integers(x, 'max pooling');
    const name = this.#forms.unusedName(`${input.name}/max`);
    const output: IntegerTensor = { ...input, name, shape: imageShape(y) };
    this.#store({ op: 'maxPool', name, window: windowOf(attributes), input, output }, y);
  }

  #averagePool({ operands: { x }, results: { y }, attributes }: Node<'averagePool'>): void {
    const { rows, columns, countsPadding } = attributes;
    const input = this.#forms.integers(x, 'average pooling');
    const isPadded = [rows, columns].some(({ before, after }) => before > 0 || after > 0);
    if (isPadded && !countsPadding)
      throw new InputError(
        `${input.name}: is averaged over windows that reach beyond the image; means over fewer pixels have no integer form yet; ` +
          'train it with padding 0 and without ceil, or with countsPadding',
      );
    const [window, sides] = [{ rows: axisOf(rows), columns: axisOf(columns) }, [rows.size, columns.size] as const];
    this.#forms.set(y, singleTerm(meanOf(input, sides, window)));
  }

  #concat({ operands: { a, b }, results: { y } }: Node<'concat'>): void {
    const channels = [...this.#forms.channelsOf(a), ...this.#forms.channelsOf(b)];
    this.#forms.set(y, { type: 'channels', channels });
  }

  #slice({ operands: { x }, results: { y }, attributes: { first, channels } }: Node<'slice'>): void {
    const some = this.#forms.channelsOf(x).slice(first, first + channels);
    this.#forms.set(y, { type: 'channels', channels: some });
  }

  #shuffle({ operands: { x }, results: { y }, attributes: { groups } }: Node<'shuffleChannels'>): void {
    const all = this.#forms.channelsOf(x);
    const at = (c: number) => (c % groups) * (all.length / groups) + Math.floor(c / groups);
    this.#forms.set(y, { type: 'channels', channels: all.map((_, c) => all[at(c)]!) });
  }

  /** Channels times numbers of their own: a product of two tensors. */
  #multiplyChannels({ operands: { x, factor }, results: { y } }: Node<'multiplyChannels'>): void {
    const [input, by] = [x, factor].map((each) => this.#forms.integers(each, 'multiplication')) as [
      IntegerTensor,
      IntegerTensor,
    ];
    this.#forms.set(y, singleTerm(scaledBy(input, by)));
  }

  #classifier({ operands: { x, w, b }, results }: Node<'linear'>): void {
    const value = this.#forms.get(x);
    const [weights, bias] = [this.#forms.quantizedWeights(w), this.#forms.quantizedWeights(b)];
    const pooled = value.type === 'mean' ? sumPoolLayer(value.input) : null;
    if (pooled) this.layers.push(pooled);
    const input = pooled?.output ?? this.#forms.integers(x, 'classifier');
    const pixels = pooled ? pooled.input.shape[0]! * pooled.input.shape[1]! : 1;
    this.layers.push(classifierLayer(input, weights, bias, pixels));
    this.#forms.set(results.y, { type: 'classified' });
  }

  /** Bits in memory: the quantizer's, or more if its published form has levels beyond them. */
  #storedBits(row: number, grid: Grid): number {
    return Math.max(this.#bits[row]!, codeBits(grid));
  }

  /** Appends a layer, whose output is the tensor `y` of the plan. */
  #store(layer: InnerLayer, y: Tensor): void {
    this.layers.push(layer);
    this.#forms.set(y, { type: 'integers', tensor: layer.output });
  }

  #scale({ operands, results }: Node<'scale'>): void {
    const factor = this.#forms.parameter(operands.factor)[0]!;
    if (!(Math.abs(factor) > 0))
      throw new InputError(`${operands.factor.name}: is ${factor}, so all logits are the same; train it further`);
    const last = this.layers.at(-1);
    if (last?.op !== 'classifier') {
      this.#forms.set(results.y, { type: 'scaled', x: operands.x, factor });
      return;
    }
    this.layers[this.layers.length - 1] = scaledClassifier(last, factor);
    this.#forms.set(results.y, { type: 'classified' });
  }

  /** The layer that gives a tensor times a number as logits, unless there is a classifier already. */
  #outputs(x: Tensor, factor: number): void {
    const value = this.#forms.get(x);
    if (value.type === 'classified') return;
    if (value.type === 'scaled') {
      this.#outputs(value.x, value.factor * factor);
      return;
    }
    const sum = value.type === 'sums' ? unnormalised(value.sums) : this.#forms.sumOf(x, x);
    if (sum.through) throw this.#forms.unquantized(sum, x);
    const addend = sum.addend && this.#forms.inMemory(sum.addend, 'output');
    this.layers.push(outputLayer(sum.terms, addend, imageShape(x), factor));
  }
}

type Node<K extends AnyNode['op']> = Extract<AnyNode, { readonly op: K }>;
type Quantization = { readonly row: number; readonly core: QuantizerCore; readonly signed: boolean };

/** The result of a convolution, without bias and normalisation. */
function unnormalised(sums: Sums): Sum {
  return singleTerm({ ...sums, normalisation: asIs(sums.steps.length) });
}

/** The fully connected layer behind which values are only scaled or reordered; undefined if there is none. */
function lastLinear(nodes: readonly AnyNode[]): AnyNode | undefined {
  const makers = new Map(nodes.flatMap((node) => resultsOf(node).map(({ id }) => [id, node] as const)));
  let node = nodes.find(({ op }) => op === 'softmaxCrossEntropy' || op === 'elementLoss');
  do node = node && makers.get(operandsOf(node)[0]!.id);
  while (node && (node.op === 'scale' || node.op === 'flatten' || node.op === 'unflatten'));
  return node?.op === 'linear' ? node : undefined;
}

/** Weights [1, 1, in, out] or [in, out] for features as weights for the stored pixels. */
function overPixels(weights: IntegerWeights, { shape }: IntegerTensor): IntegerWeights {
  return { ...weights, shape: [...shape, weights.shape.at(-1)!] };
}

/** Tells whether a tensor of the plan has one pixel, or is features. */
function isFeatures({ shape }: Tensor): boolean {
  return shape.length === 2 || (shape[1] === 1 && shape[2] === 1);
}

/** The shape for one image; features are one pixel. */
function imageShape({ shape }: Tensor): number[] {
  return shape.length === 2 ? [1, 1, shape[1]!] : shape.slice(1);
}

/** An axis of a window without its size, which the weights have. */
function axisOf({ stride, before, after, dilation }: SizedAxisWindow): AxisWindow {
  return { stride, before, after, dilation };
}

/** The window in an operation's attributes. */
function windowOf<W extends Window>({ rows, columns }: W): Pick<W, 'rows' | 'columns'> {
  return { rows, columns };
}
