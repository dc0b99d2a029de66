/** The common part of all ONNX forms of the integer network: layers in order, names of tensors, inputs and outputs. */

import { InputError } from '../../errors.js';
import type { Window } from '../../ops/window.js';
import { unquantizedImage } from '../inputGrid.js';
import {
  type ArrangeLayer,
  type ClassifierLayer,
  type ConvolutionLayer,
  type InputLayer,
  type IntegerLayer,
  type IntegerNetwork,
  type IntegerTensor,
  inputOf,
  isLast,
  type LastLayer,
  leastOf,
  type MaxPoolLayer,
  type OutputLayer,
  outputsOf,
  type Product,
  type SubsampleLayer,
  type SumPoolLayer,
  weightsOfLayer,
} from '../integerNetwork.js';
import { type Attribute, DataType, type Endpoint, type ModelBuilder } from './modelBuilder.js';

export abstract class NetworkWriter {
  /** Names of stored tensors. */
  protected readonly stored = new Map<string, string>();

  constructor(protected readonly builder: ModelBuilder) {}

  /**
   * The bytes of the model: input `image` (uint8, [N, C, H, W]), output `logits` ([N, classes], or [N, classes, H, W]
   * for a class a pixel).
   */
  finish(network: IntegerNetwork, metadata: Readonly<Record<string, string>>): Uint8Array {
    for (const layer of network.layers) this.#write(layer);
    const [height, width, channels] = inputOf(network).output.shape as [number, number, number];
    const { layer, shape, classes } = outputsOf(network);
    return this.builder.finish(
      [{ name: 'image', type: DataType.UINT8, shape: ['N', channels, height, width] }],
      [
        { name: 'logits', type: this.logitType(layer), shape: ['N', classes, ...shape.slice(0, -1)] },
        ...this.furtherOutputs(network),
      ],
      metadata,
    );
  }

  #write(layer: IntegerLayer): void {
    switch (layer.op) {
      case 'input':
        this.input(layer);
        break;
      case 'convolution':
        this.convolution(layer);
        break;
      case 'maxPool':
        this.#maxPool(layer);
        break;
      case 'arrange':
        this.#arrange(layer);
        break;
      case 'subsample':
        this.#subsample(layer);
        break;
      case 'sumPool':
        this.sumPool(layer);
        break;
      case 'classifier':
        this.classifier(layer);
        break;
      case 'outputs':
        this.outputs(layer);
        break;
      default:
        layer satisfies never;
    }
  }

  protected abstract logitType(layer: LastLayer): DataType;
  protected abstract input(layer: InputLayer): void;
  protected abstract convolution(layer: ConvolutionLayer): void;
  protected abstract sumPool(layer: SumPoolLayer): void;
  protected abstract classifier(layer: ClassifierLayer): void;
  protected abstract outputs(layer: OutputLayer): void;

  /** Outputs besides the logits. */
  protected furtherOutputs(_network: IntegerNetwork): Endpoint[] {
    return [];
  }

  #maxPool({ window, input, output }: MaxPoolLayer): void {
    const { rows, columns } = window;
    const kernel = { kernel_shape: [rows.size, columns.size], ...windowAttributes(window) };
    const isWide = [rows, columns].some(({ size, before, after }) => Math.max(before, after) >= size);
    const pooled = isWide
      ? this.#widePool(input, window, { ...kernel, pads: [0, 0, 0, 0] })
      : this.builder.node('MaxPool', [this.storedName(input)], kernel);
    this.stored.set(output.name, pooled);
  }

  /**
   * Maxima of windows with as much padding as taps, which runtimes refuse: the padding comes first, in float32 and below
   * all integers, since onnxruntime moves padding of a type's least number back into the windows.
   */
  #widePool(input: IntegerTensor, { rows, columns }: Window, kernel: Readonly<Record<string, Attribute>>): string {
    const { builder } = this;
    const sides = [0, 0, rows.before, columns.before, 0, 0, rows.after, columns.after];
    const float = builder.node('Cast', [this.storedName(input)], { to: DataType.FLOAT });
    const below = this.scalar(leastOf(input.grid) - 1);
    const padded = builder.node('Pad', [float, builder.constant(DataType.INT64, [8], sides), below]);
    return builder.node('Cast', [builder.node('MaxPool', [padded], kernel)], { to: this.storedType(input) });
  }

  #arrange({ inputs, shifts, sources, output }: ArrangeLayer): void {
    const { builder } = this;
    const type = this.storedType(output);
    const parts = inputs.map((input, index) => {
      const stored = this.storedName(input);
      if (shifts[index] === 0 && this.storedType(input) === type) return stored;
      const wide = builder.node('Cast', [stored], { to: DataType.INT32 });
      const moved = builder.node('Mul', [wide, builder.constant(DataType.INT32, [], [2 ** shifts[index]!])]);
      return builder.node('Cast', [moved], { to: type });
    });
    const together = parts.length === 1 ? parts[0]! : builder.node('Concat', parts, { axis: 1 });
    const first = [0];
    for (const { shape } of inputs) first.push(first.at(-1)! + shape[2]!);
    const places = sources.map(({ input, channel }) => first[input]! + channel);
    const isWhole = places.length === first.at(-1) && places.every((place, index) => place === index);
    if (isWhole) {
      this.stored.set(output.name, together);
      return;
    }
    const list = builder.constant(DataType.INT64, [places.length], places);
    this.stored.set(output.name, builder.node('Gather', [together, list], { axis: 1 }));
  }

  #subsample({ stride, input, output }: SubsampleLayer): void {
    const { builder } = this;
    const list = (values: readonly number[]) => builder.constant(DataType.INT64, [values.length], values);
    const far = 2 ** 30;
    const axes = [list([0, 0]), list([far, far]), list([2, 3]), list([stride, stride])];
    const sliced = builder.node('Slice', [this.storedName(input), ...axes]);
    const extra = output.shape[2]! - input.shape[2]!;
    const padded = extra > 0 ? builder.node('Pad', [sliced, list([0, 0, 0, 0, 0, extra, 0, 0])]) : sliced;
    this.stored.set(output.name, padded);
  }

  /** The type in which a tensor is between the layers. */
  protected storedType(tensor: IntegerTensor): DataType {
    return tensor.grid.type === 'powers' ? DataType.FLOAT : byteType(tensor);
  }

  protected storedName({ name }: IntegerTensor): string {
    const stored = this.stored.get(name);
    if (stored === undefined) throw unquantizedImage(name, 'ONNX');
    return stored;
  }

  /** The classifier's input, [N, features]: pixel by pixel, the channels of a pixel together. */
  protected features(input: IntegerTensor): string {
    const stored = this.storedName(input);
    if (input.shape.length === 1) return stored;
    return this.builder.node('Flatten', [this.builder.node('Transpose', [stored], { perm: [0, 2, 3, 1] })]);
  }

  protected scalar(value: number): string {
    return this.builder.constant(DataType.FLOAT, [], [value]);
  }
}

/** @throws InputError naming the parts of a network with powers of two, which a form of ONNX does not support */
export function refusePowers({ layers }: IntegerNetwork, form: string): void {
  const tensors = layers.flatMap((layer) => (isLast(layer) ? [] : [layer.output]));
  const found = [...tensors, ...layers.flatMap(weightsOfLayer)].find(({ grid }) => grid.type === 'powers');
  if (found) throw new InputError(`${found.name}: holds powers of two, which ${form} does not have; use exact`);
}

/** The attributes of a product's `Conv`. */
export function convolutionAttributes({
  weights,
  depthwise,
  groups,
  window,
}: Product): Readonly<Record<string, Attribute>> {
  const [rows, columns] = weights.shape as [number, number];
  return {
    kernel_shape: [rows, columns],
    ...windowAttributes(window),
    group: depthwise ? weights.shape.at(-1)! : groups,
  };
}

/** The attributes of a window. */
function windowAttributes({ rows, columns }: Window): Readonly<Record<string, readonly number[]>> {
  const dilations = [rows.dilation, columns.dilation];
  return {
    strides: [rows.stride, columns.stride],
    pads: [rows.before, columns.before, rows.after, columns.after],
    ...(dilations.some((dilation) => dilation > 1) && { dilations }),
  };
}

/** The type of a uniform tensor between the layers. */
export function byteType({ grid }: IntegerTensor): DataType {
  return leastOf(grid) < 0 ? DataType.INT8 : DataType.UINT8;
}

/**
 * Weights of a convolution in ONNX's order, (out, in, rows, columns), from (rows, columns, in, out), or from (rows,
 * columns, out) if depthwise.
 */
export function outputsFirst(
  values: Int32Array,
  shape: readonly number[],
  depthwise: boolean,
): { readonly dims: readonly number[]; readonly values: Int32Array } {
  const outputs = shape.at(-1)!;
  const inputs = depthwise ? 1 : shape[2]!;
  const [rows, columns] = shape as [number, number];
  const taps = rows * columns;
  const ordered = new Int32Array(values.length);
  for (let tap = 0; tap < taps; tap++) {
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < outputs; o++)
        ordered[(o * inputs + i) * taps + tap] = values[(tap * inputs + i) * outputs + o]!;
    }
  }
  return { dims: [outputs, inputs, rows, columns], values: ordered };
}
