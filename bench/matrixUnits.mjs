/**
 * Where the time of a product on matrix units goes: the loop of the engine's kernels (`gpu/kernels/matrixTile.ts`) by
 * itself, in several forms and with parts taken away, in TFLOP/s. It computes a 3×3 convolution of ResNet-18 with batch
 * 128, float16 operands and float32 sums, whose windows run over the ends of rows, so that no load needs a bound.
 *
 * Run after `npm run build`: node bench/matrixUnits.mjs [--side 28]
 */
import { parseArgs } from 'node:util';
import { openDevice } from '../dist/engine/gpu/device.js';
import { matrixDirectives } from '../dist/engine/gpu/kernels/matrixTile.js';
import { availableGpu } from '../dist/engine/gpu/nodeGpu.js';
import { median } from '../dist/median.js';
import { passTime } from './passTime.mjs';

const { values } = parseArgs({ options: { side: { type: 'string', default: '28' } } });
const side = Number(values.side);
const channels = { 56: 64, 28: 128, 14: 256, 7: 512 }[side];
if (!channels) throw new Error('--side: 56, 28, 14 or 7');
const pixels = 128 * side * side;
const taps = 9;

const wide = { m: 128, n: 128, k: 32, subgroups: [2, 4], fetches: 'ahead' };
const narrow = { m: 256, n: 64, k: 32, subgroups: [4, 2], fetches: 'ahead' };
const usual = channels < 128 ? narrow : wide;
const slides = { m: 256, k: 16, subgroups: [4, 2], slides: true };
const forms = [
  ['as usual', usual],
  ['without stores of results', { ...usual, without: ['stores'] }],
  ['without writing slices', { ...usual, without: ['slices'] }],
  ['without loading fragments', { ...usual, without: ['fragments'] }],
  ['without products', { ...usual, without: ['products'] }],
  ['without products and writing slices', { ...usual, without: ['products', 'slices'] }],
  ['sums through workgroup memory', { ...usual, staged: true }],
  ['a slice fetched when it is needed', { ...usual, fetches: 'when needed' }],
  ['four subgroups of 64 columns', { ...usual, subgroups: [usual.m / 64, usual.n / 64] }],
  ['slices of 16', { ...usual, k: 16 }],
  ['128 × 64', { ...narrow, m: 128, subgroups: [2, 2] }],
  ['slides, 256 × 64', { ...slides, n: 64, fetches: 'ahead' }],
  ['slides, 256 × 64, fetched when needed', { ...slides, n: 64, fetches: 'when needed' }],
  ['slides, 256 × 32, fetched when needed', { ...slides, n: 32, fetches: 'when needed' }],
];

const list = (count, write, separator = '\n  ') => [...Array(count).keys()].map(write).join(separator);

/** The kernel of a form. */
function source({ m, n, k, subgroups: [down, across], fetches, slides, staged, without = [] }) {
  const has = (part) => !without.includes(part);
  const threads = 32 * down * across;
  const [rounds, columns] = [m / 16 / down, n / 16 / across];
  const shift = (tap) => `(${tap} / 3u * ${side}u + ${tap} % 3u)`;
  // Eight numbers are loaded at once; rows in workgroup memory are vectors of four, padded by 16 bytes.
  const a = { name: 'A', rows: slides ? m + 2 * side + 2 : m, perRow: k / 8, stride: k / 4 + 2 };
  const b = { name: 'B', rows: slides ? taps * k : k, perRow: n / 8, stride: n / 4 + 2 };
  const loads = ({ rows, perRow }) => Math.ceil((rows * perRow) / threads);
  const each = (factor, write) =>
    list(loads(factor), (i) => {
      const isWhole = (i + 1) * threads <= factor.rows * factor.perRow;
      const code = write(`${factor.name}${i}`);
      return isWhole ? code : `if (t + ${i * threads}u < ${factor.rows * factor.perRow}u) { ${code} }`;
    });
  const prepare = (factor, at) =>
    list(loads(factor), (i) => {
      const id = `${factor.name}${i}`;
      return `let row${id} = (t + ${i * threads}u) / ${factor.perRow}u; let run${id} = (t + ${i * threads}u) % ${factor.perRow}u;
  let at${id} = ${at(id)}; var next${id} = vec4u();`;
    });
  const rowOfB = (id) => (slides ? `(row${id} / ${k}u * ${channels}u + row${id} % ${k}u)` : `row${id}`);
  const start = slides
    ? 'slice / 8u'
    : `${shift(`(slice / ${channels}u)`)} * ${channels / 8}u + slice % ${channels}u / 8u`;
  const fetch = `let startA = ${start}; let startB = slice * ${channels / 8}u;
    ${each(a, (id) => `next${id} = x[at${id} + startA];`)}
    ${each(b, (id) => `next${id} = w[at${id} + startB];`)}`;
  const keepRun = (factor, id) => {
    if (!has('slices')) return `unused ^= next${id}.x ^ next${id}.y ^ next${id}.z ^ next${id}.w;`;
    const place = `row${id} * ${factor.stride}u + 2u * run${id}`;
    const half = (which, offset) =>
      `slice${factor.name}[${place} + ${offset}u] = bitcast<vec4<f16>>(next${id}.${which});`;
    return `${half('xy', 0)} ${half('zw', 1)}`;
  };
  const keep = [a, b].map((factor) => each(factor, (id) => keepRun(factor, id))).join('\n    ');
  const rowTile = (i) => `(downHere + ${i * down}u)`;
  const columnTile = (j) => `(acrossHere + ${j * across}u)`;
  const left = (i, at, shifted) =>
    `let left_${i} = subgroupMatrixLoad<Left, row_major>(&sliceA, (${rowTile(i)} * 16u${shifted}) * ${a.stride}u + ${at / 4}u, ${a.stride}u);`;
  const right = (j, at, tap) =>
    `let right_${j} = subgroupMatrixLoad<Right, row_major>(&sliceB, (${at}u${tap}) * ${b.stride}u + ${columnTile(j)} * 4u, ${b.stride}u);`;
  const products = list(rounds, (i) =>
    list(columns, (j) => `sum_${i}_${j} = subgroupMatrixMultiplyAccumulate(left_${i}, right_${j}, sum_${i}_${j});`),
  );
  const fragments = (at, shifted = '', tap = '') =>
    `${list(rounds, (i) => left(i, at, shifted))} ${list(columns, (j) => right(j, at, tap))}`;
  const steps = (shifted, tap) =>
    list(k / 16, (step) => `{ ${has('fragments') ? fragments(16 * step, shifted, tap) : ''} ${products} }`);
  const taped = `for (var tap = 0u; tap < ${taps}u; tap++) { let shift = ${shift('tap')}; ${steps(' + shift', ` + tap * ${k}u`)} }`;
  const multiply = !has('products') ? '' : slides ? taped : steps();
  const end = slides ? channels : taps * channels;
  const loop =
    fetches === 'ahead'
      ? `for (var slice = 0u; ; slice += ${k}u) {
    if (slice < ${end}u) { ${fetch} }
    if (slice > 0u) { ${multiply} }
    if (slice >= ${end}u) { break; }
    workgroupBarrier();
    ${keep}
    workgroupBarrier();
  }`
      : `for (var slice = 0u; slice < ${end}u; slice += ${k}u) {
    workgroupBarrier();
    ${fetch}
    ${keep}
    workgroupBarrier();
    ${multiply}
  }`;
  const first = `group.x * ${m}u`;
  const direct = list(rounds, (i) =>
    list(columns, (j) => {
      const at = `(${first} + ${rowTile(i)} * 16u) * ${channels}u + group.y * ${n}u + ${columnTile(j)} * 16u`;
      return `subgroupMatrixStore<row_major>(&y, ${at}, sum_${i}_${j}, ${channels}u);`;
    }),
  );
  const through = list(rounds, (i) => {
    const stage = (j) =>
      `subgroupMatrixStore<row_major>(&sums, downHere * ${16 * (n + 4)}u + ${columnTile(j)} * 16u, sum_${i}_${j}, ${n + 4}u);`;
    const y = `y[(${first} + ${16 * down * i}u + p / ${n}u) * ${channels}u + group.y * ${n}u + p % ${n}u]`;
    return `workgroupBarrier(); ${list(columns, stage)} workgroupBarrier();
  for (var p = t; p < ${16 * down * n}u; p += ${threads}u) { ${y} = sums[p / ${n}u * ${n + 4}u + p % ${n}u]; }`;
  });
  const results = staged ? through : direct;
  return `${matrixDirectives}
@group(0) @binding(0) var<storage, read> x: array<vec4u>;
@group(0) @binding(1) var<storage, read> w: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
var<workgroup> sliceA: array<vec4<f16>, ${a.rows * a.stride}>;
var<workgroup> sliceB: array<vec4<f16>, ${b.rows * b.stride}>;
${staged ? `var<workgroup> sums: array<f32, ${16 * down * (n + 4)}>;` : ''}
alias Left = subgroup_matrix_left<f16, 16, 16>;
alias Right = subgroup_matrix_right<f16, 16, 16>;
alias Result = subgroup_matrix_result<f32, 16, 16>;
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32, @builtin(subgroup_id) subgroup: u32) {
  let downHere = subgroup / ${across}u;
  let acrossHere = subgroup % ${across}u;
  var unused = 0u;
  ${list(rounds, (i) => list(columns, (j) => `var sum_${i}_${j} = Result();`))}
  ${prepare(a, (id) => `(${first} + row${id}) * ${channels / 8}u + run${id}`)}
  ${prepare(b, (id) => `${rowOfB(id)} * ${channels / 8}u + group.y * ${n / 8}u + run${id}`)}
  ${has('fragments') ? '' : fragments(0)}
  ${loop}
  ${has('stores') ? results : `if (group.x == 4294967295u) { ${results} }`}
  ${has('slices') ? '' : 'if (unused == 1u) { y[0] = 1.0; }'}
}
`;
}

const open = await openDevice({ gpu: await availableGpu(), needs: ['timestamp-query'] });
const { device } = open;
const buffer = (bytes) =>
  device.createBuffer({
    size: bytes,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
const small = Uint16Array.of(0, 0x3c00, 0xbc00, 0x4000);
const filled = (count, seed) => {
  const made = buffer(2 * count);
  const numbers = Uint16Array.from({ length: count }, (_, i) => small[Math.imul(i + seed, 2_654_435_761) >>> 30]);
  device.queue.writeBuffer(made, 0, numbers);
  return made;
};
const operands = [
  filled((pixels + 256 + 2 * side + 2) * channels, 1),
  filled(taps * channels * channels, 7),
  buffer(4 * (pixels + 256) * channels),
];

/** Milliseconds of a run, a mean over so many. */
async function time(pipeline, { m, n }, runs) {
  const entries = operands.map((operand, binding) => ({ binding, resource: { buffer: operand } }));
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  const nanoseconds = await passTime(device, (pass) => {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let run = 0; run < runs; run++) pass.dispatchWorkgroups(Math.ceil(pixels / m), channels / n);
  });
  return nanoseconds / 1e6 / runs;
}

/** The bits of some results. */
async function results() {
  const bytes = 4 * 64 * channels;
  const staging = device.createBuffer({ size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(operands[2], 4 * (pixels - 64) * channels, staging, 0, bytes);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  return Buffer.from(staging.getMappedRange()).toString('base64');
}

console.log(`${open.description}, ${side}×${side}×${channels}, batch 128`);
const operations = 2 * pixels * channels * channels * taps;
let right = null;
for (const [name, form] of forms) {
  const module = device.createShaderModule({ code: source(form) });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  await time(pipeline, form, 100);
  const times = [];
  for (let round = 0; round < 5; round++) times.push(await time(pipeline, form, 100));
  const ms = median(times);
  const bits = form.without ? null : await results();
  right ??= bits;
  const isWrong = bits !== null && bits !== right;
  console.log(
    `${(operations / ms / 1e9).toFixed(0).padStart(4)} TFLOP/s  ${ms.toFixed(4)} ms  ${name}${isWrong ? '  WRONG' : ''}`,
  );
}
open.dispose();
