/**
 * The integer network in the form that 8-bit accelerators take: QuantizeLinear and DequantizeLinear around
 * convolutions, which runtimes fuse into QLinearConv, with each batch normalisation folded into a scale for each
 * channel and a bias of 32 bits.
 *
 * This form is not exact: the bias, an integer number of accumulator units, cannot hold the fraction of a
 * normalisation, and a sum with a shortcut is rounded twice. `deploy/npuMismatches.ts` counts the differences; only
 * `exactModel.ts` equals the integer network.
 */

import { InputError } from '../../errors.js';
import {
  type ClassifierLayer,
  type ConvolutionLayer,
  type ConvolvingLayer,
  type InputLayer,
  type IntegerNetwork,
  type IntegerTensor,
  type IntegerWeights,
  isMap,
  leastOf,
  magnitudeOf,
  type OutputLayer,
  type Product,
  type SumPoolLayer,
} from '../integerNetwork.js';
import { DataType, type Endpoint, modelBuilder } from './modelBuilder.js';
import { byteType, convolutionAttributes, NetworkWriter, outputsFirst, refusePowers } from './networkWriter.js';

/** Metadata and further outputs of the model for accelerators. */
export interface NpuOptions {
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * Also gives every convolution's output as an output of the model, under its tensor's name, for counting differences.
   */
  readonly activations?: boolean;
}

/**
 * The bytes of the model: input `image` (uint8, [N, C, H, W]), output `logits` (float32, [N, classes], or [N, classes,
 * H, W] for a class a pixel).
 *
 * @throws InputError for powers of two, for sums of two convolutions, and for images without a common zero point
 */
export function npuModel(network: IntegerNetwork, { metadata, activations = false }: NpuOptions): Uint8Array {
  refusePowers(network, 'the profile npu');
  return new NpuWriter(activations).finish(network, metadata);
}

/** Bytes that mean scale·(byte − zero). */
interface Quantized {
  readonly name: string;
  readonly type: DataType;
  readonly scale: number;
  readonly zero: number;
}

/** The image as bytes: the integers of its tensor are factor·(byte − zero) plus the rest of the channel. */
interface Image {
  readonly tensor: IntegerTensor;
  readonly factor: number;
  readonly zero: number;
  readonly rests: readonly number[];
}

const largestBias = 2 ** 31 - 1;

class NpuWriter extends NetworkWriter {
  #image: Image | null = null;
  /** The mean before the classifier, and the units of the sum over all pixels in one of its bytes. */
  #mean: { readonly bytes: Quantized; readonly sums: number } | null = null;

  constructor(readonly activations: boolean) {
    super(modelBuilder());
  }

  protected logitType(): DataType {
    return DataType.FLOAT;
  }

  protected override furtherOutputs({ layers }: IntegerNetwork): Endpoint[] {
    if (!this.activations) return [];
    return layers.flatMap((layer): Endpoint[] => {
      if (layer.op !== 'convolution') return [];
      const { output } = layer;
      const [height, width, channels] = output.shape as [number, number, number];
      return [{ name: output.name, type: byteType(output), shape: ['N', channels, height, width] }];
    });
  }

  protected input({ name, scale: factor, offsets, output }: InputLayer): void {
    const zero = Math.round(offsets[0]! / factor);
    const rests = offsets.map((offset) => factor * zero - offset);
    if (zero < 0 || zero > 255 || rests.some((rest) => Math.abs(rest) > factor)) {
      throw new InputError(`${name}: bytes of images need one zero point for all channels; train with one mean`);
    }
    this.#image = { tensor: output, factor, zero, rests };
  }

  protected convolution(layer: ConvolutionLayer): void {
    const { builder } = this;
    const { output, addend, requantization } = layer;
    const sum = this.#convolved(layer);
    const type = byteType(output);
    const target = { type, scale: output.step, zero: 0 };
    let total = sum;
    if (addend) {
      const addendScale = output.step * 2 ** (requantization.addendShift - requantization.outputShift);
      const addends = { ...this.#bytesOf(addend), scale: addendScale };
      const between = betweenOf(output, addend, addendScale);
      const rounded = { ...between, name: this.#quantize(sum, between) };
      total = builder.node('Add', [this.#dequantize(rounded), this.#dequantize(addends)]);
    }
    const { grid } = output;
    const [lo, hi] = [leastOf(grid), grid.hi];
    const isWhole = hi === (type === DataType.INT8 ? 127 : 255) && (lo === 0 || lo === -128);
    const bytes = this.#quantize(total, target, isWhole ? output.name : undefined);
    if (!isWhole) {
      const limits = [lo, hi].map((limit) => builder.constant(type, [], [limit]));
      builder.node('Clip', [bytes, ...limits], {}, output.name);
    }
    this.stored.set(output.name, output.name);
  }

  protected outputs(layer: OutputLayer): void {
    const logits = this.#convolved(layer);
    this.builder.node(isMap(layer) ? 'Identity' : 'Flatten', [logits], {}, 'logits');
  }

  /** The only convolution of a layer with its normalisation folded in, dequantized. */
  #convolved({ op, name, requantization, products, output }: ConvolvingLayer): string {
    const [product, second] = products as [Product, Product?];
    if (second) throw new InputError(`${name}: the profile npu has no sum of two convolutions; use exact`);
    if (requantization.table || product.factor) {
      throw new InputError(`${name}: the profile npu has neither functions nor products of two tensors; use exact`);
    }
    const { input, weights, depthwise } = product;
    const { multipliers, biases, shifts, outputShift } = requantization;
    const image = this.#imageOf(input);
    refuseWide(name, weights);
    const channels = Array.from({ length: output.shape[2]! }, (_, channel) => channel);
    const units = channels.map((channel) => 2 ** -(shifts[channel]! + outputShift));
    const slopes = channels.map((channel) => multipliers[0]![channel]! * units[channel]!);
    const rests = image ? restsOf(product, image) : channels.map(() => 0);
    // In steps of the output; half a step turns the floor of the integer form into rounding, which logits do not need.
    const half = op === 'outputs' ? 0 : 0.5;
    const offsets = channels.map((channel) => {
      const bias = biases[channel]!;
      // For a channel that does not depend on its sums all biases with the same floor are equal; the middle one is far
      // from a tie.
      if (slopes[channel] === 0) return (Number(bias >> BigInt(shifts[channel]!)) + half) * 2 ** -outputShift - half;
      return Number(bias) * units[channel]! - half + slopes[channel]! * rests[channel]!;
    });
    // A channel that does not depend on its sums only keeps its offset, to a 65 536th.
    const sizes = slopes.map((slope) => (slope === 0 ? 2 ** -16 : Math.abs(slope)));
    const values = weights.values.map((value, index) => value * Math.sign(slopes[index % channels.length]!));
    const factor = image?.factor ?? 1;
    const ordered = outputsFirst(values, weights.shape, depthwise);
    const parameters = this.#parameters(ordered.dims, ordered.values, {
      scales: sizes.map((size) => (output.step * size) / input.step),
      biasScales: sizes.map((size) => output.step * size * factor),
      biases: offsets.map((offset, channel) => offset / (sizes[channel]! * factor)),
    });
    const x = this.#dequantize(this.#bytesOf(input));
    return this.builder.node('Conv', [x, ...parameters], convolutionAttributes(product));
  }

  protected sumPool({ input, output }: SumPoolLayer): void {
    const { builder } = this;
    const x = this.#bytesOf(input);
    // As fine as the bytes allow.
    const parts = 2 ** Math.floor(Math.log2((x.type === DataType.INT8 ? 127 : 255) / magnitudeOf(input)));
    const mean = { ...x, scale: x.scale / parts };
    const pooled = this.#quantize(builder.node('GlobalAveragePool', [this.#dequantize(x)]), mean);
    const [height, width] = input.shape as [number, number];
    this.#mean = { bytes: { ...mean, name: builder.node('Flatten', [pooled]) }, sums: (height * width) / parts };
    this.stored.set(output.name, this.#mean.bytes.name);
  }

  protected classifier({ name, weights, bias, shifts, biasFactor, biasShift, unit }: ClassifierLayer): void {
    if (!this.#mean) throw new InputError(`${name}: the profile npu reads the mean of all pixels only`);
    const { bytes, sums } = this.#mean;
    refuseWide(name, weights);
    const [inputs, outputs] = weights.shape as [number, number];
    const transposed = weights.values.map(
      (_, at) => weights.values[(at % inputs) * outputs + Math.floor(at / inputs)]!,
    );
    const biasScales = Array.from(shifts, (shift) => unit * 2 ** shift * sums);
    const offsets = biasScales.map((scale, o) => (bias.values[o]! * biasFactor * 2 ** biasShift * unit) / scale);
    const parameters = this.#parameters([outputs, inputs], transposed, {
      scales: biasScales.map((scale) => scale / bytes.scale),
      biasScales,
      biases: offsets,
    });
    this.builder.node('Gemm', [this.#dequantize(bytes), ...parameters], { transB: 1 }, 'logits');
  }

  /** Weights and bias of a layer, dequantized: one scale for each channel, the first axis. */
  #parameters(dims: readonly number[], values: Int32Array, { scales, biasScales, biases }: Folded): [string, string] {
    const { builder } = this;
    const vector = (type: DataType, numbers: readonly number[]) => builder.constant(type, [numbers.length], numbers);
    const zeros = scales.map(() => 0);
    const weights = builder.node(
      'DequantizeLinear',
      [builder.constant(DataType.INT8, dims, values), vector(DataType.FLOAT, scales), vector(DataType.INT8, zeros)],
      { axis: 0 },
    );
    const whole = biases.map((bias) => Math.max(-largestBias, Math.min(largestBias, Math.round(bias))));
    const bias = builder.node(
      'DequantizeLinear',
      [vector(DataType.INT32, whole), vector(DataType.FLOAT, biasScales), vector(DataType.INT32, zeros)],
      { axis: 0 },
    );
    return [weights, bias];
  }

  #bytesOf(tensor: IntegerTensor): Quantized {
    const image = this.#imageOf(tensor);
    if (image) return { name: 'image', type: DataType.UINT8, scale: tensor.step * image.factor, zero: image.zero };
    return { name: this.storedName(tensor), type: byteType(tensor), scale: tensor.step, zero: 0 };
  }

  #imageOf({ name }: IntegerTensor): Image | null {
    return this.#image?.tensor.name === name ? this.#image : null;
  }

  #quantize(x: string, to: Omit<Quantized, 'name'>, name?: string): string {
    return this.builder.node('QuantizeLinear', [x, ...this.#scaleOf(to)], {}, name);
  }

  #dequantize(bytes: Quantized): string {
    return this.builder.node('DequantizeLinear', [bytes.name, ...this.#scaleOf(bytes)]);
  }

  #scaleOf({ scale, type, zero }: Omit<Quantized, 'name'>): [string, string] {
    return [this.scalar(scale), this.builder.constant(type, [], [zero])];
  }
}

/** For each channel: the step of its weights, the step of its sums and the bias in steps of its sums. */
interface Folded {
  readonly scales: readonly number[];
  readonly biasScales: readonly number[];
  readonly biases: readonly number[];
}

function refuseWide(layer: string, { name, grid }: IntegerWeights): void {
  if (grid.hi > 127) throw new InputError(`${layer}: ${name} has more than the 8 bits of the profile npu; use exact`);
}

/**
 * The contribution of the rests of an image's channels to each sum; too much at the image's edge, where padding has
 * none.
 */
function restsOf({ weights }: Product, { rests }: Image): number[] {
  const outputs = weights.shape.at(-1)!;
  const sums = new Array<number>(outputs).fill(0);
  weights.values.forEach((value, at) => {
    sums[at % outputs]! += value * rests[Math.floor(at / outputs) % rests.length]!;
  });
  return sums;
}

/**
 * The quantization of a convolution's result until a shortcut is added: bytes over all numbers with which the sum can
 * still reach the output's range, in the output's step, halved or doubled until they fit.
 */
function betweenOf({ grid, step }: IntegerTensor, addend: IntegerTensor, addendScale: number): Omit<Quantized, 'name'> {
  const least = leastOf(grid) * step - addend.grid.hi * addendScale;
  const most = grid.hi * step - leastOf(addend.grid) * addendScale;
  const scale = step * 2 ** Math.ceil(Math.log2((most - least) / step / 255));
  return { type: DataType.UINT8, scale, zero: Math.round(-least / scale) };
}
