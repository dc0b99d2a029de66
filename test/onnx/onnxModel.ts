/** Small ONNX files for tests, written node by node with the names that exporters give. */

import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import { elementCount } from '../../src/elementCount.js';
import { mulberry32 } from '../mulberry32.js';

/** A whole number, a number with a fraction as `{ float }`, a list of whole numbers, a tensor of one as `{ tensor }`, a text. */
type AttributeValue = number | { readonly float: number } | { readonly tensor: number } | readonly number[] | string;

export class OnnxModel {
  readonly #nodes: ReturnType<typeof create<typeof NodeProtoSchema>>[] = [];
  readonly #initializers: ReturnType<typeof create<typeof TensorProtoSchema>>[] = [];
  readonly #random: () => number;
  #results = 0;

  constructor(seed = 1) {
    this.#random = mulberry32(seed);
  }

  /** A constant of random numbers from `least` to `most`; returns its name. */
  weights(name: string, shape: readonly number[], least = -0.5, most = 0.5): string {
    const count = elementCount(shape);
    return this.floats(
      name,
      shape,
      Array.from({ length: count }, () => least + (most - least) * this.#random()),
    );
  }

  floats(name: string, shape: readonly number[], values: readonly number[]): string {
    return this.#constant(name, shape, DataType.FLOAT, Float32Array.from(values));
  }

  whole(name: string, shape: readonly number[], values: readonly number[]): string {
    return this.#constant(name, shape, DataType.INT64, BigInt64Array.from(values, BigInt));
  }

  /** The four constants of a batch normalisation, under PyTorch's names. */
  batchNorm(name: string, channels: number): string[] {
    return [
      this.weights(`${name}.weight`, [channels], 0.5, 1.5),
      this.weights(`${name}.bias`, [channels]),
      this.weights(`${name}.running_mean`, [channels]),
      this.weights(`${name}.running_var`, [channels], 0.5, 2),
    ];
  }

  /** A node; returns the name of its result. */
  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>> = {},
    name = '',
  ): string {
    return this.nodes(op, inputs, attributes, 1, name)[0]!;
  }

  /** A node of several results; returns their names. */
  nodes(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeValue>>,
    count: number,
    name = '',
  ): string[] {
    const output = Array.from({ length: count }, () => `t${this.#results++}`);
    const attribute = Object.entries(attributes).map(([key, value]) => attributeOf(key, value));
    this.#nodes.push(create(NodeProtoSchema, { opType: op, name, input: [...inputs], output, attribute }));
    return output;
  }

  /** The bytes of the file; the input is called x, and has any number of images unless one is given. */
  file(input: readonly (number | string)[], output: string, opset = 13, images: number | string = 'N'): Uint8Array {
    const graph = create(GraphProtoSchema, {
      name: 'main',
      node: this.#nodes,
      initializer: this.#initializers,
      input: [endpoint('x', [images, ...input])],
      output: [endpoint(output, null)],
    });
    const opsetImport = [create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(opset) })];
    return toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 7n, graph, opsetImport }));
  }

  #constant(name: string, shape: readonly number[], dataType: DataType, values: Float32Array | BigInt64Array): string {
    const rawData = new Uint8Array(values.buffer as ArrayBuffer);
    this.#initializers.push(create(TensorProtoSchema, { name, dataType, dims: shape.map(BigInt), rawData }));
    return name;
  }
}

function attributeOf(name: string, value: AttributeValue) {
  const of = (type: AttributeType, own: object) => create(AttributeProtoSchema, { name, type, ...own });
  if (typeof value === 'number') return of(AttributeType.INT, { i: BigInt(value) });
  if (typeof value === 'string') return of(AttributeType.STRING, { s: new TextEncoder().encode(value) });
  if ('float' in value) return of(AttributeType.FLOAT, { f: value.float });
  if ('tensor' in value) {
    const int64Data = [BigInt(value.tensor)];
    return of(AttributeType.TENSOR, {
      t: create(TensorProtoSchema, { dataType: DataType.INT64, dims: [1n], int64Data }),
    });
  }
  return of(AttributeType.INTS, { ints: value.map(BigInt) });
}

/** Null leaves the shape open. */
function endpoint(name: string, shape: readonly (number | string)[] | null) {
  const dim = (shape ?? []).map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value: typeof size === 'number' ? { case: 'dimValue', value: BigInt(size) } : { case: 'dimParam', value: size },
    }),
  );
  const tensor = create(TypeProto_TensorSchema, {
    elemType: DataType.FLOAT,
    ...(shape && { shape: create(TensorShapeProtoSchema, { dim }) }),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } }),
  });
}
