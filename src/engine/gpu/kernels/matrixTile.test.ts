/**
 * The matrix-unit kernels, computed on a software adapter that has no matrix units: their source is rewritten so that
 * every invocation computes whole matrices, in float32 rounded to f16 where the original is. What is left to the real
 * hardware is the meaning of four built-in functions.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { windowLike } from '../../../../test/engine/windows.js';
import { exampleQuantizer } from '../../../../test/exampleQuantizer.js';
import { skipsGpu } from '../../../../test/softwareGpu.js';
import { tierOf } from '../../../../test/tier.js';
import { Graph } from '../../../graph/index.js';
import { elementCount, type Tensor } from '../../../graph/tensor.js';
import { activation } from '../../../ops/activation.js';
import { makePlan } from '../../../passes/index.js';
import { type OpenDevice, openDevice } from '../device.js';
import { loadProgram } from '../gpuProgram.js';
import type { MatrixUnits } from '../kernel.js';
import { lowerPhase } from '../lowering.js';
import { availableGpu } from '../nodeGpu.js';
import { placePlan } from '../placement.js';
import * as kernels from './matrixKernels.js';

/** For tiles that still fit when emulated, as slices then take twice as much; tiles that slide take a little more. */
const workgroupBytes = {
  float16: 21_000,
  float16x2: 30_000,
  slides: 32_000,
  wide: 32_000,
  strips: 24_000,
  rows: 32_000,
  direct: 21_000,
  'wide rows': 32_000,
  'strided rows': 32_000,
  pointwise: 21_000,
} as const;
/** Rows and columns of the window; wide tiles that slide have little room. */
const windows = {
  float16: [3, 3],
  float16x2: [3, 3],
  slides: [3, 3],
  wide: [1, 3],
  strips: [3, 3],
  rows: [3, 3],
  direct: [3, 3],
  'wide rows': [1, 3],
  'strided rows': [1, 3],
  pointwise: [1, 1],
} as const;
/** Tiles that slide have several here, the last of them in a gap between images; those of strips have whole rows, of three fragments. */
const images = {
  float16: [5, 5],
  float16x2: [5, 5],
  slides: [13, 13],
  wide: [13, 13],
  strips: [8, 96],
  rows: [32, 16],
  direct: [5, 7],
  'wide rows': [16, 16],
  'strided rows': [32, 32],
  pointwise: [7, 7],
} as const;

describe.skipIf(skipsGpu)('matrix-unit kernels, emulated', () => {
  let open: OpenDevice;
  beforeAll(async () => {
    process.env.XDG_RUNTIME_DIR ??= '/tmp';
    open = await openDevice({ gpu: await availableGpu(), allowSoftware: true });
    const create = open.device.createShaderModule.bind(open.device);
    open.device.createShaderModule = (descriptor) => create({ ...descriptor, code: emulated(descriptor.code) });
  });
  afterAll(() => open?.dispose());

  const cases = [
    [16, 32, 2, 'float16', 'quantized', 2e-3],
    [16, 16, 1, 'slides', 'quantized', 2e-3],
    [32, 32, 1, 'float16x2', 'narrow', 2e-6],
    [16, 16, 1, 'rows', 'narrow', 2e-3],
    [3, 16, 1, 'direct', 'narrow', 2e-3],
    [1, 16, 1, 'direct', 'narrow', 2e-3],
    [3, 32, 2, 'strips', 'quantized', 2e-3],
    [32, 32, 1, 'wide rows', 'quantized', 2e-3],
    [16, 32, 2, 'strided rows', 'narrow', 2e-3],
    [64, 64, 1, 'wide', 'narrow', 2e-3],
    [3, 64, 2, 'strips', 'quantized', 2e-3],
    [3, 16, 1, 'float16x2', 'float', 2e-6],
    [40, 24, 1, 'pointwise', 'narrow', 2e-3],
    [32, 32, 1, 'slides', 'narrow', 2e-3],
    [3, 64, 1, 'float16', 'quantized', 2e-3],
    [64, 64, 2, 'float16', 'quantized', 2e-3],
    [64, 32, 2, 'float16', 'narrow', 2e-3],
    [16, 16, 1, 'float16', 'float', 2e-3],
    [32, 32, 1, 'float16x2', 'quantized', 2e-6],
    [16, 32, 2, 'float16x2', 'float', 2e-6],
  ] as const;
  // The first seven have each kind of tile, each precision and stride, and channels that fill no tile.
  it.each(tierOf(cases, (each) => cases.indexOf(each) < 7))(
    '%i to %i channels, stride %i, %s, %s operands, tolerance %d',
    async (inputs, outputs, stride, kind, operands, tolerance) => {
      const precision = kind === 'float16x2' ? kind : 'float16';
      const convolutions = {
        inputs,
        outputs,
        image: images[kind],
        window: windows[kind],
        stride,
        operands,
      };
      const expected = await results(open, convolutions, null);
      const actual = await results(
        open,
        { ...convolutions, ...(kind === 'direct' && { candidate: 1 }) },
        { precision, workgroupBytes: workgroupBytes[kind], kernels },
      );
      for (const [name, right] of Object.entries(expected)) {
        const largest = Math.max(...right.map(Math.abs));
        const error = Math.max(...right.map((value, i) => Math.abs(value - actual[name]![i]!)));
        expect(error / largest, name).toBeLessThan(tolerance);
      }
      // Small multiples of a power of two are not rounded.
      if (operands === 'float') return;
      expect(actual.y).toEqual(expected.y);
      const variance = Math.max(...expected.moments!);
      actual.moments!.forEach((moment, i) => {
        expect(Math.abs(moment - expected.moments![i]!)).toBeLessThan(1e-5 * variance);
      });
    },
  );

  it('cuts off what results of 16 bits cannot hold, and keeps NaN', async () => {
    const graph = new Graph();
    const whole = (name: string, shape: readonly number[]) =>
      graph.whole({ name, dtype: 'float', length: elementCount(shape) }, shape);
    const images = [1, 8, 8, 16];
    const y = graph.tensor('y', images);
    const [x, w] = [whole('x', images), whole('w', [1, 1, 16, 16])];
    graph.append('conv2d', { x, w }, { y, moments: null }, windowLike({}));
    graph.append('copy', { x: y }, { y: whole('result', images) }, {});
    const matrixUnits = { precision: 'float16', roundsResults: true, workgroupBytes: 21_000, kernels } as const;
    const program = await loadProgram(open, makePlan({ step: graph }), { matrixUnits });
    // Columns of results: x times 1000, −1000, 1 and 65 504.
    const factors = [1000, -1000, 1, 65_504];
    const place = (i: number) => (i < 16 ? factors[i % 4]! : 0);
    program.write(
      'w',
      Float32Array.from({ length: 256 }, (_, i) => place(i)),
    );
    program.write(
      'x',
      Float32Array.from({ length: 1024 }, (_, i) => (i === 0 ? 1000 : i === 16 ? Number.NaN : 0)),
    );
    await program.run('step');
    const result = [...(await program.read('result'))];
    await program.dispose();
    expect(result.slice(0, 4)).toEqual([65_504, -65_504, 1000, 65_504]);
    expect(result.slice(16, 32).every(Number.isNaN)).toBe(true);
    expect(result.slice(32).every((value) => value === 0)).toBe(true);
  });

  it.each([true, false])(
    'an input gradient with the reduction of the normalisation behind it, and its sums beside a weight gradient, shortcut %s',
    async (hasShortcut) => {
      const expected = await reductionResults(open, hasShortcut, null);
      const actual = await reductionResults(open, hasShortcut, {
        precision: 'float16',
        workgroupBytes: 32_000,
        kernels,
      });
      expect(actual.dispatches).not.toContain('batchNormGradientReduce');
      expect(actual.dispatches).toContain('conv2dWeightGradient + batchNormGradientReduce');
      for (const [name, right] of Object.entries(expected.values)) {
        const largest = Math.max(...right.map(Math.abs));
        const error = Math.max(...right.map((value, i) => Math.abs(value - actual.values[name]![i]!)));
        expect(error / largest, name).toBeLessThan(2e-3);
      }
    },
  );
});

/** Gradients of a normalisation with a quantizer in front of a convolution, whose tiles are rows of images on matrix units. */
async function reductionResults(open: OpenDevice, hasShortcut: boolean, matrixUnits: MatrixUnits | null) {
  const graph = new Graph();
  const shape = [2, 32, 16, 16];
  const stored = (name: string, of: readonly number[]) =>
    graph.whole({ name, dtype: 'float', length: elementCount(of) }, of);
  const { ranges } = quantizerRanges(graph);
  const activation = { type: 'quantize', row: 0, core: 'uniform', signed: false } as const;
  const dx = graph.tensor('dx', shape);
  const dz = graph.tensor('dz', shape);
  const given = { x: stored('x', shape), statistics: stored('statistics', [2, 16]), gamma: stored('gamma', [16]) };
  const sums = { dgamma: stored('dgamma', [16]), dbeta: stored('dbeta', [16]) };
  const shortcut = hasShortcut ? stored('shortcut', shape) : null;
  const upstream = { dy: stored('dy', shape), w: stored('w', [3, 3, 16, 16]), addend: shortcut };
  const weights = { dw: stored('dw', [3, 3, 16, 16]) };
  graph.append('conv2dWeightGradient', { x: given.x, dy: upstream.dy }, weights, windowLike({ padding: 1 }));
  graph.append('conv2dInputGradient', upstream, { dx }, windowLike({ padding: 1 }));
  graph.append(
    'batchNormGradientReduce',
    { ...given, beta: stored('beta', [16]), shortcut, ranges, dy: dx },
    { dz, ...sums, sums: stored('sums', [2]) },
    { activation },
  );
  graph.append('batchNormGradientApply', { dz, ...given, ...sums }, { dx: stored('result', shape) }, {});
  if (shortcut) graph.append('add', { a: dz, b: dz }, { y: stored('kept', shape) }, {});
  const results = ['dgamma', 'dbeta', 'sums', 'result', 'dw', ...(shortcut ? ['kept'] : [])];
  const plan = makePlan({ step: graph });
  const choose = (_: string, candidates: number) => candidates - 1;
  const mostBuffers = open.device.limits.maxStorageBuffersPerShaderStage;
  const placement = placePlan(plan, { matrixUnits, choose, mostBuffers });
  const calls = lowerPhase(plan.phases.step!, placement.forPhase('step'));
  const dispatches = calls.map(
    ({ nodes, call }) => `${call.sums ? 'sums of ' : ''}${nodes.map(({ op }) => op).join(' + ')}`,
  );
  const program = await loadProgram(open, plan, { matrixUnits, choose });
  for (const [index, { name, length }] of plan.storages.entries()) {
    if (!results.includes(name))
      program.write(
        name,
        Float32Array.from({ length }, (_, i) => Math.sin(i * i + index)),
      );
  }
  program.write('table', [2 ** -2, 1.5, 2 ** -9, 0.2]);
  await program.run('step');
  const values = await Promise.all(results.map(async (name) => [name, [...(await program.read(name))]] as const));
  await program.dispose();
  return { dispatches, values: Object.fromEntries(values) };
}

interface Convolutions {
  readonly inputs: number;
  readonly outputs: number;
  readonly image: readonly [height: number, width: number];
  readonly window: readonly [height: number, width: number];
  readonly stride: number;
  /**
   * Operands of the forward pass: small multiples of a power of two, these as quantizers leave them, or any numbers.
   */
  readonly operands: 'quantized' | 'narrow' | 'float';
  /** The tile to take; by default the last. */
  readonly candidate?: number;
}

async function results(
  open: OpenDevice,
  { inputs, outputs, image, window: [height, width], stride, operands, candidate }: Convolutions,
  matrixUnits: MatrixUnits | null,
): Promise<Record<string, number[]>> {
  const graph = new Graph();
  const out = image.map((side) => Math.floor((side - 1) / stride) + 1);
  const tensor = (name: string, shape: readonly number[]) =>
    graph.whole({ name, dtype: 'float', length: elementCount(shape) }, shape);
  const window = windowLike({ stride, padding: [(height - 1) / 2, (width - 1) / 2] });
  const given = { x: tensor('x', [2, ...image, inputs]), w: tensor('w', [height, width, inputs, outputs]) };
  const dyGiven = tensor('dy', [2, ...out, outputs]);
  const { x, w, dy } = operands === 'narrow' ? narrowed(graph, { ...given, dy: dyGiven }) : { ...given, dy: dyGiven };
  graph.append('conv2d', { x, w }, { y: tensor('y', dy.shape), moments: tensor('moments', [2, outputs]) }, window);
  graph.append('conv2dInputGradient', { dy, w, addend: given.x }, { dx: tensor('dx', x.shape) }, window);
  graph.append('conv2dWeightGradient', { x, dy }, { dw: tensor('dw', w.shape) }, window);
  const choose = (_: string, candidates: number) => Math.min(candidate ?? candidates, candidates - 1);
  const program = await loadProgram(open, makePlan({ step: graph }), { matrixUnits, choose });
  const numbers = (length: number, step: number) =>
    Float32Array.from({ length }, (_, i) => {
      const grid = step * ((Math.imul(i + 1, 2_654_435_761) >>> 24) - 128);
      return operands !== 'float' ? grid : grid * (1 + Math.sin(i) / 256);
    });
  program.write('x', numbers(elementCount(x.shape), 2 ** -4));
  program.write('w', numbers(elementCount(w.shape), 2 ** -9));
  program.write(
    'dy',
    Float32Array.from({ length: elementCount(dy.shape) }, (_, i) => Math.sin(i * i)),
  );
  if (operands === 'narrow') program.write('table', [2 ** -4, 7.5, 2 ** -9, 0.2]);
  await program.run('step');
  const names = ['y', 'moments', 'dx', 'dw', ...(operands === 'narrow' ? ['sum'] : [])];
  const values = await Promise.all(names.map((name) => program.read(name)));
  await program.dispose();
  return Object.fromEntries(names.map((name, i) => [name, [...values[i]!]]));
}

/**
 * Images read by a sum too, which wants them exact: fixed point; weights read by products alone: float16; gradients
 * too: float16 of their multiples.
 */
function narrowed(graph: Graph, { x, w, dy }: Readonly<Record<'x' | 'w' | 'dy', Tensor>>) {
  const { ranges } = quantizerRanges(graph);
  const activated = (input: Tensor, index: number, signed: boolean) =>
    activation(graph, input, ranges, { type: 'quantize', row: index, core: 'uniform', signed });
  const images = activated(x, 0, false);
  graph.append(
    'add',
    { a: images, b: images },
    { y: graph.whole({ name: 'sum', dtype: 'float', length: elementCount(x.shape) }, x.shape) },
    {},
  );
  return { x: images, w: activated(w, 1, true), dy: activation(graph, dy, ranges, { type: 'relu' }) };
}

/** The ranges of a quantizer of activations and of one of weights, whose steps and ranges are in a storage, `table`. */
function quantizerRanges(graph: Graph) {
  const row = (signed: boolean) =>
    exampleQuantizer('parametric_fp_d_xmax', {
      ...{ name: signed ? 'w' : 'x', role: signed ? 'weight' : 'activation', bitwidth: 8 },
      bounds: { d: { min: 2 ** -9, max: 1 }, xmax: { min: 2 ** -4, max: 127 } },
    });
  const table = graph.whole({ name: 'table', dtype: 'float', length: 4 }, [2, 2]);
  const ranges = graph.tensor('ranges', [2, 2]);
  graph.append('prepareQuantizers', { table }, { ranges }, { rows: [row(false), row(true)] });
  return { ranges };
}

/**
 * Plain WGSL for a kernel with subgroup matrices: four halves are packed into two words, an operand is where it lies
 * (slice, first element, stride, whether by rows), and each of a subgroup's 32 invocations keeps eight elements of a
 * result.
 */
function emulated(code: string): string {
  if (!code.includes('enable chromium_experimental_subgroup_matrix')) return code;
  const slices = [...new Set([...code.matchAll(/subgroupMatrixLoad<[^(]*\(&(\w+)/g)].map(([, name]) => name!))];
  return `${code
    .replace(/enable \w+;\n/g, '')
    .replaceAll('bitcast<vec4<f16>>(', '(')
    .replaceAll('vec4<f16>()', 'vec2u()')
    .replace(/alias (Left|Right) = [^;]*;/g, 'alias $1 = vec4u;')
    .replace(/alias Result = [^;]*;/, 'alias Result = array<f32, 8>;')
    .replace(/array<vec4<f16>(?=[,>])/g, 'array<vec2u')
    .replaceAll('vec4<f16>(', 'packHalves(')
    .replaceAll('vec4<f16>', 'vec2u')
    .replace(/,\s*@builtin\(subgroup_id\) subgroup: u32,?\s*\) \{/, ') { let subgroup = t / 32u; invocation = t;')
    .replace(
      /subgroupMatrixLoad<\w+, (\w+)>\(&(\w+), /g,
      (_, order: string, slice: string) => `vec4u(${slices.indexOf(slice)}u, ${order === 'row_major' ? 1 : 0}u, `,
    )
    .replace(/subgroupMatrixStore<row_major>\(&sums, /g, 'storeMatrix(')
    .replaceAll('subgroupMatrixMultiplyAccumulate(', 'multiplyMatrices(')}
var<private> invocation: u32;
// By the rules of IEEE 754. One at a time, since SwiftShader lets a NaN run over into its neighbour.
fn half(v: f32) -> u32 {
  let infinity = ((bitcast<u32>(v) >> 16u) & 0x8000u) | 0x7c00u;
  return select(pack2x16float(vec2f(v, 0.0)) & 0xffffu, infinity, abs(v) >= 65520.0);
}
fn packed(a: f32, b: f32) -> u32 { return half(a) | (half(b) << 16u); }
fn packHalves(v: vec4f) -> vec2u { return vec2u(packed(v.x, v.y), packed(v.z, v.w)); }
fn unpackHalves(v: vec2u) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }
fn element(m: vec4u, row: u32, column: u32) -> f32 {
  let fast = select(row, column, m.y == 1u);
  let i = 4u * (m.z + (row + column - fast) * m.w) + fast;
  switch m.x {
    ${slices.map((slice, index) => `case ${index}u: { return unpackHalves(${slice}[i / 4u])[i % 4u]; }`).join('\n    ')}
    default: { return 0.0; }
  }
}
fn multiplyMatrices(a: vec4u, b: vec4u, c: array<f32, 8>) -> array<f32, 8> {
  var sum = c;
  for (var j = 0u; j < 8u; j++) {
    let i = invocation % 32u * 8u + j;
    for (var k = 0u; k < 16u; k++) { sum[j] += element(a, i / 16u, k) * element(b, k, i % 16u); }
  }
  return sum;
}
fn storeMatrix(at: u32, matrix: array<f32, 8>, stride: u32) {
  var m = matrix;
  for (var j = 0u; j < 8u; j++) {
    let i = invocation % 32u * 8u + j;
    sums[at + i / 16u * stride + i % 16u / 4u][i % 4u] = m[j];
  }
}
`;
}
