/**
 * A network as data, in the form of files (docs/files.md): the operations between an image and its logits with the
 * names of their operands and results, shapes for one image, and the quantizer of each tensor. Together with the
 * parameters of the same file the outputs can be computed without this program.
 */

import { operandsOf, resultsOf, type Shape, type Tensor } from '../graph/index.js';
import { type Layout, STORAGE, storedShape, type Variables } from '../nn/index.js';
import { evenWindow, type SizedWindow, type Window } from '../ops/window.js';
import { coreOf, effectiveRange, parameterNames, type Quantizer, type QuantizerCore } from '../quant/index.js';
import { quantizerValueName } from './learnedValues.js';
import { sizesOf, tensorOf } from './quantizerReport.js';
import { evaluatedForward, type TrainingProgram } from './trainingProgram.js';

interface NodeDescription {
  readonly op: string;
  /** Names of values and parameters by the operation's names of operands; absent ones are omitted. */
  readonly operands: Readonly<Record<string, string>>;
  readonly results: Readonly<Record<string, string>>;
  /** Attributes of the operation; quantizers by name. */
  readonly attributes: object;
}

export interface NetworkDescription {
  readonly version: 1;
  /** Names of the values with the normalised image and with the logits. */
  readonly input: string;
  readonly output: string;
  /** In the order in which they run. */
  readonly nodes: readonly NodeDescription[];
  /** Shape of every value for one image, NHWC. */
  readonly shapes: Readonly<Record<string, Shape>>;
  /**
   * The tensors of the file that the nodes read, with their stored shape and the order of axes that the nodes expect.
   */
  readonly parameters: Readonly<Record<string, { readonly shape: Shape; readonly layout: string }>>;
}

/** Orders of axes in the file, and as the operations expect them. */
const layouts = {
  convolution: 'OIHW to HWIO',
  depthwise: 'C1HW to HWC',
  transposed: 'OI to IO',
  plain: 'same',
} as const satisfies Record<Layout, string>;

/** Describes the network of a program as it is evaluated, before operations are fused. */
export function describeNetwork(training: TrainingProgram): NetworkDescription {
  const { variables } = training;
  const { graph, images, logits } = evaluatedForward(training);
  const nodes = graph.nodes.filter(({ op }) => op !== 'prepareQuantizers');
  const ranges = new Set(graph.nodes.filter((node) => !nodes.includes(node)).flatMap((node) => resultsOf(node)));
  const needed = neededFor(logits, nodes);
  const nameOf = uniqueNames(variables);
  const named = (tensors: Readonly<Record<string, Tensor | null>>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(tensors).flatMap(([key, tensor]) =>
        tensor && !ranges.has(tensor) ? [[key, nameOf(tensor)] as const] : [],
      ),
    );
  const tensors = needed.flatMap((node) => [...operandsOf(node), ...resultsOf(node)]).filter((t) => !ranges.has(t));
  return {
    version: 1,
    input: nameOf(images),
    output: nameOf(logits),
    nodes: needed.map((node) => ({
      op: node.op,
      operands: named(node.operands),
      results: named(node.results),
      attributes: describedAttributes(node.attributes, variables.quantizers),
    })),
    shapes: Object.fromEntries(tensors.filter((t) => !isLearned(t)).map((t) => [nameOf(t), t.shape])),
    parameters: Object.fromEntries(
      tensors.filter(isLearned).map((tensor) => {
        const { name, shape, layout } = variables.find(tensor.name)!;
        return [name, { shape: storedShape(shape, layout), layout: layouts[layout] }];
      }),
    ),
  };
}

export interface QuantizerDescription {
  readonly name: string;
  /** Name of the quantized parameter, or of the layer whose output is quantized (the first one if several share it). */
  readonly tensor: string;
  readonly role: Quantizer['role'];
  readonly kind: string;
  /** The element-wise function. */
  readonly core: QuantizerCore;
  readonly signed: boolean;
  readonly bits: number;
  /** The function's two effective values, computed from the learned values: step and end, or both ends. */
  readonly range: readonly [number, number];
  /** Names of the file's tensors with the learned values, before limits and rounding. */
  readonly values: readonly string[];
}

/** Describes the trained quantizers. `table` holds their learned values, two a quantizer. */
export function describeQuantizers(variables: Variables, table: ArrayLike<number>): QuantizerDescription[] {
  const { bits } = sizesOf(variables, table);
  return variables.quantizers.map((quantizer, row) => ({
    name: quantizer.name,
    tensor: tensorOf(quantizer.name),
    role: quantizer.role,
    kind: quantizer.kind,
    core: coreOf(quantizer.kind),
    signed: quantizer.signed,
    bits: bits[row]!,
    range: effectiveRange(quantizer, table[2 * row]!, table[2 * row + 1]!),
    values: parameterNames(quantizer.kind).map((name) => quantizerValueName(quantizer, name)),
  }));
}

type Nodes = ReturnType<typeof evaluatedForward>['graph']['nodes'];

/** The nodes that `output` depends on, in order. */
function neededFor(output: Tensor, nodes: Nodes): Nodes {
  const wanted = new Set([output]);
  const needed = nodes.toReversed().filter((node) => {
    if (!resultsOf(node).some((tensor) => wanted.has(tensor))) return false;
    for (const tensor of operandsOf(node)) wanted.add(tensor);
    return true;
  });
  return needed.reverse();
}

/** Gives parameters their own names, and other tensors theirs, with a number behind if the name is taken. */
function uniqueNames({ parameters, running }: Variables): (tensor: Tensor) => string {
  const taken = new Set([...parameters, ...running].map(({ name }) => name));
  const names = new Map<Tensor, string>();
  return (tensor) => {
    if (isLearned(tensor)) return tensor.name;
    let name = names.get(tensor);
    if (name === undefined) {
      name = tensor.name;
      for (let copy = 2; taken.has(name); copy++) name = `${tensor.name} ${copy}`;
      taken.add(name);
      names.set(tensor, name);
    }
    return name;
  };
}

function isLearned({ view }: Tensor): boolean {
  return view?.storage.name === STORAGE.parameters || view?.storage.name === STORAGE.running;
}

/** Attributes of a node in the form of files. */
export function describedAttributes(attributes: object, quantizers: readonly Quantizer[]): object {
  if (!('rows' in attributes && 'columns' in attributes)) return withQuantizerNames(attributes, quantizers);
  const { rows, columns, ...others } = attributes as Window;
  return { ...windowAttributes({ rows, columns }), ...others };
}

/** Windows in the form of files: as in the first version if all sides are equal, else by axis. */
function windowAttributes(window: Window | SizedWindow): object {
  const even = evenWindow(window);
  if (!even) return window;
  if (!('size' in window.rows && 'size' in window.columns)) return even;
  const { size } = window.rows;
  return size === window.columns.size ? { size, ...even } : window;
}

/** Attributes with names of quantizers instead of rows of the table. */
function withQuantizerNames(attributes: object, quantizers: readonly Quantizer[]): object {
  return Object.fromEntries(
    Object.entries(attributes).map(([key, value]: [string, unknown]) => {
      if (key === 'row') return ['quantizer', quantizers[value as number]!.name];
      const isNested = typeof value === 'object' && value !== null && !Array.isArray(value);
      return [key, isNested ? withQuantizerNames(value, quantizers) : value];
    }),
  );
}
