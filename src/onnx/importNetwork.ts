/**
 * Imports the float network of an ONNX file as layers, with its weights to start from. Nodes are visited once, in
 * order, with what is known of their operands: constants, or outputs of layers with their shapes. All unsupported parts
 * are collected and reported at once.
 *
 * A convolution, a sum or a linear layer is created when its output is first read, since the nodes behind it may belong
 * to it: batch normalisation, bias, activation. If an exporter has folded the batch normalisation into the weights, one
 * without effect replaces it (γ = √(1 + ε), β = bias, mean 0, variance 1), so that it can be trained.
 */

import { InputError } from '../errors.js';
import { type Define, defined, inputName, type Layers, type NetworkDefinition, type Value } from '../nn/index.js';
import { type LoadedWeights, loadedWeights, sound, type WeightValues } from '../weights/loadedWeights.js';
import { NodeContext } from './nodeContext.js';
import {
  type Attribute,
  type Constant,
  Faults,
  isConstant,
  noSuchLayer,
  type OnnxGraph,
  type OnnxNode,
  readOnnx,
} from './onnxGraph.js';
import { arithmetic, type Handler, handlers } from './operators.js';
import { isOutput, type Known, NodeFault, type Output } from './outputs.js';
import { folded, whole } from './shapeArithmetic.js';

export interface ImportedNetwork {
  readonly definition: NetworkDefinition;
  readonly weights: LoadedWeights;
}

/**
 * Imports the network in the bytes of a file called `source`.
 *
 * @throws InputError with all unsupported parts
 */
export function importOnnx(bytes: Uint8Array, source: string): ImportedNetwork {
  const graph = readOnnx(bytes, source, (op) => handlers.has(op) || arithmetic.has(op));
  const input = imageShape(graph);
  const values = new Map<string, WeightValues>();
  const define: Define = (n, x) => {
    const importer = new Importer(n, graph, values);
    const y = importer.run(x);
    importer.faults.check(source);
    return y!;
  };
  const definition = defined({ input, names: 'dots' }, define);
  return { definition, weights: sound(loadedWeights(source, values, new Map())) };
}

/** The shape of the input; a signal is an image of one row, features are an image of one pixel. */
function imageShape({ input: { sizes } }: OnnxGraph): NetworkDefinition['input'] {
  const [channels, ...pixels] = sizes;
  const [rows, columns] = pixels.length === 2 ? pixels : [1, pixels[0] ?? 1];
  return [rows!, columns!, channels!];
}

export class Importer {
  readonly faults = new Faults();
  readonly #n: Layers;
  readonly #graph: OnnxGraph;
  readonly #weights: Map<string, WeightValues>;
  readonly #known = new Map<string, Known>();
  readonly #readers = new Map<string, number>();
  readonly #names = new Set([inputName]);

  constructor(n: Layers, graph: OnnxGraph, weights: Map<string, WeightValues>) {
    this.#n = n;
    this.#graph = graph;
    this.#weights = weights;
    for (const [name, constant] of graph.constants) this.#known.set(name, constant);
    for (const name of [...graph.nodes.flatMap(({ inputs }) => inputs), graph.output]) {
      this.#readers.set(name, (this.#readers.get(name) ?? 0) + 1);
    }
  }

  /** Visits all nodes. Returns the output; undefined, with faults, if there is none. */
  run(x: Value): Value | undefined {
    const { input, output, nodes } = this.#graph;
    const value = input.sizes.length === 1 ? this.#n.flatten(x) : x;
    this.#known.set(input.name, { shape: [1, ...input.sizes], value: () => value });
    for (const node of nodes) this.#take(node);
    const result = this.#known.get(output);
    if (!result) return undefined;
    const { op } = nodes.find(({ outputs }) => outputs.includes(output)) ?? { op: 'the input' };
    return this.#attempt({ op, name: output }, () => {
      if (!isOutput(result) || result.padding || result.order || result.cut)
        throw new NodeFault(`${op}: the output is no output of a layer`);
      const features = this.#features(result);
      if (features.shape.length === 1) return features;
      throw new NodeFault(`${op}: the output is an image [${result.shape}], features are wanted`);
    });
  }

  #take(node: OnnxNode): void {
    const result = this.#attempt(node, () => {
      const make = handlers.get(node.op);
      const inputs = node.inputs.map((name) => (name === '' ? null : (this.#known.get(name) ?? undefined)));
      if (inputs.includes(undefined)) {
        // The operand is not understood: only the existence of such a layer can be checked.
        if (!make && !arithmetic.has(node.op)) throw new NodeFault(noSuchLayer(node.op));
        return undefined;
      }
      return this.#result(node, inputs as (Known | null)[], make);
    });
    if (!result) return;
    const results: readonly Known[] = Array.isArray(result) ? result : [result];
    for (const [index, name] of node.outputs.entries()) {
      const own = results[index];
      if (own) this.#known.set(name, own);
      else if (name !== '' && this.readers(name) > 0) {
        this.faults.add(`${node.op}: its result ${index + 1} is read, which no layer has`, node.name);
      }
    }
  }

  #result(node: OnnxNode, inputs: readonly (Known | null)[], make: Handler | undefined): Known | readonly Known[] {
    if (node.op === 'Constant') return constantOf(node);
    if (node.op === 'Shape') return sizesOf(node, inputs[0]!);
    const constants = inputs.map((input) => (input && isOutput(input) ? undefined : input));
    if (!constants.includes(undefined)) {
      const result = folded(node, constants as (Constant | null)[]);
      if (result) return result;
      throw new NodeFault(`${node.op}: of constants alone; onnx-simplifier (onnxsim) computes such nodes`);
    }
    if (!make) throw new NodeFault(noSuchLayer(node.op));
    return make(new NodeContext(this, node, inputs));
  }

  /** The result of a task; undefined, with its error noted, if it throws. */
  #attempt<T>({ op, name }: Pick<OnnxNode, 'op' | 'name'>, task: () => T): T | undefined {
    try {
      return task();
    } catch (error) {
      if (error instanceof NodeFault) this.faults.add(error.message, name);
      else if (error instanceof InputError) this.faults.add(`${op}: ${error.message}`, name);
      else throw error;
      return undefined;
    }
  }

  /** The output of the network as a list of features. */
  #features(output: Output): Value {
    const value = output.value();
    return value.shape.length === 3 && value.shape[0] === 1 && value.shape[1] === 1
      ? this.#n.globalAverage(value)
      : value;
  }

  get layers(): Layers {
    return this.#n;
  }

  isResult({ outputs }: OnnxNode): boolean {
    return outputs[0] === this.#graph.output;
  }

  /** The batch size that the file is made for; null for any. */
  get images(): number | null {
    return this.#graph.input.images;
  }

  /** Number of nodes that read a result; the output of the network counts as one. */
  readers(name: string): number {
    return this.#readers.get(name) ?? 0;
  }

  /** A name that no layer has yet. */
  free(wanted: string): string {
    let name = wanted;
    for (let copy = 2; this.#names.has(name); copy++) name = `${wanted}_${copy}`;
    this.#names.add(name);
    return name;
  }

  keep(name: string, shape: readonly number[], values: ArrayLike<number>): void {
    this.#weights.set(name, { shape, values: Float32Array.from(values) });
  }
}

/** The result of `Shape`: all sizes, or those from `start` to `end`, which count from the end if they are negative. */
function sizesOf({ attributes: { start, end } }: OnnxNode, { shape }: Known): Constant {
  const bound = (attribute: Attribute | undefined) => (typeof attribute === 'number' ? attribute : undefined);
  const sizes = shape.slice(bound(start), bound(end));
  return whole([sizes.length], sizes);
}

function constantOf({ attributes: { value, value_float, value_int, value_floats, value_ints } }: OnnxNode): Constant {
  if (isConstant(value)) return value;
  if (typeof value_int === 'number') return whole([], [value_int]);
  if (Array.isArray(value_ints)) return whole([value_ints.length], value_ints);
  if (typeof value_float === 'number') return { ...whole([], [value_float]), isWhole: false };
  if (Array.isArray(value_floats)) return { ...whole([value_floats.length], value_floats), isWhole: false };
  throw new NodeFault('Constant: of a type that is not read');
}
