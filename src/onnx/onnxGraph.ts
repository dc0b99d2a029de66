/**
 * An ONNX file as a list of nodes and constants, checked as far as the format allows: protobuf has no checksum, so a
 * damaged file may still parse. All faults are collected before an error is thrown.
 */

import { fromBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  type GraphProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  TensorProto_DataLocation,
} from 'onnx-buf';
import { elementCount } from '../elementCount.js';
import { InputError } from '../errors.js';

/** A constant tensor; its values are integers if `isWhole` is true. */
export interface Constant {
  readonly shape: readonly number[];
  readonly values: Float32Array | Float64Array;
  readonly isWhole: boolean;
}

export type Attribute = number | string | readonly number[] | Constant;

/** Tells whether an attribute is a tensor. */
export function isConstant(attribute: Attribute | undefined): attribute is Constant {
  return typeof attribute === 'object' && !Array.isArray(attribute);
}

export interface OnnxNode {
  readonly op: string;
  /** Its name, or its first result. */
  readonly name: string;
  /** Names of the operands; empty for an absent optional one. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface OnnxGraph {
  /** Images [N,C,H,W], signals [N,C,L] or features [N,F]; N is null if the batch size is free. */
  readonly input: { readonly name: string; readonly images: number | null; readonly sizes: readonly number[] };
  readonly output: string;
  /** Nodes in an order in which each follows those that it reads. */
  readonly nodes: readonly OnnxNode[];
  readonly constants: ReadonlyMap<string, Constant>;
}

/** The largest size of an input, in numbers: a gigabyte of floats. */
const mostInputs = 2 ** 28;

/** Faults of a file: a text for each kind, with its count and its first place. */
export class Faults {
  readonly #found = new Map<string, { count: number; readonly first: string }>();

  get areNone(): boolean {
    return this.#found.size === 0;
  }

  /** @param where the node or tensor */
  add(what: string, where: string): void {
    const known = this.#found.get(what);
    if (known) known.count++;
    else this.#found.set(what, { count: 1, first: where });
  }

  /** Throws an InputError with all faults, if there are any. */
  check(source: string): void {
    const kinds = [...this.#found];
    if (kinds.length === 0) return;
    const count = kinds.reduce((sum, [, own]) => sum + own.count, 0);
    const listed = kinds.map(([what, own]) => `${own.count > 1 ? `${own.count}× ` : ''}${what} (${own.first})`);
    throw new InputError(`${source}: cannot be imported, ${count} fault${count > 1 ? 's' : ''}: ${listed.join('; ')}`);
  }
}

/**
 * Reads the bytes of a file called `source`.
 *
 * @param isKnown tells whether an operator is supported; unsupported ones are reported together with other faults, but
 *   are no reason to stop here
 * @throws InputError if they are no ONNX model, or one that is damaged or has unsupported parts
 */
export function readOnnx(bytes: Uint8Array, source: string, isKnown: (op: string) => boolean): OnnxGraph {
  const model = parsed(bytes, source);
  const { graph } = model;
  if (!graph) throw new InputError(`${source}: is no ONNX model, it has no graph`);
  const faults = new Faults();
  if (model.functions.length > 0) faults.add('functions of its own', model.functions[0]!.name);
  const foreign = model.opsetImport.find(
    ({ domain }) => domain !== '' && domain !== 'ai.onnx' && domain !== 'ai.onnx.ml',
  );
  const constants = constantsOf(graph, faults);
  const inputs = graph.input.filter(({ name }) => !constants.has(name));
  const endsIn = (kind: 'input' | 'output', ends: readonly { readonly name: string }[]) => {
    const node = graph.node.find((own) => !ends[0] || own[kind].includes(ends[0].name));
    return `${ends.map(({ name }) => name).join(', ')}${node ? ` of ${node.opType}` : ''}`.trim();
  };
  if (inputs.length !== 1) faults.add(`${inputs.length} inputs, one is wanted`, endsIn('input', inputs));
  const input = inputs[0] ? inputOf(inputs[0], endsIn('input', [inputs[0]]), faults) : null;
  if (graph.output.length !== 1) {
    faults.add(`${graph.output.length} outputs, one is wanted`, endsIn('output', graph.output));
  }
  const nodes = leadingTo(graph.output[0]?.name, graph.node).map((node) => nodeOf(node, faults, foreign?.domain));
  const names = new Set([...constants.keys(), ...graph.input.map(({ name }) => name)]);
  const ordered = inOrder(nodes, names, faults);
  const [output] = graph.output;
  if (output && !names.has(output.name)) faults.add('no node computes the output', output.name);
  if (!faults.areNone) for (const { op, name } of nodes) if (!isKnown(op)) faults.add(noSuchLayer(op), name);
  faults.check(source);
  return {
    input: input!,
    output: output!.name,
    nodes: ordered,
    constants,
  };
}

function parsed(bytes: Uint8Array, source: string) {
  try {
    // `slice` of a Buffer would be a view instead of a copy.
    return fromBinary(ModelProtoSchema, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (error) {
    throw new InputError(`${source}: is no ONNX file, or damaged (${(error as Error).message})`);
  }
}

function constantsOf({ initializer, sparseInitializer }: GraphProto, faults: Faults): Map<string, Constant> {
  if (sparseInitializer.length > 0) faults.add('sparse constants', sparseInitializer[0]!.values?.name ?? '');
  const constants = new Map<string, Constant>();
  for (const tensor of initializer) {
    if (constants.has(tensor.name)) faults.add('a constant stands twice', tensor.name);
    const constant = constantOf(tensor, tensor.name, faults);
    if (constant) constants.set(tensor.name, constant);
  }
  return constants;
}

function constantOf(tensor: TensorProto, name: string, faults: Faults): Constant | null {
  const shape = tensor.dims.map(Number);
  const count = elementCount(shape);
  const fault = (what: string) => {
    faults.add(what, name);
    return null;
  };
  if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL) return fault('values in another file');
  if (shape.some((size) => size < 0) || !Number.isSafeInteger(count)) return fault(`a constant of shape [${shape}]`);
  const values = valuesOf(tensor, count);
  if (values === null) return fault(`constants of type ${DataType[tensor.dataType] ?? tensor.dataType}`);
  if (values.length !== count) return fault(`${values.length} values for the shape [${shape}], ${count} are right`);
  return { shape, values, isWhole: tensor.dataType !== DataType.FLOAT && tensor.dataType !== DataType.DOUBLE };
}

/** The values of a tensor; null for unsupported types. Raw bytes are copied, since they need not be aligned. */
function valuesOf(tensor: TensorProto, count: number): Constant['values'] | null {
  const { rawData: raw } = tensor;
  const isRaw = raw.length > 0 || count === 0;
  const bytes = (size: number): ArrayBuffer => raw.slice(0, raw.length - (raw.length % size)).buffer;
  switch (tensor.dataType) {
    case DataType.FLOAT:
      return isRaw ? new Float32Array(bytes(4)) : Float32Array.from(tensor.floatData);
    case DataType.DOUBLE:
      return isRaw ? new Float64Array(bytes(8)) : Float64Array.from(tensor.doubleData);
    case DataType.INT64:
      return Float64Array.from(isRaw ? new BigInt64Array(bytes(8)) : tensor.int64Data, Number);
    case DataType.INT32:
      return Float64Array.from(isRaw ? new Int32Array(bytes(4)) : tensor.int32Data);
    case DataType.BOOL:
      return Float64Array.from(isRaw ? raw : tensor.int32Data);
    default:
      return null;
  }
}

function nodeOf(node: NodeProto, faults: Faults, foreignDomain: string | undefined): OnnxNode {
  const name = node.name || (node.output[0] ?? node.opType);
  if (node.domain !== '' && node.domain !== 'ai.onnx') {
    faults.add(`operators of the domain ${node.domain || foreignDomain}`, name);
  }
  const attributes = node.attribute.flatMap((attribute) => {
    const value = attributeOf(attribute, name, faults);
    return value === null ? [] : [[attribute.name, value] as const];
  });
  return {
    op: node.opType,
    name,
    inputs: node.input,
    outputs: node.output,
    attributes: Object.fromEntries(attributes),
  };
}

function attributeOf(attribute: AttributeProto, node: string, faults: Faults): Attribute | null {
  switch (attribute.type) {
    case AttributeType.INT:
      return Number(attribute.i);
    case AttributeType.FLOAT:
      return attribute.f;
    case AttributeType.STRING:
      return new TextDecoder().decode(attribute.s);
    case AttributeType.INTS:
      return attribute.ints.map(Number);
    case AttributeType.FLOATS:
      return attribute.floats;
    case AttributeType.TENSOR:
      return attribute.t ? constantOf(attribute.t, node, faults) : null;
    case AttributeType.GRAPH:
      faults.add('branches and loops', node);
      return null;
    case AttributeType.UNDEFINED:
      faults.add(`an attribute ${attribute.name} without a type`, node);
      return null;
    default:
      return null;
  }
}

/** The nodes on which an output depends; all without one. */
function leadingTo(output: string | undefined, nodes: readonly NodeProto[]): readonly NodeProto[] {
  if (output === undefined) return nodes;
  // Several, where names stand twice, which is a fault of its own.
  const writers = new Map<string, NodeProto[]>();
  for (const node of nodes) {
    for (const name of node.output) {
      const known = writers.get(name);
      if (known) known.push(node);
      else if (name !== '') writers.set(name, [node]);
    }
  }
  const found = new Set<NodeProto>();
  const names = [output];
  for (let name = names.pop(); name !== undefined; name = names.pop()) {
    for (const node of writers.get(name) ?? []) {
      if (found.has(node)) continue;
      found.add(node);
      names.push(...node.input);
    }
  }
  return nodes.filter((node) => found.has(node));
}

/**
 * The nodes in an order in which each follows those that it reads. Adds the names of their results to `known`. Faults
 * are names of several results, operands that nothing computes, and cycles.
 */
function inOrder(nodes: readonly OnnxNode[], known: Set<string>, faults: Faults): OnnxNode[] {
  const writers = new Map<string, OnnxNode>();
  for (const node of nodes) {
    for (const output of node.outputs) {
      if (output === '') continue;
      if (writers.has(output) || known.has(output)) faults.add('two results have one name', output);
      writers.set(output, node);
    }
  }
  const ordered: OnnxNode[] = [];
  const waiting = new Set(nodes);
  for (let before = -1; before !== waiting.size; ) {
    before = waiting.size;
    for (const node of waiting) {
      if (!node.inputs.every((input) => input === '' || known.has(input))) continue;
      waiting.delete(node);
      ordered.push(node);
      for (const output of node.outputs) if (output !== '') known.add(output);
    }
  }
  for (const { name, inputs } of waiting) {
    const missing = inputs.find((input) => input !== '' && !known.has(input) && !writers.has(input));
    if (missing !== undefined) faults.add('reads what nothing computes', `${name} reads ${missing}`);
    else faults.add('waits for its own result or for a faulty node', name);
  }
  return ordered;
}

/** @param where its name, for faults */
function inputOf(
  { name, type }: GraphProto['input'][number],
  where: string,
  faults: Faults,
): OnnxGraph['input'] | null {
  const tensor = type?.value.case === 'tensorType' ? type.value.value : null;
  if (tensor?.elemType !== DataType.FLOAT) {
    faults.add(
      `an input of ${tensor ? (DataType[tensor.elemType] ?? tensor.elemType) : 'no tensor'}, FLOAT is wanted`,
      where,
    );
    return null;
  }
  const dims = tensor.shape?.dim ?? [];
  const shape = dims.map(({ value }) => (value.case === 'dimValue' && value.value > 0n ? Number(value.value) : null));
  const [images = null, ...sizes] = shape;
  const known = sizes.filter((size) => size !== null);
  const count = elementCount(known);
  if (count > mostInputs) {
    faults.add(`an input of ${count} numbers, ${mostInputs} at most are right`, where);
    return null;
  }
  if (known.length === sizes.length && sizes.length >= 1 && sizes.length <= 3) return { name, images, sizes: known };
  const text = shape.map((size) => size ?? '?').join(', ');
  faults.add(
    `an input [${text}], wanted are images [N, C, H, W], signals [N, C, L] or features [N, F] whose sizes are known, any N`,
    where,
  );
  return null;
}

/** The fault of an unsupported operator. */
export function noSuchLayer(op: string): string {
  const remedy =
    op === 'Sub' || op === 'Div' ? '; if it normalises the input, leave it out and give --mean and --std' : '';
  return `${op}: there is no such layer${remedy}`;
}
