/**
 * Building blocks of layers: each function creates variables, quantizers and nodes. The same calls build the network
 * for training (batch statistics) and for evaluation (running statistics).
 */

import { channelsOf, dimension, elementCount, type Graph, type Tensor } from '../graph/index.js';
import { activation } from '../ops/activation.js';
import { batchNorm } from '../ops/batchNorm.js';
import { batchStatistics, runningStatistics } from '../ops/batchStatistics.js';
import { bias } from '../ops/bias.js';
import { conv2d } from '../ops/convolution.js';
import { depthwiseConv2d } from '../ops/depthwiseConvolution.js';
import { flatten, unflatten } from '../ops/flatten.js';
import { groupedConv2d } from '../ops/groupedConvolution.js';
import { linear } from '../ops/linear.js';
import { type ConvolutionResult, channelMoments } from '../ops/moments.js';
import { quantizeChannels } from '../ops/quantizeChannels.js';
import { sidesOf } from '../ops/window.js';
import {
  type ActivationSource,
  bestExponents,
  bestStart,
  coreOf,
  parameterNames,
  publishedStepSize,
  type Quantizer,
  type StartValues,
  startExponents,
  startFromWeights,
  startWithStep,
} from '../quant/index.js';
import { type Initializer, startValues } from './initializers.js';
import { type BatchNormLayer, type ConvLayer, type DepthwiseLayer, inputName, type LinearLayer } from './layer.js';
import { type Layout, storedShape } from './layouts.js';
import {
  type ActivationSettings,
  exceptionOf,
  type QuantizerSettings,
  settingsOfSource,
  withSign,
} from './quantizerSettings.js';
import { exponentsName, type NetworkTensor, type Variables } from './variables.js';

export interface Network extends ActivationSettings {
  readonly graph: Graph;
  readonly variables: Variables;
  /** True for batch statistics that also update the running ones, false for the running ones alone. */
  readonly training: boolean;
  /** Weight of the old running moments in training; the published one by default. */
  readonly runningDecay?: number;
  /** Effective ranges of all quantizers, [Q, 2]. */
  readonly ranges: Tensor;
  readonly weights: QuantizerSettings;
  /** Called with the name of every activation, quantized or not. */
  onActivation?(name: string, output: Tensor): void;
}

export interface BatchNormNames {
  readonly gamma: string;
  readonly beta: string;
  readonly mean: string;
  readonly variance: string;
}

/** ε and the weight of the old running value, as in the published code and in torchvision. */
const BATCH_NORM = { epsilon: 1e-5, decay: 0.9 } as const;
export const batchNormEpsilon = BATCH_NORM.epsilon;

/** A convolution with a quantized weight, its batch normalisation or bias, and its activation. */
export function convolution(network: Network, x: Tensor, layer: ConvLayer): Tensor {
  const { groups, window, weight, channels, start } = layer;
  const shape = [...sidesOf(window.size), dimension(x, 3) / groups, channels];
  const w = quantizedWeight(network, weight, shape, 'convolution', start.weight);
  const { graph } = network;
  const withMoments = network.training && layer.batchNorm !== null;
  const result =
    groups === 1
      ? conv2d(graph, x, w, window, withMoments)
      : groupedConv2d(graph, x, w, { ...window, groups }, withMoments);
  return normalizedOrBiased(network, result, layer);
}

/** A depthwise convolution likewise, one filter for each channel of x. */
export function depthwise(network: Network, x: Tensor, layer: DepthwiseLayer): Tensor {
  const { window, weight, start } = layer;
  const w = quantizedWeight(network, weight, [...sidesOf(window.size), dimension(x, 3)], 'depthwise', start.weight);
  const withMoments = network.training && layer.batchNorm !== null;
  return normalizedOrBiased(network, depthwiseConv2d(network.graph, x, w, window, withMoments), layer);
}

/** The result of a convolution with its batch normalisation, or its bias. */
function normalizedOrBiased(
  network: Network,
  result: ConvolutionResult,
  { weight, bias: name, batchNorm, start }: ConvLayer | DepthwiseLayer | LinearLayer,
): Tensor {
  if (batchNorm) return normalized(network, result, weight, batchNorm);
  if (name === null) return result.y;
  const b = quantizedWeight(network, name, [dimension(result.y, 3)], 'plain', start.bias, weight);
  return bias(network.graph, result.y, b);
}

/** A batch normalisation that follows no convolution. */
export function normalizedAlone(network: Network, x: Tensor, { name, batchNorm }: BatchNormLayer): Tensor {
  const moments = network.training ? channelMoments(network.graph, x) : null;
  return normalized(network, { y: x, moments }, name, batchNorm);
}

/** Batch normalisation by the moments of the batch in training, and by the running ones in evaluation. */
function normalized(
  { graph, variables, runningDecay = BATCH_NORM.decay }: Network,
  { y, moments }: ConvolutionResult,
  name: string,
  names: BatchNormNames,
): Tensor {
  const channels = channelsOf(y);
  const factor = (name: string, value: number) =>
    variables.parameter(graph, name, [channels], 'plain', () => new Float64Array(channels).fill(value), 'bn');
  const beta = factor(names.beta, 0);
  const gamma = factor(names.gamma, 1);
  const running = {
    mean: variables.runningValue(graph, names.mean, channels, 0),
    variance: variables.runningValue(graph, names.variance, channels, 1),
  };
  const view = variables.statistics(name, channels);
  const statistics = moments
    ? batchStatistics(graph, y, moments, running, { ...BATCH_NORM, decay: runningDecay, view })
    : runningStatistics(graph, running, BATCH_NORM.epsilon);
  return batchNorm(graph, y, statistics, gamma, beta);
}

/** The activation quantizer; ReLU or ReLU6 if activations are not quantized. `name`: scope of the output. */
export function nonlinearity(network: Network, x: Tensor, name: string, float: 'relu' | 'relu6' = 'relu'): Tensor {
  return quantizedActivation(network, x, name, 'rectified', () =>
    activation(network.graph, x, network.ranges, { type: float }),
  );
}

/**
 * The output of a function other than ReLU, and its quantizer: unsigned if the function is never negative, else as set
 * for outputs without a ReLU. `name`: scope of the output.
 */
export function functionOutput(
  network: Network,
  x: Tensor,
  name: string,
  type: 'sigmoid' | 'hardSigmoid' | 'hardSwish' | 'silu',
): Tensor {
  const y = activation(network.graph, x, network.ranges, { type });
  switch (type) {
    case 'sigmoid':
    case 'hardSigmoid':
      return quantizedActivation(network, y, name, 'rectified', () => y);
    case 'hardSwish':
    case 'silu':
      return linearOutput(network, y, name);
    default:
      return type satisfies never;
  }
}

/**
 * An output without a ReLU (of a layer or a sum) that is kept in memory, with a signed quantizer if such outputs are
 * quantized. `name`: scope of the output.
 */
export function linearOutput(network: Network, x: Tensor, name: string): Tensor {
  return quantizedActivation(network, x, name, 'linear', () => x);
}

/** The images as the first layer reads them, with a signed quantizer if they are quantized. */
export function networkInput(network: Network, images: Tensor): Tensor {
  return quantizedActivation(network, images, inputName, 'input', () => images);
}

/**
 * An activation and its quantizer. If the quantizer is shared with signed values, the activation is rectified first.
 *
 * @param float the function if it is not quantized
 */
function quantizedActivation(
  network: Network,
  x: Tensor,
  name: string,
  source: ActivationSource,
  float: () => Tensor,
): Tensor {
  const { graph, variables } = network;
  const count = elementCount(x.shape) / dimension(x, 0);
  const usual = settingsOfSource(network, source);
  const settings = exceptionOf(network, name) ?? usual;
  if (!settings?.kind) {
    if (usual) variables.countUnquantized('activation', name, count, source);
    const y = float();
    network.onActivation?.(name, y);
    return y;
  }
  const shared = variables.sharedBy(name);
  const isRectified = source === 'rectified';
  const signed = shared?.signed ?? !isRectified;
  const tensor = { name, role: 'activation', source, count } as const;
  const row = quantizerRow(variables, signed && isRectified ? withSign(settings) : settings, {
    ...{ tensor, signed, quantizer: `${shared?.tensors[0] ?? name}/Aquant` },
  });
  const core = coreOf(settings.kind);
  const z = signed && isRectified ? float() : x;
  const y = activation(graph, z, network.ranges, { type: 'quantize', row, core, signed });
  network.onActivation?.(name, y);
  return y;
}

/**
 * A fully connected layer; weight and bias each have a quantizer, both of which start from the weight. If the file to
 * start from has another number of outputs, for other classes, the layer starts without it. With a batch normalisation
 * it is built as a 1×1 convolution, which gives the moments of its results.
 */
export function affine(network: Network, x: Tensor, layer: LinearLayer): Tensor {
  const { weight, bias, layout, outputs, start } = layer;
  const { graph } = network;
  const inputs = dimension(x, 1);
  if (layer.batchNorm || bias === null) {
    const w = quantizedWeight(network, weight, [1, 1, inputs, outputs], 'convolution', start.weight);
    const result = conv2d(graph, unflatten(graph, x, [1, 1, inputs]), w, {}, network.training && bias === null);
    return flatten(graph, normalizedOrBiased(network, result, layer));
  }
  const shape = [inputs, outputs];
  if (hasOtherOutputs(network.variables, layer, shape)) network.variables.startAfresh(weight, bias);
  const w = quantizedWeight(network, weight, shape, layout, start.weight);
  const b = quantizedWeight(network, bias, [outputs], 'plain', start.bias, weight);
  return linear(graph, x, w, b);
}

function hasOtherOutputs(
  variables: Variables,
  { weight, layout }: LinearLayer,
  [inputs, outputs]: readonly number[],
): boolean {
  const theirs = variables.given(weight)?.shape;
  if (!theirs) return false;
  const given = elementCount(theirs) / inputs!;
  return given !== outputs && storedShape([inputs!, given], layout).join() === theirs.join();
}

/** A parameter and its quantizer, which starts from `startsFrom`, by default the parameter itself. */
function quantizedWeight(
  network: Network,
  name: string,
  shape: readonly number[],
  layout: Layout,
  start: Initializer,
  startsFrom = name,
): Tensor {
  const { graph, variables } = network;
  const role = startsFrom === name ? 'weight' : 'bias';
  const parameter = variables.parameter(
    graph,
    name,
    shape,
    layout,
    (random) => startValues(start, shape, random),
    role,
  );
  const count = elementCount(shape);
  const settings = exceptionOf(network, name) ?? network.weights;
  if (!settings.kind) {
    variables.countUnquantized(role, name, count);
    return parameter;
  }
  const tensor = { name, role, source: null, count } as const;
  const row = quantizerRow(variables, settings, { tensor, signed: true, quantizer: `${name}quant`, startsFrom });
  const core = coreOf(settings.kind);
  // The channels of a bias are single numbers.
  if (settings.perChannel && role === 'weight') {
    const exponents = channelExponents(network, settings, row, name, shape.at(-1)!);
    return quantizeChannels(graph, parameter, network.ranges, exponents, { row, core });
  }
  return activation(graph, parameter, network.ranges, { type: 'quantize', row, core, signed: true });
}

/** Initial exponents for each channel's own step, if weights decide where quantizers start. */
function channelExponents(
  { graph, variables }: Network,
  settings: QuantizerSettings,
  row: number,
  weight: string,
  channels: number,
): Tensor {
  const quantizer = variables.quantizers[row]!;
  const start = () => {
    const variable = variables.find(weight)!;
    if (settings.stepSize === 'auto') return bestExponents(quantizer, variable.start, channels);
    const follows = followsFile(variables, settings, weight);
    return follows ? startExponents(quantizer, variable.start, channels) : new Float64Array(channels);
  };
  return variables.parameter(graph, exponentsName(quantizer), [channels], 'plain', start, 'exponent');
}

interface QuantizedTensor {
  readonly tensor: Omit<NetworkTensor, 'row'>;
  /** Name of the quantizer. */
  readonly quantizer: string;
  readonly signed: boolean;
  /** Parameter whose values decide where the quantizer starts; for weights and biases. */
  readonly startsFrom?: string;
}

/** Tells whether the file's weights decide where their quantizer starts, as published. */
function followsFile(variables: Variables, { stepSize }: QuantizerSettings, weight: string): boolean {
  return stepSize === 'published' && variables.given(weight) !== undefined;
}

/**
 * Initial learned values. Activations are not known yet: with `auto` they start from the published step until they are
 * measured.
 */
function startOf(
  variables: Variables,
  settings: QuantizerSettings,
  quantizer: Quantizer,
  startsFrom: string | undefined,
): StartValues {
  const { stepSize } = settings;
  const given = typeof stepSize === 'number' ? stepSize : publishedStepSize;
  if (startsFrom === undefined) return startWithStep(quantizer, given);
  const variable = variables.find(startsFrom)!;
  if (stepSize === 'auto') return bestStart(quantizer, variable.start);
  const follows = followsFile(variables, settings, startsFrom);
  return follows ? startFromWeights(quantizer, variable.start) : startWithStep(quantizer, given);
}

/**
 * The row of a quantizer. It starts from the file's learned values, if the file has this parametrization, else from
 * data or settings.
 */
function quantizerRow(
  variables: Variables,
  settings: QuantizerSettings,
  { tensor, quantizer: name, signed, startsFrom }: QuantizedTensor,
): number {
  return variables.quantizer(tensor, () => {
    const { kind } = settings;
    if (!kind) throw new Error(`${name}: no quantizer is configured`);
    const quantizer: Quantizer = {
      kind,
      bitwidth: settings.bitwidth,
      ...settings.bounds,
      ...{ name, role: tensor.role, signed, count: tensor.count },
      fixed: null,
      recomputeRange: settings.recomputeRange,
    };
    const { parameters, fixed } = startOf(variables, settings, quantizer, startsFrom);
    const given = parameterNames(kind).map((p) => variables.given(`${name}/${kind}/${p}`)?.values[0]);
    const start = parameters.map((value, index) => given[index] ?? value) as [number, number];
    return { quantizer: { ...quantizer, fixed }, start };
  });
}
