/** Builder of an ONNX model: nodes and constants get names, and the file is written at once. */

import { create, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  TensorProto_DataType as DataType,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import { crc32, hexadecimal } from '../../crc32.js';
import { packIntegers } from '../bitStream.js';

export { DataType };

/** An attribute: an integer, a list of integers, or a text. */
export type Attribute = number | readonly number[] | string;

/** An input or an output of a model. */
export interface Endpoint {
  readonly name: string;
  readonly type: DataType;
  /** A text is a variable size. */
  readonly shape: readonly (number | string)[];
}

/** Collects constants and nodes of a model, and encodes it. */
export interface ModelBuilder {
  /** Adds a constant; the operator set is raised to one that supports its type. Returns its name. */
  constant(type: DataType, shape: readonly number[], values: ArrayLike<number | bigint>): string;
  /** Adds a node with one result. Returns the result's name, which is `output` if given. */
  node(
    op: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, Attribute>>,
    output?: string,
  ): string;
  /** The bytes of the file; besides `metadata` it has the `crc32` of itself without metadata. */
  finish(
    inputs: readonly Endpoint[],
    outputs: readonly Endpoint[],
    metadata: Readonly<Record<string, string>>,
  ): Uint8Array;
}

/** The first operator set with constants of a type for DequantizeLinear. */
const firstOpset = new Map<DataType, number>([
  [DataType.INT4, 21],
  [DataType.INT2, 25],
]);
const leastOpset = 13;

/**
 * Makes a builder. Names of its own have a colon, which no layer's name has. `custom`: a domain of operators besides ONNX's, with the
 * names of its operators.
 */
export function modelBuilder(custom?: { readonly domain: string; readonly ops: ReadonlySet<string> }): ModelBuilder {
  const nodes: ReturnType<typeof create<typeof NodeProtoSchema>>[] = [];
  const initializers: ReturnType<typeof create<typeof TensorProtoSchema>>[] = [];
  const shared = new Map<string, string>();
  let opset = leastOpset;
  let names = 0;
  return {
    constant: (dataType, shape, values) => {
      const rawData = bytesOf(dataType, values);
      // Small constants, such as the scale of 1, are stored once.
      const key = rawData.length <= 16 ? `${dataType} ${shape} ${rawData}` : undefined;
      const known = key === undefined ? undefined : shared.get(key);
      if (known !== undefined) return known;
      const name = `c:${initializers.length}`;
      opset = Math.max(opset, firstOpset.get(dataType) ?? leastOpset);
      initializers.push(create(TensorProtoSchema, { name, dataType, dims: shape.map(BigInt), rawData }));
      if (key !== undefined) shared.set(key, name);
      return name;
    },
    node: (opType, input, attributes = {}, output = `n:${names++}`) => {
      const attribute = Object.entries(attributes).map(([name, value]) => attributeOf(name, value));
      const domain = custom?.ops.has(opType) ? custom.domain : '';
      nodes.push(create(NodeProtoSchema, { opType, domain, input: [...input], output: [output], attribute }));
      return output;
    },
    finish: (inputs, outputs, metadata) => {
      const graph = create(GraphProtoSchema, {
        name: 'network',
        node: nodes,
        initializer: initializers,
        input: inputs.map(valueInfo),
        output: outputs.map(valueInfo),
      });
      const domains = [{ domain: '', version: opset }, ...(custom ? [{ domain: custom.domain, version: 1 }] : [])];
      const model = create(ModelProtoSchema, {
        irVersion: BigInt(opset >= 25 ? 13 : opset >= 21 ? 10 : 8),
        producerName: 'mixed-precision-dnns',
        graph,
        opsetImport: domains.map(({ domain, version }) =>
          create(OperatorSetIdProtoSchema, { domain, version: BigInt(version) }),
        ),
      });
      const checksum = hexadecimal(crc32(toBinary(ModelProtoSchema, model)));
      model.metadataProps = Object.entries({ ...metadata, crc32: checksum }).map(([key, value]) =>
        create(StringStringEntryProtoSchema, { key, value }),
      );
      return toBinary(ModelProtoSchema, model);
    },
  };
}

/** Little-endian values; codes smaller than a byte in the order of our own streams, which is ONNX's. */
function bytesOf(type: DataType, values: ArrayLike<number | bigint>): Uint8Array<ArrayBuffer> {
  const numbers = Array.from(values, Number);
  switch (type) {
    case DataType.FLOAT:
      return bytes(Float32Array.from(numbers));
    case DataType.DOUBLE:
      return bytes(Float64Array.from(numbers));
    case DataType.UINT8:
      return Uint8Array.from(numbers);
    case DataType.INT8:
      return bytes(Int8Array.from(numbers));
    case DataType.INT32:
      return bytes(Int32Array.from(numbers));
    case DataType.INT64:
      return bytes(BigInt64Array.from(Array.from(values, BigInt)));
    case DataType.INT4:
      return Uint8Array.from(packIntegers(numbers, { type: 'uniform', lo: -7, hi: 7 }, 4));
    case DataType.INT2:
      return Uint8Array.from(packIntegers(numbers, { type: 'uniform', lo: -1, hi: 1 }, 2));
    default:
      throw new Error(`constants of type ${DataType[type]} are not written`);
  }
}

function bytes({ buffer, byteLength }: Float32Array | Float64Array | Int8Array | Int32Array | BigInt64Array) {
  return new Uint8Array(buffer as ArrayBuffer, 0, byteLength);
}

function attributeOf(name: string, value: Attribute) {
  if (typeof value === 'string') {
    const s = new TextEncoder().encode(value);
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.STRING, s });
  }
  if (typeof value === 'number') {
    return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) });
  }
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INTS, ints: value.map(BigInt) });
}

function valueInfo({ name, type, shape }: Endpoint) {
  const dim = shape.map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value: typeof size === 'number' ? { case: 'dimValue', value: BigInt(size) } : { case: 'dimParam', value: size },
    }),
  );
  const tensor = create(TypeProto_TensorSchema, { elemType: type, shape: create(TensorShapeProtoSchema, { dim }) });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensor } }),
  });
}
