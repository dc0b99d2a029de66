/**
 * ONNX's own test data, as Debian packages it (`libonnx-testdata`): 1072 models, most of one operator, with inputs and
 * outputs. What is imported computes the outputs on the reference and on the CPU; everything else is refused by the name
 * of an operator, or of what it has that no network has, in one line.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  ModelProtoSchema,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from 'onnx-buf';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { elementCount } from '../../src/elementCount.js';
import type { Engine } from '../../src/engine/engine.js';
import { createReferenceEngine } from '../../src/engine/reference/index.js';
import { selectEngine } from '../../src/engine/selectEngine.js';
import { InputError } from '../../src/errors.js';
import { type ImportedNetwork, importOnnx } from '../../src/onnx/index.js';
import { logitsOf } from './logits.js';

/** Images of the models with more numbers come from operators that make images larger, of which none is imported. */
const mostFeatures = 4096;
const supported = 92;
const root = '/usr/share/libonnx-testdata/data';
if (!existsSync(root)) throw new Error(`there is no ${root}: install Debian's libonnx-testdata`);
const models = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('/model.onnx'))
  .map(dirname)
  .sort();

let cpu: Engine;
beforeAll(async () => {
  cpu = await selectEngine('cpu', { threads: 1 });
});
afterAll(() => cpu.dispose());

it('is right where it is imported, and refused by the name of an operator where not', async () => {
  const right: string[] = [];
  const wrong: string[] = [];
  for (const model of models) {
    const { file, operators, input, output } = asNetwork(join(root, model));
    let network: ImportedNetwork;
    try {
      network = importOnnx(file, model);
    } catch (error) {
      const { name, message } = error as Error;
      const isRight =
        error instanceof InputError && operators.some((op) => message.includes(op)) && !/[\n\r]/.test(message);
      if (!isRight) wrong.push(`${name}: ${message}`);
      continue;
    }
    const expected = floatsOf(output!);
    for (const engine of [createReferenceEngine(), cpu]) {
      const { logits } = await logitsOf(network, engine, floatsOf(input!), sizesOf(input!).slice(1));
      const outputs = lastFunction(operators)(logits, Number(network.definition.outputs));
      const most = Math.max(...expected.map((each, at) => Math.abs(each - outputs[at]!)));
      if (!(most < 1e-5 * Math.max(1, ...expected.map(Math.abs)))) wrong.push(`${model}: ${most} beside it`);
    }
    right.push(model);
  }
  expect(models.length).toBe(1072);
  expect(wrong).toEqual([]);
  expect(right).toHaveLength(supported);
  expect(readFileSync('docs/own-networks.md', 'utf8')).toContain(`${supported} of the 1072`);
});

/** Functions at the end of a network that an import leaves out. */
function lastFunction(operators: readonly string[]): (logits: Float32Array, outputs: number) => Float32Array {
  const last = operators.at(-1);
  if (last !== 'Softmax' && last !== 'LogSoftmax') return (logits) => logits;
  return (logits, outputs) =>
    logits.map((logit, at) => {
      const first = at - (at % outputs);
      const row = logits.slice(first, first + outputs);
      const most = Math.max(...row);
      const sum = row.reduce((total, each) => total + Math.exp(each - most), 0);
      return last === 'Softmax' ? Math.exp(logit - most) / sum : logit - most - Math.log(sum);
    });
}

/**
 * The model with what it reads beside its first input as constants, which weights are in a network, and with what it
 * computes as features, as it is behind a matrix of units.
 */
function asNetwork(folder: string) {
  const model = fromBinary(ModelProtoSchema, readFileSync(join(folder, 'model.onnx')));
  const graph = model.graph!;
  const operators = graph.node.map(({ opType }) => opType);
  const data = join(folder, 'test_data_set_0');
  const tensor = (name: string) =>
    existsSync(join(data, name)) ? fromBinary(TensorProtoSchema, readFileSync(join(data, name))) : undefined;
  const [input, output] = [tensor('input_0.pb'), tensor('output_0.pb')];
  const given = new Set(graph.initializer.map(({ name }) => name));
  const free = graph.input.filter(({ name }) => !given.has(name));
  for (const [index, { name }] of free.entries()) {
    const values = index > 0 ? tensor(`input_${index}.pb`) : undefined;
    if (values) graph.initializer.push({ ...values, name });
  }
  const sizes = output ? sizesOf(output) : [];
  const features = elementCount(sizes.slice(1));
  if (graph.output.length === 1 && sizes.length > 2 && features <= mostFeatures) {
    const name = graph.output[0]!.name;
    const units = Float32Array.from({ length: features ** 2 }, (_, at) => Number(at % (features + 1) === 0));
    const axis = create(AttributeProtoSchema, { name: 'axis', type: AttributeType.INT, i: 1n });
    graph.node.push(
      create(NodeProtoSchema, { opType: 'Flatten', input: [name], output: ['list'], attribute: [axis] }),
      create(NodeProtoSchema, { opType: 'Gemm', input: ['list', 'units'], output: ['result'] }),
    );
    graph.initializer.push(
      create(TensorProtoSchema, {
        ...{ name: 'units', dataType: DataType.FLOAT, dims: [features, features].map(BigInt) },
        rawData: new Uint8Array(units.buffer),
      }),
    );
    graph.output[0]!.name = 'result';
  }
  return { file: toBinary(ModelProtoSchema, model), operators, input, output };
}

function sizesOf({ dims }: TensorProto): number[] {
  return dims.map(Number);
}

function floatsOf({ floatData, rawData }: TensorProto): Float32Array {
  return rawData.length > 0 ? new Float32Array(Uint8Array.from(rawData).buffer) : Float32Array.from(floatData);
}
