/**
 * Mean and variance of a convolution's result, computed together with it, or of any tensor: each tile gives its sum and
 * the squared deviations from its own mean, which combine without cancellation (Chan, Golub and LeVeque, 1983).
 */

import type { Node } from '../../../graph/graph.js';
import { dimension, type Tensor } from '../../../graph/tensor.js';
import {
  type BufferPlan,
  bufferOperand,
  float,
  type KernelCall,
  kernelSource,
  type Operand,
  type Placement,
  tensorOperand,
  workgroupSize,
} from '../kernel.js';
import { type Lanes, lanesFor, wideIf } from '../lanes.js';
import { storeStatistics } from './batchNorm.js';
import { rowInTile, type TileProduct, type TileShape } from './convolutionTile.js';
import { mostPartials, storeComponents, treeSum, workgroupsOf } from './sums.js';

/**
 * The rows of a product's tiles that are pixels: WGSL that counts them before a row, and tells whether a row is one.
 */
export interface TileRows {
  /** All rows, pixels or not. */
  readonly count: number;
  readonly declarations: string;
  readonly before: (row: string) => string;
  readonly exists: (row: string) => string;
  /** True if every row of every tile is a pixel. */
  readonly isFull: boolean;
}

/** The rows of a product that has one for each of `m` pixels. */
export function rowPerPixel(m: number, tile: number): TileRows {
  return {
    count: m,
    declarations: '',
    before: (row) => `min(${row}, ${m}u)`,
    exists: (row) => `${row} < ${m}u`,
    isFull: m % tile === 0,
  };
}

/** Partial sums are stored as [tiles][sum, squared deviations][n]. */
export const momentsEpilogue = {
  declarations: ({ m, n, rows }: TileShape) => `var<workgroup> columnSums: array<vec4f, ${((m / rows) * n) / 4}>;
fn square(v: vec4f) -> vec4f { return v * v; }`,

  code: (shape: TileShape, rows: TileRows, n: number, partials: Operand): NonNullable<TileProduct['epilogue']> => {
    const quads = shape.columns / 4;
    const across = shape.n / 4;
    const size = (shape.m / shape.rows) * across;
    const masked = (value: string, i: number) =>
      rows.isFull ? value : `select(vec4f(), ${value}, ${rows.exists(`(firstA + ${rowInTile(shape, i)})`)})`;
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
  let rowsHere = ${rowCount(rows, 'firstA', shape.m)};
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

/** Most rows of partial moments: a pass over a whole tensor needs more workgroups than one over parameters. */
const mostTiles = 4 * mostPartials;

/** The moments of a tensor [..., C], by workgroups that take some of its pixels each. */
export function momentTiles(y: Tensor, lanes: Lanes) {
  const { channels, pixels, perPixel, across, down } = workgroupsOf(y, lanes);
  const columnGroups = Math.ceil(perPixel / across);
  const tile = Math.ceil(pixels / (mostTiles / columnGroups) / down) * down;
  const tiles = Math.ceil(pixels / tile);
  /** For pixels of a workgroup, `value` declares that of `pixel` and `c`; `again` repeats it. */
  const gather = (partials: Operand, value: string, again: string): string => {
    const forOwnPixels = (body: string) => `if (c < ${perPixel}u) {
    for (var pixel = first + t / ${across}u; pixel < end; pixel += ${down}u) { ${body} }
  }`;
    return `var<workgroup> sums: array<${lanes.type}, ${workgroupSize}>;
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  let c = group.y * ${across}u + t % ${across}u;
  let first = group.x * ${tile}u;
  let end = min(first + ${tile}u, ${pixels}u);
  var sum = ${lanes.type}();
  ${forOwnPixels(`${value} sum += value;`)}
  sums[t] = sum;
  ${treeSum('sums', workgroupSize, across)}
  let total = sums[t % ${across}u];
  let mean = total / f32(end - first);
  workgroupBarrier();
  var squares = ${lanes.type}();
  ${forOwnPixels(`let deviation = ${again} - mean; squares += deviation * deviation;`)}
  sums[t] = squares;
  ${treeSum('sums', workgroupSize, across)}
  if (t < ${across}u && c < ${perPixel}u) {
    let row = group.x * ${2 * channels}u + ${lanes.width}u * c;
    ${storeComponents(lanes, partials, 'row', 'total')}
    ${storeComponents(lanes, partials, `row + ${channels}u`, 'sums[t]')}
  }
}
`;
  };
  const workgroups: readonly [number, number] = [tiles, columnGroups];
  return { m: pixels, n: channels, tile, pixels, perPixel, workgroups, partials: tiles * 2 * channels, gather };
}

/**
 * The moments of a tensor. `statistics`: the only node that reads them, which the kernel that finishes them then
 * computes.
 */
export function channelMoments(
  node: Node<'channelMoments'>,
  placement: Placement,
  statistics: Node<'batchStatistics'> | null = null,
): KernelCall[] {
  const { x } = node.operands;
  const lanes = lanesFor(dimension(x, x.shape.length - 1));
  const tiles = momentTiles(x, lanes);
  const partials = placement.scratch(tiles.partials);
  const { operands, finish } = kernelSource(
    { x: tensorOperand(placement, x, 'read'), partials: bufferOperand(partials, 'write') },
    wideIf(lanes, ['x']),
  );
  const value = lanes.load(operands.x, `pixel * ${tiles.perPixel}u + c`);
  const label = `channelMoments ${x.name}`;
  return [
    finish(label, tiles.workgroups, tiles.gather(operands.partials, `let value = ${value};`, value)),
    finishMoments(placement, label, partials, tiles, node.results.moments, statistics),
  ];
}

interface MomentsSizes {
  /** Pixels and channels. */
  readonly m: number;
  readonly n: number;
  /** Rows of a tile. */
  readonly tile: number;
  /** By default one for each pixel. */
  readonly rows?: TileRows;
}

/** Number of pixels in a tile, which may be 0. */
function rowCount({ before }: TileRows, first: string, size: number): string {
  return `f32(${before(`(${first} + ${size}u)`)} - ${before(first)})`;
}

/** Combines the tiles; writes the moments, or directly the statistics computed from them. */
export function finishMoments(
  placement: Placement,
  label: string,
  partials: BufferPlan,
  { m, n, tile, rows = rowPerPixel(m, tile) }: MomentsSizes,
  moments: Tensor | null,
  statistics: Node<'batchStatistics'> | null,
): KernelCall {
  const tiles = Math.ceil(rows.count / tile);
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
  const body = `${rows.declarations}
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
      let rows = ${rowCount(rows, `(row * ${tile}u)`, tile)};
      let deviation = ${load(0)} / max(rows, 1.0) - mean;
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
