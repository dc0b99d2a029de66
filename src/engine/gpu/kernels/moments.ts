/**
 * Mean and variance of a convolution's result, gathered where it is computed: each tile gives its sum and the squared
 * deviations from its own mean, which combine without cancellation (Chan, Golub and LeVeque, 1983).
 */

import type { Node } from '../../../graph/graph.js';
import type { Tensor } from '../../../graph/tensor.js';
import {
  type BufferPlan,
  bufferOperand,
  float,
  type KernelCall,
  kernelSource,
  type Operand,
  type Placement,
  tensorOperand,
} from '../kernel.js';
import { storeStatistics } from './batchNorm.js';
import { rowInTile, type TileProduct, type TileShape } from './convolutionTile.js';
import { treeSum } from './sums.js';

/** Partial sums lie as [tiles][sum, squared deviations][n]. */
export const momentsEpilogue = {
  declarations: ({ m, n, rows }: TileShape) => `var<workgroup> columnSums: array<vec4f, ${((m / rows) * n) / 4}>;
fn square(v: vec4f) -> vec4f { return v * v; }`,

  code: (shape: TileShape, m: number, n: number, partials: Operand): NonNullable<TileProduct['epilogue']> => {
    const quads = shape.columns / 4;
    const across = shape.n / 4;
    const size = (shape.m / shape.rows) * across;
    const rowExists = (i: number) => `firstA + ${rowInTile(shape, i)} < ${m}u`;
    const masked = (value: string, i: number) =>
      m % shape.m === 0 ? value : `select(vec4f(), ${value}, ${rowExists(i)})`;
    const overRows = (value: (i: number, j: number) => string) =>
      [...Array(quads).keys()]
        .map((j) => {
          const sum = [...Array(shape.rows).keys()].map((i) => masked(value(i, j), i)).join(' + ');
          return `columnSums[down * ${across}u + across * ${quads}u + ${j}u] = ${sum};`;
        })
        .join('\n  ');
    const fold = treeSum('columnSums', size, across, (shape.m / shape.rows) * (shape.n / shape.columns));
    const write = (which: number, value: string) =>
      [0, 1, 2, 3]
        .map(
          (j) =>
            `if (channel + ${j}u < ${n}u) { ${partials.store(`row + ${which * n}u + channel + ${j}u`, `${value}[${j}]`)} }`,
        )
        .join('\n    ');
    return (accumulator) => `
  ${overRows(accumulator)}
  ${fold}
  let rowsHere = f32(min(${shape.m}u, ${m}u - firstA));
  let channel = firstB + 4u * t;
  let row = group.x * ${2 * n}u;
  if (t < ${across}u) {
    ${write(0, 'columnSums[t]')}
  }
  ${[...Array(quads).keys()].map((j) => `let mean_${j} = columnSums[across * ${quads}u + ${j}u] / rowsHere;`).join('\n  ')}
  workgroupBarrier();
  ${overRows((i, j) => `square(${accumulator(i, j)} - mean_${j})`)}
  ${fold}
  if (t < ${across}u) {
    ${write(1, 'columnSums[t]')}
  }`;
  },
} as const;

/** Combines the tiles; writes the moments, or at once the statistics that follow from them. */
export function finishMoments(
  placement: Placement,
  label: string,
  partials: BufferPlan,
  { m, n, tile }: { readonly m: number; readonly n: number; readonly tile: number },
  moments: Tensor | null,
  statistics: Node<'batchStatistics'> | null,
): KernelCall {
  const tiles = Math.ceil(m / tile);
  const write = (tensor: Tensor) => tensorOperand(placement, tensor, 'write');
  const { operands, finish } = kernelSource({
    partials: bufferOperand(partials, 'read'),
    moments: statistics || !moments ? null : write(moments),
    mean: statistics && write(statistics.operands.runningMean),
    variance: statistics && write(statistics.operands.runningVariance),
    statistics: statistics && write(statistics.results.statistics),
  });
  const columns = 4;
  const lanes = 64;
  const load = (which: number) => operands.partials.load(`row * ${2 * n}u + ${which * n}u + i`);
  const store = statistics
    ? storeStatistics(statistics.attributes, n, operands)
    : `${operands.moments.store('i', 'mean')} ${operands.moments.store(`i + ${n}u`, 'variance')}`;
  const body = `
var<workgroup> lanes: array<f32, 256>;
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  let i = group.x * ${columns}u + t % ${columns}u;
  var sum = 0.0;
  if (i < ${n}u) {
    for (var row = t / ${columns}u; row < ${tiles}u; row += ${lanes}u) { sum += ${load(0)}; }
  }
  lanes[t] = sum;
  ${treeSum('lanes', 256, columns)}
  let mean = lanes[t % ${columns}u] * ${float(1 / m)};
  workgroupBarrier();
  sum = 0.0;
  if (i < ${n}u) {
    for (var row = t / ${columns}u; row < ${tiles}u; row += ${lanes}u) {
      let rows = f32(min(${tile}u, ${m}u - row * ${tile}u));
      let deviation = ${load(0)} / rows - mean;
      sum += ${load(1)} + rows * deviation * deviation;
    }
  }
  lanes[t] = sum;
  ${treeSum('lanes', 256, columns)}
  let variance = lanes[t % ${columns}u] * ${float(1 / m)};
  if (t < ${columns}u && i < ${n}u) {
    ${store}
  }
}
`;
  return finish(`${label} moments`, [Math.ceil(n / columns)], body);
}
