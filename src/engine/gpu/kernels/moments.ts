/**
 * Mean and variance of a convolution's result, computed together with it, or of any tensor: each tile gives its sum and
 * the squared deviations from its own mean, which combine without cancellation (Chan, Golub and LeVeque, 1983).
 */

import type { Node } from '../../../graph/graph.js';
import { channelsOf, type Tensor } from '../../../graph/tensor.js';
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
import { type Epilogue, placeOf, quadInTile, type TileShape } from './convolutionTile.js';
import { columnSums, mostPartials, storeComponents, workgroupsOf } from './sums.js';

/**
 * The rows of a product's tiles that are pixels: WGSL that counts them before a row, and tells whether the place of a row is
 * one's.
 */
export interface TileRows {
  /** All rows, pixels or not. */
  readonly count: number;
  readonly declarations: string;
  readonly before: (row: string) => string;
  readonly exists: (place: string) => string;
  /** True if every row of every tile is a pixel. */
  readonly isFull: boolean;
}

/** The rows of a product that has one for each of `m` pixels. */
export function rowPerPixel(m: number, tile: number): TileRows {
  return {
    count: m,
    declarations: '',
    before: (row) => `min(${row}, ${m}u)`,
    exists: (place) => `${place} < ${m}u`,
    isFull: m % tile === 0,
  };
}

/** The moments of a tile's columns, stored as [tiles][sum, squared deviations][n]. */
export function momentsEpilogue(shape: TileShape, rows: TileRows, n: number, partials: Operand): Epilogue {
  const quads = shape.columns / 4;
  const across = shape.n / 4;
  const down = shape.m / shape.rows;
  const masked = (value: string, i: number) =>
    rows.isFull ? value : `select(vec4f(), ${value}, ${rows.exists(placeOf(i))})`;
  const each = (write: (j: number) => string) => [...Array(quads).keys()].map(write).join('\n  ');
  const overRows = (memory: string, value: (i: number, j: number) => string) =>
    each((j) => {
      const sum = [...Array(shape.rows).keys()].map((i) => masked(value(i, j), i)).join(' + ');
      return `${memory}[down * ${across}u + ${quadInTile(shape, j)}] = ${sum};`;
    });
  const write = (which: number, value: string) =>
    [0, 1, 2, 3]
      .map(
        (j) =>
          `if (channel + ${j}u < ${n}u) { ${partials.store(`row + ${which * n}u + channel + ${j}u`, `${value}[${j}]`)} }`,
      )
      .join('\n    ');
  return {
    declarations: 'fn square(v: vec4f) -> vec4f { return v * v; }',
    vectors: down * across,
    code: (accumulator, memory) => {
      const fold = columnSums([memory], { across, down }, down * (shape.n / shape.columns));
      return `
  ${overRows(memory, accumulator)}
  ${fold}
  let rowsHere = ${rowCount(rows, 'firstA', shape.m)};
  let channel = firstB + 4u * t;
  let row = group.x * ${2 * n}u;
  if (t < ${across}u) {
    ${write(0, `${memory}[t]`)}
  }
  ${each((j) => `let mean_${j} = ${memory}[${quadInTile(shape, j)}] / rowsHere;`)}
  workgroupBarrier();
  ${overRows(memory, (i, j) => `square(${accumulator(i, j)} - mean_${j})`)}
  ${fold}
  if (t < ${across}u) {
    ${write(1, `${memory}[t]`)}
  }`;
    },
  };
}

/**
 * WGSL for the moments of what an invocation adds one after another, as sums of differences from the first mean, which is of
 * the order of the others, and for those of a workgroup.
 */
export const ownMoments = {
  declare: (type: Lanes['type']) => `var pivot = ${type}();
  var offsets = ${type}();
  var squares = ${type}();
  var count = 0.0;`,

  /** Adds so many numbers with this mean and these squared deviations from it. */
  add: (mean: string, numbers = '1.0', deviations = '') => `if (count == 0.0) { pivot = ${mean}; }
      { let offset = ${mean} - pivot;
        offsets += ${numbers} * offset;
        squares += ${numbers} * offset * offset${deviations && ` + ${deviations}`};
        count += ${numbers}; }`,

  /**
   * Declares the `total` of so many numbers in each column of a workgroup, and leaves their squared deviations from its mean
   * in the array's first row.
   */
  combine: (array: string, shape: { readonly across: number; readonly down: number }, numbers: string) =>
    `${array}[t] = count * pivot + offsets;
  ${columnSums([array], shape)}
  let total = ${array}[t % ${shape.across}u];
  let distance = pivot + offsets / max(count, 1.0) - total / max(${numbers}, 1.0);
  workgroupBarrier();
  ${array}[t] = squares - offsets * offsets / max(count, 1.0) + count * distance * distance;
  ${columnSums([array], shape)}`,
} as const;

/** Most rows of partial moments: a pass over a whole tensor needs more workgroups than one over parameters. */
const mostTiles = 4 * mostPartials;

/** Rows of pixels, cut into strips of so many neighbours; the last strip of a row may be shorter. */
export interface Strips {
  /** Pixels of a row. */
  readonly width: number;
  readonly length: number;
}

const singlePixels: Strips = { width: 1, length: 1 };

/** The moments of a tensor [..., C], by workgroups that take some of its strips each. */
export function momentTiles(y: Tensor, lanes: Lanes, { width, length }: Strips = singlePixels) {
  const shape = workgroupsOf(y, lanes);
  const { channels, pixels, perPixel, columnGroups, across, down, isWorking } = shape;
  const perRow = Math.ceil(width / length);
  const strips = (pixels / width) * perRow;
  const tile = Math.ceil(strips / (mostTiles / columnGroups) / down) * down;
  const tiles = Math.ceil(strips / tile);
  const places = perRow * length;
  const count = strips * length;
  const rows: TileRows =
    places === width
      ? rowPerPixel(pixels, tile * length)
      : {
          count,
          declarations: `fn pixelsBefore(place: u32) -> u32 { return place / ${places}u * ${width}u + min(place % ${places}u, ${width}u); }`,
          before: (row) => `pixelsBefore(min(${row}, ${count}u))`,
          exists: (place) => `${place} % ${places}u < ${width}u`,
          isFull: false,
        };
  /** For strips of a workgroup, `values` computes the pixels of `strip` for `c` and adds each by `add`. */
  const gather = (partials: Operand, values: (add: (value: string) => string) => string): string =>
    `${rows.declarations}
var<workgroup> sums: array<${lanes.type}, ${workgroupSize}>;
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  let c = group.y * ${across}u + t % ${across}u;
  let first = group.x * ${tile}u;
  let end = min(first + ${tile}u, ${strips}u);
  ${ownMoments.declare(lanes.type)}
  if (${isWorking}) {
    for (var strip = first + t / ${across}u; strip < end; strip += ${down}u) { ${values(ownMoments.add)} }
  }
  ${ownMoments.combine('sums', shape, rowCount(rows, `(first * ${length}u)`, tile * length))}
  if (t < ${across}u && c < ${perPixel}u) {
    let row = group.x * ${2 * channels}u + ${lanes.width}u * c;
    ${storeComponents(lanes, partials, 'row', 'total')}
    ${storeComponents(lanes, partials, `row + ${channels}u`, 'sums[t]')}
  }
}
`;
  const workgroups: readonly [number, number] = [tiles, columnGroups];
  const sizes = { m: pixels, n: channels, tile: tile * length, rows };
  return { ...sizes, strips, perRow, perPixel, workgroups, partials: tiles * 2 * channels, gather };
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
  const lanes = lanesFor(channelsOf(x));
  const tiles = momentTiles(x, lanes);
  const partials = placement.scratch(tiles.partials);
  const { operands, finish } = kernelSource(
    { x: tensorOperand(placement, x, 'read'), partials: bufferOperand(partials, 'write') },
    wideIf(lanes, ['x']),
  );
  const value = lanes.load(operands.x, `strip * ${tiles.perPixel}u + c`);
  const label = `channelMoments ${x.name}`;
  const each = (add: (value: string) => string) => `let value = ${value}; ${add('value')}`;
  return [
    finish(label, tiles.workgroups, tiles.gather(operands.partials, each)),
    ...finishMoments(placement, label, partials, tiles, node.results.moments, statistics),
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

/** Number of pixels in a tile, as f32; may be 0. */
export function rowCount({ before }: TileRows, first: string, size: number): string {
  return `f32(${before(`(${first} + ${size}u)`)} - ${before(first)})`;
}

/**
 * Tiles that one workgroup combines for its channels at once. Of more, some are combined first: by the workgroup itself, one
 * part after another, or of still more by several workgroups, in a kernel of their own.
 */
const mostCombined = 1024;
const combinedAtOnce = 256;
const mostParts = 16;

/** Combines the tiles; writes the moments, or directly the statistics computed from them. */
export function finishMoments(
  placement: Placement,
  label: string,
  partials: BufferPlan,
  { m, n, tile, rows = rowPerPixel(m, tile) }: MomentsSizes,
  moments: Tensor | null,
  statistics: Node<'batchStatistics'> | null,
): KernelCall[] {
  const tiles = Math.ceil(rows.count / tile);
  if (tiles > mostParts * combinedAtOnce) {
    const fewer = placement.scratch(Math.ceil(tiles / combinedAtOnce) * 2 * n);
    const sizes = { m, n, tile: tile * combinedAtOnce, rows };
    return [
      combineTiles(placement, `${label} moments of tiles`, partials, { m, n, tile, rows }, combinedAtOnce, fewer),
      ...finishMoments(placement, label, fewer, sizes, moments, statistics),
    ];
  }
  return [combineTiles(placement, `${label} moments`, partials, { m, n, tile, rows }, tiles, statistics ?? moments!)];
}

/**
 * @param atOnce tiles of a workgroup
 * @param result a table of partial moments, the moments of all tiles, or the statistics computed from them
 */
function combineTiles(
  placement: Placement,
  label: string,
  partials: BufferPlan,
  { m, n, tile, rows }: Required<MomentsSizes>,
  atOnce: number,
  result: BufferPlan | Tensor | Node<'batchStatistics'>,
): KernelCall {
  const tiles = Math.ceil(rows.count / tile);
  const write = (tensor: Tensor) => tensorOperand(placement, tensor, 'write');
  const statistics = 'op' in result ? result : null;
  const moments = 'bytes' in result ? bufferOperand(result, 'write') : 'op' in result ? null : write(result);
  const { operands, finish } = kernelSource({
    partials: bufferOperand(partials, 'read'),
    moments,
    mean: statistics && write(statistics.operands.runningMean),
    variance: statistics && write(statistics.operands.runningVariance),
    statistics: statistics && write(statistics.results.statistics),
  });
  const shape = { across: 4, down: 64 };
  const load = (which: number, row: string) => operands.partials.load(`${row} * ${2 * n}u + ${which * n}u + i`);
  const moment = (which: number, value: string) =>
    operands.moments.store(`group.y * ${2 * n}u + ${which * n}u + i`, value);
  const share = (sum: string) => `${sum} * ${float(1 / m)}`;
  const store = statistics
    ? `let mean = ${share('total')};
    let variance = ${share('lanes[t]')};
    ${storeStatistics(statistics.attributes, n, operands)}`
    : 'bytes' in result
      ? `${moment(0, 'total')} ${moment(1, 'lanes[t]')}`
      : `${moment(0, share('total'))} ${moment(1, share('lanes[t]'))}`;
  // Loaded before they are added, one after another.
  const atATime = [0, 1, 2, 3];
  /** Combines so many from `first` on, of so many of this size, in each column of a workgroup that has some. */
  const combine = (
    count: number,
    all: number,
    size: number,
    hasSome: string,
    values: (which: number, row: string) => string,
  ) =>
    `let end = min(first + ${count}u, ${all}u);
  ${ownMoments.declare('f32')}
  if (${hasSome}) {
    for (var begin = first + t / ${shape.across}u; begin < end; begin += ${atATime.length * shape.down}u) {
      ${atATime
        .map(
          (j) => `let row${j} = min(begin + ${j * shape.down}u, end - 1u);
      let sum${j} = ${values(0, `row${j}`)};
      let squares${j} = ${values(1, `row${j}`)};`,
        )
        .join('\n      ')}
      ${atATime
        .map(
          (j) => `if (begin + ${j * shape.down}u < end) {
        let rows = ${rowCount(rows, `(row${j} * ${size}u)`, size)};
        let mean = sum${j} / max(rows, 1.0);
        ${ownMoments.add('mean', 'rows', `squares${j}`)}
      }`,
        )
        .join('\n      ')}
    }
  }
  ${ownMoments.combine('lanes', shape, rowCount(rows, `(first * ${size}u)`, count * size))}`;
  const isInParts = atOnce > mostCombined;
  const parts = Math.ceil(tiles / combinedAtOnce);
  // Columns are channels, or one channel's parts.
  const code = isInParts
    ? `let i = group.x;
  for (var round = 0u; round < ${Math.ceil(parts / shape.across)}u; round++) {
    let part = ${shape.across}u * round + t % ${shape.across}u;
    let first = ${combinedAtOnce}u * part;
    ${combine(combinedAtOnce, tiles, tile, `part < ${parts}u`, load)}
    if (t < ${shape.across}u && part < ${parts}u) { combined[part] = vec2f(total, lanes[t]); }
    workgroupBarrier();
  }
  let first = 0u;
  ${combine(parts, parts, tile * combinedAtOnce, 'true', (which, row) => `combined[${row}][${which}]`)}
  if (t == 0u) {`
    : `let i = group.x * ${shape.across}u + t % ${shape.across}u;
  let first = group.y * ${atOnce}u;
  ${combine(atOnce, tiles, tile, `i < ${n}u`, load)}
  if (t < ${shape.across}u && i < ${n}u) {`;
  const body = `${rows.declarations}
var<workgroup> lanes: array<f32, 256>;
${isInParts ? `var<workgroup> combined: array<vec2f, ${parts}>;` : ''}
@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  ${code}
    ${store}
  }
}
`;
  return finish(label, isInParts ? [n] : [Math.ceil(n / shape.across), Math.ceil(tiles / atOnce)], body);
}
