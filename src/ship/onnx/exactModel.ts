/**
 * The integer network as an exact ONNX model: the same integers at every optimisation level of onnxruntime's CPU and
 * WebAssembly engines.
 *
 * Convolutions are float32 ones of integers, exact as long as every partial sum is below 2^24; if sums are larger, the
 * weights are split into parts. Behind them comes, layer by layer, the first of these forms that is right everywhere:
 *
 * - `Div`, `Sub`, `QuantizeLinear` with float32 constants that have a certificate of their own (`floatConstants.ts`).
 *   Division and subtraction, since runtimes fold `Mul` and `Add` into the convolution, with other roundings.
 * - the integer form in float64, with exact M·2⁻ⁿ and b·2⁻ⁿ and every product below 2^53;
 * - the integer form in int64.
 *
 * Uniform tensors are bytes between the layers, powers of two float32. Logits are integers; their unit is in the
 * metadata.
 */

import {
  type ClassifierLayer,
  type ConvolutionLayer,
  type InputLayer,
  type IntegerNetwork,
  type IntegerTensor,
  type IntegerWeights,
  isMap,
  type LastLayer,
  largestTotal,
  leastOf,
  type OutputLayer,
  type OutputTable,
  outputsOf,
  type Product,
  type SumPoolLayer,
} from '../integerNetwork.js';
import { isExactInDoubles } from '../interpreter.js';
import { exactParts, type WeightPart } from './exactParts.js';
import { floatConstants } from './floatConstants.js';
import { DataType, type Endpoint, type ModelBuilder, modelBuilder } from './modelBuilder.js';
import { byteType, convolutionAttributes, NetworkWriter, outputsFirst } from './networkWriter.js';

/** Forms of the exact model. */
export interface ExactOptions {
  /** Weights of up to 2 and 4 bits as int2 and int4, which need operator set 25 or 21. */
  readonly packed: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  /** Also gives every convolution's output as a float32 output of the model, under its tensor's name, for checks. */
  readonly activations?: boolean;
}

/** The bytes of the model: input `image` (uint8, [N, C, H, W]), output `logits` (int32 or int64, [N, classes]). */
export function exactModel(
  network: IntegerNetwork,
  { packed, metadata, activations = false }: ExactOptions,
): Uint8Array {
  return new ExactWriter(modelBuilder(), packed, activations).finish(network, { ...metadata, ...logitUnit(network) });
}

/** Throws an `InputError` for a network without an exact model: only convolutions, sums and factors read its image. */
export function demandExactModel(network: IntegerNetwork): void {
  new ExactOutline(modelBuilder(), false, false).finish(network, {});
}

/** Metadata with the unit of the logits. */
export function logitUnit(network: IntegerNetwork): { readonly logit_unit: string } {
  return { logit_unit: String(outputsOf(network).unit) };
}

/** Writes a model of integer operators, which gives the integers of the network to the last bit. */
export class ExactWriter extends NetworkWriter {
  /** Names of stored tensors as float32. */
  protected readonly floats = new Map<string, string>();

  constructor(
    builder: ModelBuilder,
    readonly packed: boolean,
    readonly activations: boolean,
  ) {
    super(builder);
  }

  protected override furtherOutputs({ layers }: IntegerNetwork): Endpoint[] {
    if (!this.activations) return [];
    return layers.flatMap((layer): Endpoint[] => {
      if (layer.op !== 'convolution') return [];
      const { output } = layer;
      const name = this.builder.node('Cast', [this.storedName(output)], { to: DataType.FLOAT }, output.name);
      const [height, width, channels] = output.shape as [number, number, number];
      return [{ name, type: DataType.FLOAT, shape: ['N', channels, height, width] }];
    });
  }

  protected logitType(layer: LastLayer): DataType {
    const largest = layer.op === 'outputs' ? largestTotal(layer) : largestLogit(layer);
    return largest < 2 ** 31 ? DataType.INT32 : DataType.INT64;
  }

  protected input({ scale, offsets, output }: InputLayer): void {
    const { builder } = this;
    const bytes = builder.node('Cast', ['image'], { to: DataType.FLOAT });
    const scaled = scale === 1 ? bytes : builder.node('Mul', [bytes, this.scalar(scale)]);
    const shifted = builder.node('Sub', [scaled, builder.constant(DataType.FLOAT, [1, offsets.length, 1, 1], offsets)]);
    this.floats.set(output.name, shifted);
  }

  protected convolution(layer: ConvolutionLayer): void {
    const { output, products } = layer;
    const parts = products.map(exactParts);
    const constants = parts.length === 1 && parts[0]!.length === 1 ? floatConstants(layer) : null;
    if (constants) {
      this.stored.set(output.name, this.#floatEpilogue(layer, this.#sum(products[0]!, parts[0]![0]!), constants));
      return;
    }
    const channels = Array.from({ length: output.shape[2]! }, (_, channel) => channel);
    const type = channels.every((channel) => isExactInDoubles(layer, channel)) ? DataType.DOUBLE : DataType.INT64;
    const sums = products.map((product, index) => this.#wideSum(product, parts[index]!, type));
    const result = type === DataType.DOUBLE ? this.#doubleEpilogue(layer, sums) : this.#longEpilogue(layer, sums);
    this.stored.set(output.name, result);
  }

  /** The float32 convolution of one part of a product's weights. */
  #sum(product: Product, part: WeightPart): string {
    const { input, weights, factor, depthwise } = product;
    if (factor) return this.builder.node('Mul', [this.float(input), this.float(factor)]);
    const constants = this.weights(weights, part.values, depthwise);
    return this.builder.node('Conv', [this.float(input), constants], convolutionAttributes(product));
  }

  /**
   * A product's accumulators as float64 or int64: the sum of its parts, each times the factor that it was divided by.
   */
  #wideSum(product: Product, parts: readonly WeightPart[], type: DataType): string {
    const { builder } = this;
    const sums = parts.map((part) => {
      const sum = builder.node('Cast', [this.#sum(product, part)], { to: type });
      return part.factor === 1 ? sum : builder.node('Mul', [sum, builder.constant(type, [], [part.factor])]);
    });
    return sums.reduce((total, sum) => builder.node('Add', [total, sum]));
  }

  #floatEpilogue(
    { addend, output }: ConvolutionLayer,
    sum: string,
    { divisors, offsets, addendFactor }: NonNullable<ReturnType<typeof floatConstants>>,
  ): string {
    const { builder } = this;
    const vector = (values: ArrayLike<number>) => builder.constant(DataType.FLOAT, [1, values.length, 1, 1], values);
    const normalised = builder.node('Sub', [builder.node('Div', [sum, vector(divisors)]), vector(offsets)]);
    const added = addend
      ? builder.node('Add', [normalised, this.#times(this.float(addend), addendFactor)])
      : normalised;
    const [lo, hi] = [leastOf(output.grid), output.grid.hi];
    // The quantization itself clips to bytes.
    const isWhole = lo === 0 && hi === 255 && output.bits === 8;
    const clipped = isWhole ? added : builder.node('Clip', [added, this.scalar(lo), this.scalar(hi)]);
    return this.rounded(clipped, output);
  }

  /** Stores a float32 tensor within a uniform grid's limits, rounded half to even. */
  protected rounded(x: string, output: IntegerTensor): string {
    return this.builder.node('QuantizeLinear', [x, this.scalar(1), this.builder.constant(byteType(output), [], [0])]);
  }

  /** Stores integers of a uniform grid, float64 or int64. */
  protected whole(x: string, output: IntegerTensor): string {
    return this.builder.node('Cast', [x], { to: byteType(output) });
  }

  #doubleEpilogue(layer: ConvolutionLayer, sums: readonly string[]): string {
    const { builder } = this;
    const { requantization, addend, output } = layer;
    const { multipliers, biases, shifts, addendShift, outputShift, table } = requantization;
    const scaled = (values: ArrayLike<number>) =>
      Array.from(values, (value, channel) => value * 2 ** -shifts[channel]!);
    const vector = (values: readonly number[]) => builder.constant(DataType.DOUBLE, [1, values.length, 1, 1], values);
    const scalar = (value: number) => builder.constant(DataType.DOUBLE, [], [value]);
    const products = sums.map((sum, term) => builder.node('Mul', [sum, vector(scaled(multipliers[term]!))]));
    const total = products.reduce((a, b) => builder.node('Add', [a, b]));
    const biased = builder.node('Add', [total, vector(scaled(Array.from(biases, Number)))]);
    const added = addend && builder.node('Cast', [this.float(addend)], { to: DataType.DOUBLE });
    const shortcut = added && addendShift > 0 ? builder.node('Mul', [added, scalar(2 ** addendShift)]) : added;
    const plus = (sum: string) => (shortcut ? builder.node('Add', [sum, shortcut]) : sum);
    if (table) {
      const bounds = Array.from(table.thresholds, (bound) => Number(bound) * 2 ** -shifts[0]!);
      return this.#tabulated(plus(biased), output, table, [DataType.DOUBLE, bounds]);
    }
    const sum = plus(builder.node('Floor', [biased]));
    const divided =
      outputShift > 0 ? builder.node('Floor', [builder.node('Mul', [sum, scalar(2 ** -outputShift)])]) : sum;
    const clipped = builder.node('Clip', [divided, scalar(leastOf(output.grid)), scalar(output.grid.hi)]);
    return this.whole(clipped, output);
  }

  #longEpilogue(layer: ConvolutionLayer, sums: readonly string[]): string {
    const { builder } = this;
    const { requantization, addend, output } = layer;
    const { multipliers, biases, shifts, addendShift, outputShift, table } = requantization;
    const vector = (values: ArrayLike<number | bigint>) =>
      builder.constant(DataType.INT64, [1, values.length, 1, 1], values);
    const scalar = (value: number | bigint) => builder.constant(DataType.INT64, [], [value]);
    const products = sums.map((sum, term) => builder.node('Mul', [sum, vector(multipliers[term]!)]));
    const total = products.reduce((a, b) => builder.node('Add', [a, b]));
    const biased = builder.node('Add', [total, vector(biases)]);
    const added = addend && builder.node('Cast', [this.float(addend)], { to: DataType.INT64 });
    if (table) {
      const factor = 2n ** BigInt(addendShift + shifts[0]!);
      const sum = added ? builder.node('Add', [biased, builder.node('Mul', [added, scalar(factor)])]) : biased;
      return this.#tabulated(sum, output, table, [DataType.INT64, table.thresholds]);
    }
    const shifted = this.#floorDivided(biased, vector(Array.from(shifts, (shift) => 2n ** BigInt(shift))));
    const shortcut = added && builder.node('Mul', [added, scalar(2 ** addendShift)]);
    const sum = shortcut ? builder.node('Add', [shifted, shortcut]) : shifted;
    const divided = this.#floorDivided(sum, scalar(2 ** outputShift));
    const clipped = builder.node('Clip', [divided, scalar(leastOf(output.grid)), scalar(output.grid.hi)]);
    return this.whole(clipped, output);
  }

  /**
   * ⌊x / d⌋ of int64: ONNX's division truncates, so the remainder, which has the divisor's sign, is subtracted first.
   */
  #floorDivided(x: string, divisor: string): string {
    const { builder } = this;
    const remainder = builder.node('Mod', [x, divisor]);
    return builder.node('Div', [builder.node('Sub', [x, remainder]), divisor]);
  }

  /** The value at the number of bounds, of a type, that are reached. */
  #tabulated(
    t: string,
    output: IntegerTensor,
    { values }: OutputTable,
    [type, bounds]: readonly [type: DataType, bounds: ArrayLike<number | bigint>],
  ): string {
    const { builder } = this;
    // At least one step, if of height 0, since runtimes leave a product over no numbers undefined.
    const isFlat = bounds.length === 0;
    const steps = isFlat ? [0] : Array.from(values.subarray(1), (value, index) => value - values[index]!);
    const places = builder.constant(type, [steps.length], isFlat ? [0] : bounds);
    const last = builder.node('Unsqueeze', [t, builder.constant(DataType.INT64, [1], [4])]);
    const reached = builder.node('Cast', [builder.node('GreaterOrEqual', [last, places])], { to: DataType.FLOAT });
    const sum = builder.node('MatMul', [reached, builder.constant(DataType.FLOAT, [steps.length], steps)]);
    const value = values[0] === 0 ? sum : builder.node('Add', [sum, this.scalar(values[0]!)]);
    return output.grid.type === 'uniform' ? this.whole(value, output) : value;
  }

  protected sumPool({ input, output }: SumPoolLayer): void {
    const { builder } = this;
    const wide = builder.node('Cast', [this.storedName(input)], { to: DataType.INT32 });
    const axes = builder.constant(DataType.INT64, [2], [2, 3]);
    this.stored.set(output.name, builder.node('ReduceSum', [wide, axes], { keepdims: 0 }));
  }

  protected classifier(layer: ClassifierLayer): void {
    const { builder } = this;
    const { input, weights, bias, shifts, biasFactor, biasShift } = layer;
    const outputs = weights.shape[1]!;
    const type = this.logitType(layer);
    const scaled = Array.from(weights.values, (value, index) => value * 2 ** shifts[index % outputs]!);
    const x = builder.node('Cast', [this.features(input)], { to: type });
    const product = builder.node('MatMul', [x, builder.constant(type, weights.shape, scaled)]);
    const offsets = Array.from(bias.values, (value) => value * biasFactor * 2 ** biasShift);
    builder.node('Add', [product, builder.constant(type, [outputs], offsets)], {}, 'logits');
  }

  protected outputs(layer: OutputLayer): void {
    const { builder } = this;
    const { products, addend, requantization } = layer;
    const type = this.logitType(layer);
    const { multipliers, biases, addendShift } = requantization;
    const vector = (values: ArrayLike<number | bigint>) => builder.constant(type, [1, values.length, 1, 1], values);
    const terms = products.map((product, term) =>
      builder.node('Mul', [this.#wideSum(product, exactParts(product), type), vector(multipliers[term]!)]),
    );
    if (addend) {
      const wide = builder.node('Cast', [this.float(addend)], { to: type });
      terms.push(builder.node('Mul', [wide, builder.constant(type, [], [2 ** addendShift])]));
    }
    const sum = terms.reduce((a, b) => builder.node('Add', [a, b]));
    const logits = builder.node('Add', [sum, vector(biases)], {}, isMap(layer) ? 'logits' : undefined);
    if (!isMap(layer)) builder.node('Flatten', [logits], {}, 'logits');
  }

  /** Weights in ONNX's order, (out, in, rows, columns), as float32 integers. */
  protected weights({ shape, grid, bits }: IntegerWeights, values: Int32Array, depthwise: boolean): string {
    const { builder } = this;
    const { dims, values: ordered } = outputsFirst(values, shape, depthwise);
    if (grid.hi > 127) return builder.constant(DataType.FLOAT, dims, ordered);
    const type =
      this.packed && grid.hi <= 7 ? (grid.hi <= 1 && bits <= 2 ? DataType.INT2 : DataType.INT4) : DataType.INT8;
    return builder.node('DequantizeLinear', [builder.constant(type, dims, ordered), this.scalar(1)]);
  }

  /** A tensor as float32 integers. */
  protected float(tensor: IntegerTensor): string {
    const known = this.floats.get(tensor.name);
    if (known !== undefined) return known;
    const { builder } = this;
    const stored = this.storedName(tensor);
    const zero = () => builder.constant(byteType(tensor), [], [0]);
    const float =
      tensor.grid.type === 'powers' ? stored : builder.node('DequantizeLinear', [stored, this.scalar(1), zero()]);
    this.floats.set(tensor.name, float);
    return float;
  }

  #times(x: string, factor: number): string {
    return factor === 1 ? x : this.builder.node('Mul', [x, this.scalar(factor)]);
  }
}

/** An exact model without the products, whose constants take long to find. */
class ExactOutline extends ExactWriter {
  protected override convolution({ output }: ConvolutionLayer): void {
    this.stored.set(output.name, output.name);
  }

  protected override classifier({ input }: ClassifierLayer): void {
    this.features(input);
  }

  protected override outputs(): void {}
}

/** The largest magnitude of a classifier's sums and logits. */
function largestLogit({ logits, sums }: ClassifierLayer): number {
  return Math.max(-logits.lo, logits.hi, -sums.lo, sums.hi);
}
