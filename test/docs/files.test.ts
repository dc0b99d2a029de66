/** The reader of docs/files.md, run by Python with NumPy alone, computes what the reference engine computes. */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createRandom } from '../../src/data/index.js';
import { createReferenceEngine } from '../../src/engine/reference/index.js';
import { Graph, type OpName } from '../../src/graph/graph.js';
import { elementCount } from '../../src/graph/tensor.js';
import type { Definition, Operation } from '../../src/ops/definition.js';
import { definitions } from '../../src/ops/index.js';
import { resultShapes } from '../../src/ops/shapes.js';
import { makePlan } from '../../src/passes/index.js';
import { openInference } from '../../src/program/inference.js';
import { describedAttributes } from '../../src/program/networkDescription.js';
import { openSession } from '../../src/program/session.js';
import { buildEvaluationProgram } from '../../src/program/trainingProgram.js';
import { parseConfig } from '../../src/settings/configFile.js';
import { type Overrides, resolveExperiment } from '../../src/settings/experiment.js';
import { copyParametersFile, parametersMetadata } from '../../src/train/checkpoint.js';
import { describeData } from '../../src/train/dataDescription.js';
import { describe as describeRun } from '../../src/train/description.js';
import { programOptions } from '../../src/train/programOptions.js';
import { parseSafetensorsFile, weightsOf } from '../../src/weights/index.js';
import { averageLike, sizedWindowLike, windowLike } from '../engine/windows.js';
import { temporaryFolder } from '../temporaryFolder.js';

const folder = temporaryFolder();
const reader = /```python\n([\s\S]*?)```/.exec(readFileSync('docs/files.md', 'utf8'))![1]!;
const side = 16;
const count = 1;
const classes = ['a', 'b', 'c', 'd'];

const uniform = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu' };
const narrow = { width_multiplier: 0.25 };
const networks: [string, Overrides][] = [
  ['float ResNet-20', { ...narrow, scale_layer: true }],
  ['uniform ResNet-20', { ...narrow, ...uniform, shortcut_type: 'b' }],
  ['ResNet-20 with a step a channel', { ...narrow, ...uniform, w_per_channel: true }],
  [
    'ResNet-20 in powers of two',
    { ...narrow, w_quantize: 'parametric_pow2_xmin_xmax', a_quantize: 'parametric_pow2_xmin_xmax_relu' },
  ],
  ['fixed uniform', { ...narrow, w_quantize: 'fp', a_quantize: 'fp_relu', ema_decay: 0.9 }],
  ['fixed powers of two', { ...narrow, w_quantize: 'pow2', a_quantize: 'pow2_relu' }],
  ['float MobileNetV2', { ...narrow, model: 'mobilenetv2' }],
  [
    'MobileNetV2 with signed activations',
    { ...narrow, ...uniform, model: 'mobilenetv2', a_quantize_linear: true, a_quantize_input: true },
  ],
  ['ResNet-18', { ...narrow, ...uniform, model: 'resnet18' }],
];

it.each(networks)('%s', async (_, settings) => {
  const experiment = resolveExperiment(parseConfig('[A]\n', 'a.cfg'), 'A', { batch_size: count, ...settings });
  const shape = {
    classes: classes.length,
    imageShape: [side, side, 3],
    trainImages: 1,
    evaluationImages: count,
  } as const;
  const options = programOptions(experiment, shape, null);
  const built = buildEvaluationProgram(options);
  const random = createRandom(5);
  // Fresh moments, factors and exponents are 0 and 1, which would hide much.
  for (const { start, name } of [...built.variables.running, ...built.variables.parameters]) {
    if (start.some((value) => value !== start[0])) continue;
    const spread = name.endsWith('exponents') ? 3 : 0.4;
    for (let i = 0; i < start.length; i++)
      start[i]! += spread * (random.uniform() - 0.5) + (name.endsWith('/b') ? 0.1 : 0);
  }
  const engine = createReferenceEngine();
  const images = Uint8Array.from({ length: count * side * side * 3 }, () => random.below(256));
  const set = { images, labels: new Int32Array(count), count, height: side, width: side, channels: 3 };
  const data = describeData(experiment, { classes, train: set, validation: null, test: set });
  const { program } = await openSession(engine, built);
  const file = (await copyParametersFile(built, program, parametersMetadata(built, describeRun(experiment, data))))()
    .bytes;
  const { tensors } = parseSafetensorsFile(file, 'file');
  const inference = await openInference(engine, options, weightsOf(tensors, 'file'));
  const wanted = await inference.logits(set);

  writeFileSync(join(folder, 'file.safetensors'), file);
  writeFileSync(join(folder, 'images'), images);
  const call = `
images = np.fromfile('images', np.uint8).reshape(${count}, ${side}, ${side}, 3)
print(json.dumps(logits('file.safetensors', images).tolist()))`;
  writeFileSync(join(folder, 'reader.py'), reader + call);
  const printed = execFileSync('python3', ['reader.py'], { cwd: folder, encoding: 'utf8' });
  const found = (JSON.parse(printed) as number[][]).flat();
  expect(found).toHaveLength(wanted.length);
  const largest = Math.max(...wanted.map(Math.abs));
  expect(largest).toBeGreaterThan(1e-3);
  expect(Math.max(...wanted) - Math.min(...wanted)).toBeGreaterThan(1e-3);
  for (const [i, value] of wanted.entries()) expect(Math.abs(found[i]! - value)).toBeLessThan(1e-9);
});

const even = { stride: 2, padding: 1 };
const uneven = { stride: [2, 1], padding: { top: 0, bottom: 2, left: 1, right: 0 }, dilation: [1, 2] } as const;

/** Operations that the networks above have not: shapes of operands, and attributes. */
const operations: readonly { op: OpName; shapes: Readonly<Record<string, readonly number[]>>; attributes: object }[] = [
  { op: 'conv2d', shapes: { x: [1, 5, 6, 2], w: [3, 2, 2, 3] }, attributes: windowLike(uneven) },
  { op: 'depthwiseConv2d', shapes: { x: [1, 5, 6, 2], w: [3, 2, 2] }, attributes: windowLike(uneven) },
  {
    op: 'groupedConv2d',
    shapes: { x: [1, 5, 6, 4], w: [3, 2, 2, 6] },
    attributes: { ...windowLike(uneven), groups: 2 },
  },
  { op: 'maxPool', shapes: { x: [1, 5, 6, 2] }, attributes: sizedWindowLike({ size: [3, 2], ...uneven }) },
  { op: 'averagePool', shapes: { x: [1, 5, 6, 2] }, attributes: averageLike({ size: [3, 2], ...uneven }) },
  {
    op: 'averagePool',
    shapes: { x: [1, 5, 6, 2] },
    attributes: averageLike({ size: 3, ...even, countsPadding: true }),
  },
  ...(['sigmoid', 'hardSigmoid', 'hardSwish', 'silu'] as const).map(
    (type) => ({ op: 'activation', shapes: { x: [40] }, attributes: { activation: { type } } }) as const,
  ),
  { op: 'bias', shapes: { x: [2, 3, 4], b: [4] }, attributes: {} },
  { op: 'concat', shapes: { a: [2, 2, 3], b: [2, 2, 1] }, attributes: {} },
  { op: 'slice', shapes: { x: [2, 5] }, attributes: { first: 1, channels: 3 } },
  { op: 'shuffleChannels', shapes: { x: [2, 3, 6] }, attributes: { groups: 2 } },
  { op: 'multiplyChannels', shapes: { x: [2, 3, 2, 4], factor: [2, 4] }, attributes: {} },
  { op: 'flatten', shapes: { x: [2, 3, 2, 4] }, attributes: {} },
  { op: 'unflatten', shapes: { x: [2, 24] }, attributes: { height: 3, width: 2, channels: 4 } },
];

it('single operations', async () => {
  const random = createRandom(6);
  const cases = operations.map(({ op, shapes, attributes }) => {
    const values = (shape: readonly number[]) =>
      Array.from({ length: elementCount(shape) }, () => 10 * (random.uniform() - 0.5));
    const operands = Object.entries(shapes).map(([name, shape]) => [name, { shape, values: values(shape) }] as const);
    return { op, operands: Object.fromEntries(operands), attributes: describedAttributes(attributes, []) };
  });
  writeFileSync(join(folder, 'cases.json'), JSON.stringify(cases));
  const call = `
for case in json.load(open('cases.json')):
    operands = {name: np.array(o['values']).reshape(o['shape']) for name, o in case['operands'].items()}
    print(json.dumps(run(case['op'], operands, case['attributes'], {}).ravel().tolist()))`;
  writeFileSync(join(folder, 'reader.py'), reader + call);
  const printed = execFileSync('python3', ['reader.py'], { cwd: folder, encoding: 'utf8' }).trim().split('\n');
  for (const [i, { op, operands }] of cases.entries()) {
    const wanted = await computedByReference(op, operands, operations[i]!.attributes);
    const found = JSON.parse(printed[i]!) as number[];
    expect(found).toHaveLength(wanted.length);
    for (const [j, value] of wanted.entries()) expect(found[j], op).toBeCloseTo(value, 9);
  }
});

type Given = Readonly<Record<string, { readonly shape: readonly number[]; readonly values: readonly number[] }>>;

/** The first result of an operation on these operands. */
async function computedByReference(op: OpName, given: Given, attributes: object): Promise<number[]> {
  const graph = new Graph();
  const definition = definitions[op] as unknown as Definition<Operation>;
  const stored = (name: string, shape: readonly number[]) =>
    graph.whole({ name, dtype: 'float', length: elementCount(shape) }, shape);
  const absent = (names: object) => Object.fromEntries(Object.keys(names).map((name) => [name, null]));
  const operands = {
    ...absent(definition.operands),
    ...Object.fromEntries(Object.entries(given).map(([name, { shape }]) => [name, stored(name, shape)])),
  };
  const shape = resultShapes(definition, operands, attributes).y!;
  const results = { ...absent(definition.results), y: stored('y', shape) };
  graph.append(op, operands as never, results as never, attributes as never);
  const program = await createReferenceEngine().load(makePlan({ step: graph }));
  for (const [name, { values }] of Object.entries(given)) program.write(name, values);
  await program.run('step');
  return [...(await program.read('y'))];
}
