/** A node with what is known of its operands, for the functions that make layers. */

import type { Layers } from '../nn/index.js';
import { type Padding, type SizedWindowOptions, samePadding } from '../ops/window.js';
import type { Importer } from './importNetwork.js';
import { moduleOfNode, moduleOfParameter } from './moduleNames.js';
import type { Constant, OnnxNode } from './onnxGraph.js';
import { isOutput, type Known, NodeFault, type Output, type Pending, type Sides } from './outputs.js';

/** A node with its operands, to make a layer of. */
export class NodeContext {
  constructor(
    readonly importer: Importer,
    readonly node: OnnxNode,
    readonly inputs: readonly (Known | null)[],
  ) {}

  get n(): Layers {
    return this.importer.layers;
  }

  fault(what: string): NodeFault {
    return new NodeFault(`${this.node.op}: ${what}`);
  }

  /** An operand computed by layers. */
  output(index = 0): Output {
    const output = this.paddedOutput(index);
    if (output.padding) throw this.fault('behind a Pad, which only convolutions take in');
    if (output.cut) throw this.fault('of channels in groups');
    if (output.order) throw this.fault('of an image made a list, which only fully connected layers read');
    return output;
  }

  /** An operand computed by layers, or a flattened image. */
  flatOutput(index = 0): Output {
    const output = this.paddedOutput(index);
    return output.order ? output : this.output(index);
  }

  /** An operand computed by layers, or an image whose channels are split into groups. */
  cutOutput(index = 0): Output {
    const output = this.paddedOutput(index);
    return output.cut ? output : this.output(index);
  }

  /** An operand computed by layers, or one with zeros around it. */
  paddedOutput(index = 0): Output {
    const input = this.inputs[index];
    if (input && isOutput(input)) return input;
    throw this.fault(`operand ${index + 1} is ${input ? 'a constant' : 'missing'}`);
  }

  /** A constant operand; null if it is absent. */
  constant(index: number): Constant | null {
    const input = this.inputs[index] ?? null;
    if (!input || !isOutput(input)) return input;
    throw this.fault(`operand ${index + 1} is computed, a constant is wanted`);
  }

  needed(index: number): Constant {
    const constant = this.constant(index);
    if (constant) return constant;
    throw this.fault(`operand ${index + 1} is missing`);
  }

  /** One number for each output, or one for all of them; null for an absent bias. */
  bias(index: number, outputs: number): Constant | null {
    const bias = this.constant(index);
    if (!bias || (bias.values.length === outputs && (bias.shape.at(-1) ?? 1) === outputs)) return bias;
    if (bias.values.length !== 1) throw this.fault(`a bias [${bias.shape}] for ${outputs} outputs`);
    return { ...bias, shape: [outputs], values: new Float64Array(outputs).fill(bias.values[0]!) };
  }

  number(name: string, usual: number): number {
    const value = this.node.attributes[name] ?? usual;
    if (typeof value === 'number') return value;
    throw this.fault(`attribute ${name} is no number`);
  }

  text(name: string, usual: string): string {
    const value = this.node.attributes[name] ?? usual;
    if (typeof value === 'string') return value;
    throw this.fault(`attribute ${name} is no text`);
  }

  numbers(name: string): readonly number[] | null {
    const value = this.node.attributes[name];
    if (value === undefined) return null;
    if (Array.isArray(value)) return value;
    throw this.fault(`attribute ${name} is no list of numbers`);
  }

  /** The axes of the node, an attribute or, in newer operator sets, its second operand; none if they are absent. */
  get axes(): readonly number[] {
    return this.numbers('axes') ?? [...(this.constant(1)?.values ?? [])];
  }

  /** The layer's name: that of its module, or one by its kind. */
  name(parameter: string | undefined, kind: string): string {
    const module = (parameter && moduleOfParameter(parameter)) ?? moduleOfNode(this.node.name);
    return this.importer.free(module ?? kind);
  }

  /** A name for a layer without parameters: its module and its kind. */
  plainName(kind: string): string {
    const module = moduleOfNode(this.node.name);
    return this.importer.free(module === undefined ? kind : `${module}.${kind}`);
  }

  /** The pending layer of an operand, if it is not created yet and only this node reads it, `readers` times. */
  pending(index = 0, readers = 1): Pending | null {
    const { pending } = this.paddedOutput(index);
    return pending && !pending.made && this.importer.readers(this.node.inputs[index]!) === readers ? pending : null;
  }

  /** Size, stride and padding of the window, including the zeros of a Pad before it. */
  window(kernel: readonly number[], image: readonly number[], padded?: Sides): SizedWindowOptions {
    const pair = (sizes: readonly number[]) =>
      sizes.length === 1 ? ([1, sizes[0]!] as const) : ([sizes[0]!, sizes[1]!] as const);
    const ones = kernel.map(() => 1);
    const [strides, dilations] = [this.numbers('strides') ?? ones, this.numbers('dilations') ?? ones];
    const padding = this.#padding(kernel, strides, dilations, image);
    const sides = padded && this.#joined(padding, padded);
    const isCeil = this.number('ceil_mode', 0) === 1;
    const isDilated = dilations.some((step) => step !== 1);
    return {
      ...{ size: pair(kernel), stride: pair(strides), padding: sides ?? padding },
      ...(isDilated && { dilation: pair(dilations) }),
      ...(isCeil && { ceil: true }),
    };
  }

  #joined(padding: Padding, added: Sides): Sides {
    if (typeof padding !== 'object' || !('top' in padding)) throw this.fault('auto_pad behind a Pad');
    const sum = (side: keyof Sides) => padding[side] + added[side];
    return { top: sum('top'), bottom: sum('bottom'), left: sum('left'), right: sum('right') };
  }

  #padding(
    kernel: readonly number[],
    strides: readonly number[],
    dilations: readonly number[],
    image: readonly number[],
  ): Padding {
    const automatic = this.text('auto_pad', 'NOTSET');
    const pads = this.numbers('pads') ?? kernel.flatMap(() => [0, 0]);
    switch (automatic) {
      case 'NOTSET':
        if (pads.length === 2 * kernel.length) return sidesOfPads(pads);
        throw this.fault(`pads [${pads}]`);
      case 'VALID':
        return 0;
      case 'SAME_UPPER':
      case 'SAME_LOWER': {
        const totals = kernel.map((size, axis) =>
          samePadding(image[axis]!, size, { stride: strides[axis]!, dilation: dilations[axis]! }),
        );
        // ONNX counts zeros, here fewer than none; onnxruntime crops by the operator, or refuses.
        if (totals.some((total) => total < -1)) {
          throw this.fault(
            'auto_pad whose windows miss more than a pixel, which runtimes place differently; give its pads',
          );
        }
        return automatic === 'SAME_UPPER' ? 'same' : sidesOfPads(lowerPads(totals));
      }
      default:
        throw this.fault(`auto_pad ${automatic}`);
    }
  }
}

export function sidesOfPads(pads: readonly number[]): Sides {
  const [top, left, bottom, right] =
    pads.length === 2 ? [0, pads[0]!, 0, pads[1]!] : (pads as [number, number, number, number]);
  return { top, bottom, left, right };
}

/** The padding of SAME_LOWER: an odd zero before the image. */
function lowerPads(totals: readonly number[]): number[] {
  const zeros = totals.map((total) => Math.max(0, total));
  return [...zeros.map((count) => Math.ceil(count / 2)), ...zeros.map((count) => Math.floor(count / 2))];
}
