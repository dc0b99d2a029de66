/**
 * The integer network as QONNX: float32 nodes with `IntQuant` (domain `qonnx.custom_op.general`,
 * https://github.com/fastmachinelearning/qonnx) at every weight and activation, which tell FPGA compilers their widths.
 * Every tensor holds integers, so all scales are 1. `ROUND` is half to even as in `QuantizeLinear`, so the constants
 * are those of the exact model, and so are its float64 and int64 forms if float32 has none.
 */

import {
  bitLength,
  type ClassifierLayer,
  type InputLayer,
  type IntegerNetwork,
  type IntegerTensor,
  type IntegerWeights,
  type LastLayer,
  leastOf,
  magnitudeOf,
  type SumPoolLayer,
} from '../integerNetwork.js';
import { ExactWriter, logitUnit } from './exactModel.js';
import { wholeFloats } from './exactParts.js';
import { DataType, modelBuilder } from './modelBuilder.js';
import { outputsFirst, refusePowers } from './networkWriter.js';

const custom = { domain: 'qonnx.custom_op.general', ops: new Set(['IntQuant']) };

/** Metadata of the model. */
export interface QonnxOptions {
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * The bytes of the model: input `image` (uint8, [N, C, H, W]), output `logits` (integers, [N, classes]; float32 if that
 * holds them).
 *
 * @throws InputError for powers of two, which IntQuant does not support
 */
export function qonnxModel(network: IntegerNetwork, { metadata }: QonnxOptions): Uint8Array {
  refusePowers(network, 'QONNX');
  return new QonnxWriter(modelBuilder(custom), false, false).finish(network, { ...metadata, ...logitUnit(network) });
}

class QonnxWriter extends ExactWriter {
  protected override logitType(layer: LastLayer): DataType {
    return layer.op === 'classifier' && isFloat(layer) ? DataType.FLOAT : super.logitType(layer);
  }

  protected override input(layer: InputLayer): void {
    super.input(layer);
    const { output } = layer;
    const [least, most] = [leastOf(output.grid), output.grid.hi];
    // Steps finer than a grey level need more bits than the image's bytes.
    const bits = least < 0 ? 1 + bitLength(Math.max(most, -least - 1)) : bitLength(most);
    this.floats.set(output.name, this.#quantized(this.floats.get(output.name)!, bits, least < 0));
  }

  protected override weights({ shape, bits }: IntegerWeights, values: Int32Array, depthwise: boolean): string {
    const ordered = outputsFirst(values, shape, depthwise);
    return this.#weights(ordered.dims, ordered.values, bits);
  }

  protected override storedType(): DataType {
    return DataType.FLOAT;
  }

  protected override rounded(x: string, output: IntegerTensor): string {
    return this.#quantized(x, output.bits, leastOf(output.grid) < 0);
  }

  protected override whole(x: string, output: IntegerTensor): string {
    return this.rounded(this.builder.node('Cast', [x], { to: DataType.FLOAT }), output);
  }

  protected override float(tensor: IntegerTensor): string {
    return this.floats.get(tensor.name) ?? this.storedName(tensor);
  }

  protected override sumPool(layer: SumPoolLayer): void {
    const { input, output } = layer;
    if (!isWholeFloat(output)) {
      super.sumPool(layer);
      return;
    }
    const axes = this.builder.constant(DataType.INT64, [2], [2, 3]);
    this.stored.set(output.name, this.builder.node('ReduceSum', [this.storedName(input), axes], { keepdims: 0 }));
  }

  protected override classifier(layer: ClassifierLayer): void {
    if (!isFloat(layer)) {
      super.classifier(layer);
      return;
    }
    const { builder } = this;
    const { input, weights, bias, shifts, biasFactor, biasShift } = layer;
    const vector = (values: readonly number[]) => builder.constant(DataType.FLOAT, [values.length], values);
    const matrix = this.#weights(weights.shape, weights.values, weights.bits);
    const sums = builder.node('MatMul', [this.features(input), matrix]);
    const scaled = builder.node('Mul', [sums, vector(Array.from(shifts, (shift) => 2 ** shift))]);
    const offsets = Array.from(bias.values, (value) => value * biasFactor * 2 ** biasShift);
    builder.node('Add', [scaled, vector(offsets)], {}, 'logits');
  }

  /** Weights with their width; ones, which take no bits, as they are. */
  #weights(shape: readonly number[], values: Int32Array, bits: number): string {
    const constant = this.builder.constant(DataType.FLOAT, shape, values);
    return bits === 0 ? constant : this.#quantized(constant, bits, true, true);
  }

  #quantized(x: string, bits: number, isSigned: boolean, isNarrow = false): string {
    return this.builder.node('IntQuant', [x, this.scalar(1), this.scalar(0), this.scalar(bits)], {
      signed: isSigned ? 1 : 0,
      narrow: isNarrow ? 1 : 0,
      rounding_mode: 'ROUND',
    });
  }
}

/** Tells whether float32 holds the classifier's inputs, sums and logits. */
function isFloat({ input, sums, logits, bias, biasFactor, biasShift }: ClassifierLayer): boolean {
  const offsets = Array.from(bias.values, (value) => Math.abs(value) * biasFactor * 2 ** biasShift);
  const largest = Math.max(-sums.lo, sums.hi, -logits.lo, logits.hi, ...offsets);
  return isWholeFloat(input) && largest <= wholeFloats;
}

function isWholeFloat(tensor: IntegerTensor): boolean {
  return magnitudeOf(tensor) <= wholeFloats;
}
