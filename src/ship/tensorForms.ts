/**
 * The forms of a plan's tensors on the device while the plan is lowered, and the integers that layers read of them.
 * Forms that no layer can read are refused with a remedy.
 */

import { InputError } from '../errors.js';
import { type AnyNode, operandsOf, type Tensor } from '../graph/index.js';
import type { TrainingProgram } from '../program/trainingProgram.js';
import { commonGrid } from './grids.js';
import {
  codeBits,
  type Grid,
  type IntegerLayer,
  type IntegerTensor,
  type IntegerWeights,
  pixelWindow,
} from './integerNetwork.js';
import { described, type Sum, singleTerm, type TensorChannel, type Value } from './loweredValue.js';
import { exactLog2 } from './requantization.js';
import { identity, meanOf } from './terms.js';

/** Names of a network's ends in its files. */
const endNames: readonly string[] = ['image', 'logits'];

/** The form of each tensor of the plan so far; one that no node has computed is a parameter. */
export class TensorForms {
  readonly #forms = new Map<number, Value>();
  readonly #parameters: ReadonlyMap<string, Float64Array>;
  readonly #names: ReadonlyMap<number, string>;
  /** The layers of the network so far. A layer that arranges channels is appended when its result is read. */
  readonly #layers: IntegerLayer[];

  constructor({ variables, activationNames }: TrainingProgram, layers: IntegerLayer[]) {
    this.#names = activationNames;
    this.#parameters = new Map(
      [...variables.parameters, ...variables.running].map(({ name, start }) => [name, start] as const),
    );
    this.#layers = layers;
  }

  set(tensor: Tensor, value: Value): void {
    this.#forms.set(tensor.id, value);
  }

  /** The form of a tensor; one that no node has computed is a parameter. */
  get(tensor: Tensor): Value {
    const known = this.#forms.get(tensor.id);
    if (known) return known;
    return { type: 'parameter', name: tensor.name, values: this.parameter(tensor) };
  }

  /** A tensor as a sum that a quantizer or a function can follow. */
  sumOf(x: Tensor, y: Tensor): Sum {
    const source = this.get(x);
    switch (source.type) {
      case 'normalised':
        return source;
      case 'integers':
        return singleTerm(identity(this.integers(x, 'activation')));
      case 'channels':
        return this.#unshifted(source.channels);
      case 'mean': {
        const [rows, columns] = source.input.shape as [number, number];
        return singleTerm(meanOf(source.input, [rows, columns], pixelWindow));
      }
      case 'parameter':
      case 'numbers':
      case 'sums':
      case 'weights':
      case 'moments':
      case 'scaled':
      case 'classified':
        throw new InputError(`${this.nameOf(y)}: an activation behind ${described(source)} has no integer form yet`);
      default:
        return source satisfies never;
    }
  }

  /** The channels of a tensor in memory, or of several. */
  channelsOf(x: Tensor): readonly TensorChannel[] {
    const value = this.get(x);
    if (value.type === 'channels') return value.channels;
    const tensor = this.integers(x, 'layer that takes channels of it');
    if (x.shape.at(-1) !== tensor.shape[2]) {
      throw new InputError(`${tensor.name}: features of several pixels side by side have no integer form yet`);
    }
    return Array.from({ length: tensor.shape[2]! }, (_, channel) => ({ tensor, channel }));
  }

  /** Channels of tensors as one stored tensor, in the finest of their steps. */
  #stored(x: Tensor, channels: readonly TensorChannel[]): IntegerTensor {
    const finest = Math.min(...channels.map(({ tensor }) => tensor.step));
    const output = this.#sideBySide(channels, ({ step, name }) => exactLog2(step / finest, name));
    this.set(x, { type: 'integers', tensor: output });
    return output;
  }

  /** The integers of channels unchanged, each in steps of its own tensor, as a quantizer takes them. */
  #unshifted(channels: readonly TensorChannel[]): Sum {
    const output = this.#sideBySide(channels, () => 0);
    return singleTerm({ ...identity(output), steps: channels.map(({ tensor }) => tensor.step) });
  }

  /** Channels of tensors, shifted by some bits, as one tensor. */
  #sideBySide(channels: readonly TensorChannel[], shiftOf: (input: IntegerTensor) => number): IntegerTensor {
    const inputs = [...new Set(channels.map(({ tensor }) => tensor))];
    const shifts = inputs.map(shiftOf);
    const count = this.#layers.filter(({ op }) => op === 'arrange').length + 1;
    const name = `channels ${count} of ${inputs.map((input) => input.name).join(', ')}`;
    const grid = commonGrid(inputs, shifts);
    if (!grid) {
      throw new InputError(
        `${name}: their steps (${inputs.map((input) => input.step).join(', ')}) need more than 8 bits together, or some are ` +
          "powers of two; train it with a_shared = true, which gives them one step, or put a ReLU behind them, n.activation(x, 'relu')",
      );
    }
    const step = Math.min(...inputs.map((input) => input.step));
    const bits = Math.max(codeBits(grid), ...inputs.map((input) => input.bits));
    const output = integerTensor(name, [...inputs[0]!.shape.slice(0, 2), channels.length], grid, step, bits);
    const sources = channels.map((each) => ({ input: inputs.indexOf(each.tensor), channel: each.channel }));
    this.#layers.push({ op: 'arrange', name, inputs, shifts, sources, output });
    return output;
  }

  /** A tensor as a term of a sum; channels of several tensors are stored as one first. */
  summand(x: Tensor): Value {
    const value = this.get(x);
    return value.type === 'channels' ? { type: 'integers', tensor: this.#stored(x, value.channels) } : value;
  }

  /** Tells whether a tensor is a subsampled one, which has no place in memory. */
  isSubsampled(tensor: IntegerTensor): boolean {
    return this.#layers.some(({ op, name }) => op === 'subsample' && name === tensor.name);
  }

  /**
   * A tensor with a place in memory. Only additions read a subsampled one from its source; for other readers the
   * maximum of one pixel copies it.
   *
   * @throws InputError if it has channels of zeros
   */
  inMemory(tensor: IntegerTensor, reader: string): IntegerTensor {
    const layer = this.#layers.find(({ name }) => name === tensor.name);
    if (layer?.op !== 'subsample') return tensor;
    const { input, stride, output } = layer;
    if (output.shape[2]! > input.shape[2]!) {
      throw new InputError(
        `${tensor.name}: the ${reader} reads its channels of zeros, which are only added; subsample to ${input.shape[2]} ` +
          'channels, those that are there',
      );
    }
    const axis = { size: 1, stride, before: 0, after: 0, dilation: 1 };
    const copy: IntegerTensor = { ...output, name: this.unusedName(`${tensor.name}/copy`) };
    this.#layers.push({ op: 'maxPool', name: copy.name, window: { rows: axis, columns: axis }, input, output: copy });
    return copy;
  }

  /** A name for a layer and its tensor that nothing else has: the given one, or that with a number. */
  unusedName(name: string): string {
    const isTaken = (candidate: string) =>
      endNames.includes(candidate) || this.#layers.some((layer) => layer.name === candidate);
    let candidate = name;
    for (let number = 2; isTaken(candidate); number++) candidate = `${name} ${number}`;
    return candidate;
  }

  /** The trained values of a parameter or a running moment. */
  parameter({ name }: Tensor): Float64Array {
    const values = this.#parameters.get(name);
    if (!values) throw new Error(`${name} is neither computed nor learned`);
    const fault = values.find((value) => !Number.isFinite(value));
    if (fault === undefined) return values;
    throw new InputError(`${name}: holds ${fault}, which is no number of a device; its training has diverged`);
  }

  /**
   * A tensor as integers in memory, as `reader` reads it.
   *
   * @throws InputError if it has no such form
   */
  integers(x: Tensor, reader: string): IntegerTensor {
    const value = this.get(x);
    if (value.type === 'integers') {
      const tensor = this.inMemory(value.tensor, reader);
      this.set(x, { type: 'integers', tensor });
      return tensor;
    }
    if (value.type === 'channels') return this.#stored(x, value.channels);
    if (value.type === 'numbers') {
      throw new InputError(
        `images: ${value.fault}, so they lie on no grid of integers; set a_quantize_input = true, or train on bytes with ` +
          'normalise = shift',
      );
    }
    if (value.type === 'normalised' && value.through) throw this.unquantized(value, x);
    throw new InputError(
      `${this.nameOf(x)}: is not quantized, but the ${reader} reads it, so it would stay float on the device; set ` +
        'a_quantize_linear = true, and let no rule in layers say none',
    );
  }

  /** The error of a sum whose activation, if any, has no quantizer. */
  unquantized(sum: Sum, y: Tensor): InputError {
    const activation = sum.through ?? 'sum';
    const isSigned = activation === 'hardSwish' || activation === 'silu';
    return new InputError(
      `${this.nameOf(y)}: its ${activation} is not quantized, so it would stay float on the device; set a_quantize` +
        `${isSigned ? ' and a_quantize_linear = true' : ''}, and let no rule in layers say none`,
    );
  }

  /** The first operand that has a name in tables. */
  firstName(node: AnyNode): string {
    const [first] = operandsOf(node).flatMap(({ id }) => this.#names.get(id) ?? []);
    return first ?? 'the network';
  }

  /** The name of a tensor in tables and rules, if it has one; else a description. */
  nameOf(tensor: Tensor): string {
    const known = this.#forms.get(tensor.id);
    return this.#names.get(tensor.id) ?? (known ? described(known) : tensor.name);
  }

  /**
   * Weights as integers.
   *
   * @throws InputError if they are not quantized
   */
  quantizedWeights(w: Tensor): IntegerWeights {
    const value = this.get(w);
    if (value.type === 'weights') return value.weights;
    throw new InputError(`${described(value)}: is not quantized; set w_quantize, and let no rule in layers say none`);
  }
}

/** An integer tensor of which all channels are used. */
export function integerTensor(
  name: string,
  shape: readonly number[],
  grid: Grid,
  step: number,
  bits: number,
): IntegerTensor {
  return { name, shape, grid, step, bits, usedChannels: shape.at(-1)! };
}
