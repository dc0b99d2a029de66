/**
 * Convolutions with few channels, on matrix units: tiles are some whole rows of an image, and a workgroup takes
 * several in turn. What such products cost is not their arithmetic: weights are brought into workgroup memory once for all
 * tiles, the rows of the next tile are fetched during the products of the one before, places in them do not depend on the
 * tile, and moments are added up in registers until the last.
 */

import type { MatrixUnits, Operand } from '../kernel.js';
import { float } from '../kernel.js';
import { lanesFor } from '../lanes.js';
import type { ConvolutionSizes } from './convolutionSizes.js';
import type { TileShape, TileSource } from './convolutionTile.js';
import { fragmentAliases, type Stager, stager } from './matrixTile.js';
import { fragment, passSize, type SliceSize, sliceVectors, subgroupSize } from './matrixTileShapes.js';
import { ownMoments, rowCount, rowPerPixel } from './moments.js';
import {
  type Direction,
  distanceInRows,
  hasRowTiles,
  mostRowChannels,
  positionInRows,
  rowsSeen,
  seenBy,
} from './rowsSeen.js';
import { storeComponents } from './sums.js';

/** The shape of a tile of rows of images: `m` pixels, all channels `n` and `k`, `inTurn` of them for a workgroup. */
export type RowTile = TileShape & Required<Pick<TileShape, 'inTurn' | 'subgroups'>>;

export function isRowTile(shape: TileShape): shape is RowTile {
  return shape.inTurn !== undefined && shape.subgroups !== undefined;
}

/** Tiles of pixels that fit into the workgroup memory, in each just so many workgroups that there are enough. */
export function pixelRowTiles(
  op: 'conv2d' | 'conv2dInputGradient',
  sizes: ConvolutionSizes,
  units: MatrixUnits,
): RowTile[] {
  const isForward = op === 'conv2d';
  const { stride } = sizes.rows;
  const [n, k] = isForward ? [sizes.outputChannels, sizes.inputChannels] : [sizes.inputChannels, sizes.outputChannels];
  if (units.precision !== 'float16' || n > mostRowChannels || k > mostRowChannels) return [];
  if (!isForward && stride > 1) return [];
  return shapesFor(n, stride)
    .filter(([m]) => hasRowTiles(sizes, m))
    .map(
      ([m, subgroups, workgroups, least = 1]): RowTile => ({
        ...{ m, n, k, rows: (m * n) / (4 * subgroupSize * subgroups), columns: 4 },
        ...{ subgroups: [subgroups, 1], passes: [n / fragment, 1] },
        inTurn: Math.max(least, Math.ceil(sizes.outputPixels / m / workgroups)),
      }),
    )
    .filter((shape) => bytesOf(sizes, shape, isForward ? 'forward' : 'backward') <= units.workgroupBytes);
}

type ShapeToTry = readonly [m: number, subgroups: number, workgroups: number, least?: number];

/**
 * Pixels and subgroups of tiles to try, about how many workgroups, two to eight on each of 132 multiprocessors, and the least
 * number of tiles in turn. Small workgroups wait for each other less, large ones see fewer rows twice, as do windows
 * without a stride.
 */
function shapesFor(n: number, stride: number): readonly ShapeToTry[] {
  if (stride > 1) {
    return [
      [128, 8, 528],
      [64, 4, 1024],
      [64, 4, 528, 2],
    ];
  }
  if (n === 16) {
    return [
      [256, 8, 528],
      [256, 8, 264],
      [128, 4, 1024],
      [128, 4, 528, 2],
    ];
  }
  return [
    [128, 8, 528],
    [128, 8, 264],
    [64, 4, 528],
    [128, 4, 264, 2],
  ];
}

/** Pixels of a workgroup. */
export function pixelsInTurn({ m, inTurn }: RowTile): number {
  return m * inTurn;
}

/** The moments of the results, as [workgroups][sum, squared deviations][n]. */
export function momentsEnd({ m, n, inTurn }: RowTile, pixels: number, partials: Operand): RowTileEnd {
  const rows = rowPerPixel(pixels, m * inTurn);
  return {
    declarations: '',
    begin: ownMoments.declare('vec4f'),
    each: (index, value, store) => `${store(index, value)} ${ownMoments.add(value)}`,
    end: (array, shape) => `workgroupBarrier();
  ${ownMoments.combine(array, shape, rowCount(rows, `(group.x * ${m * inTurn}u)`, m * inTurn))}
  if (t < ${shape.across}u) {
    let at = group.x * ${2 * n}u + 4u * t;
    ${storeComponents(lanesFor(n), partials, 'at', 'total')}
    ${storeComponents(lanesFor(n), partials, `at + ${n}u`, `${array}[t]`)}
  }`,
  };
}

export interface RowTileProduct {
  readonly sizes: ConvolutionSizes;
  readonly shape: RowTile;
  readonly direction: Direction;
  /** The images, or the gradients of the outputs. */
  readonly x: Operand;
  readonly weights: TileSource;
  readonly scaledA?: number;
  readonly scaledB?: number;
  /** WGSL that loads four neighbours to add to the results. */
  readonly addend?: Load | null;
  /** WGSL that stores four neighbours, number `index` of all results. */
  readonly store: Store;
  /** What else is computed of the results. */
  readonly end: RowTileEnd | null;
}

type Load = (index: string) => string;
type Store = (index: string, value: string) => string;

/**
 * WGSL that computes with the results. An invocation `t` has those of the four channels `across`, and passes all of them before
 * the workgroup ends.
 */
export interface RowTileEnd {
  readonly declarations: string;
  /** Before the first. */
  readonly begin: string;
  /** Loads of four neighbours, by names that `each` may use. */
  readonly ahead?: Readonly<Record<string, Load>>;
  /** Four neighbours; stores them. */
  readonly each: (index: string, value: string, store: Store) => string;
  /** Behind the last; uses an array with a vector for each of `across` × `down` invocations. */
  readonly end: (array: string, shape: { readonly across: number; readonly down: number }) => string;
}

/** A product whose rows are pixels: forward, or the input gradient. */
export function rowTileProduct(product: RowTileProduct, { precision }: MatrixUnits): string {
  const { sizes, shape, direction, weights, store, end } = product;
  const { m, n, k, inTurn, passes: [passes] = [1, 1] } = shape;
  const [subgroups] = shape.subgroups;
  const threads = subgroupSize * subgroups;
  const { outputWidth: width, outputPixels } = sizes;
  const slices = slicesOf(sizes, shape, direction);
  const rows = rowsSeen(product, { channels: k, direction, along: 'k' });
  const a = stager('A', rows, slices.a, threads, product.scaledA, precision);
  const b = stager('B', weights, slices.b, threads, product.scaledB, precision);
  const passing = passSize(shape);
  const quads = n / 4;
  const each = (count: number) => [...Array(count).keys()];
  const rounds = each(m / fragment / subgroups);
  const columns = each(n / fragment);
  const unscale = float(1 / ((product.scaledA ?? 1) * (product.scaledB ?? 1)));
  const weightsAt = (tap: number, j: number, depth: number) =>
    direction === 'forward'
      ? `${(tap * k + depth) * b.stride + (j * fragment) / 4}u`
      : `${(tap * n + j * fragment) * b.stride + depth / 4}u`;
  const multiply = each(sizes.taps)
    .flatMap((tap) =>
      each(k / fragment).map((step) => {
        const depth = step * fragment;
        const from = distanceInRows(sizes, tap, direction) * a.stride + depth / 4;
        const rights = columns.map((j) => `let right_${j} = ${b.load('Right', 'High', weightsAt(tap, j, depth))};`);
        const products = rounds.map((i) => {
          const sums = columns.map(
            (j) => `sum_${i}_${j} = subgroupMatrixMultiplyAccumulate(left_${i}, right_${j}, sum_${i}_${j});`,
          );
          return `let left_${i} = ${a.load('Left', 'High', `left_at_${i} + ${from}u`, sizes.rows.stride)}; ${sums.join(' ')}`;
        });
        return `{ ${[...rights, ...products].join('\n      ')} }`;
      }),
    )
    .join('\n    ');
  const reads = each((passing.rows * quads) / threads);
  const indexOf = (place: number) => `row * ${(width * n) / 4}u + ${place * threads}u + t`;
  // What else is read for the results is loaded before the products, which it need not wait for.
  const ahead = Object.entries<Load>({ ...(product.addend && { addend: product.addend }), ...end?.ahead });
  const fetchAhead = each(passes * reads.length).flatMap((place) =>
    ahead.map(([name, load]) => `let ${name}_${place} = ${load(indexOf(place))};`),
  );
  const four = (place: number) => {
    const value = product.addend ? 'value + addend' : 'value';
    return `${ahead.map(([name]) => `let ${name} = ${name}_${place};`).join(' ')}
      ${end?.each(indexOf(place), value, store) ?? store(indexOf(place), value)}`;
  };
  // Where there are more passes than rounds, some subgroups stage theirs in each.
  const perRound = Math.max(1, passes / rounds.length);
  const pass = (index: number) => {
    const staged = rounds.slice((index * rounds.length) / passes, Math.ceil(((index + 1) * rounds.length) / passes));
    const stage = staged
      .flatMap((i) =>
        columns.map(
          (j) =>
            `subgroupMatrixStore<row_major>(&sums, (tileRow_${i} * ${fragment}u - ${index * passing.rows}u) * ${passing.stride}u + ${(j * fragment) / 4}u, sum_${i}_${j}, ${passing.stride}u);`,
        ),
      )
      .join('\n    ');
    return `${index > 0 ? 'workgroupBarrier();' : ''}
    ${perRound > 1 ? `if (subgroup / ${subgroups / perRound}u == ${index % perRound}u) { ${stage} }` : stage}
    workgroupBarrier();
    ${reads
      .map(
        (round) => `{
      let value = ${unscale} * sums[(down + ${(round * threads) / quads}u) * ${passing.stride}u + across];
      ${four(index * reads.length + round)}
    }`,
      )
      .join('\n    ')}`;
  };
  return `${rows.declarations}
${weights.declarations}
${a.declarations}
${b.declarations}
${end?.declarations ?? ''}
var<workgroup> sums: array<vec4f, ${passing.rows * passing.stride}>;
${fragmentAliases}
@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32, @builtin(subgroup_id) subgroup: u32) {
  let firstA = 0u;
  let firstB = 0u;
  ${rounds
    .map(
      (i) => `let tileRow_${i} = subgroup + ${i * subgroups}u;
  let left_at_${i} = ${positionInRows(sizes, `tileRow_${i}`)} * ${a.stride}u;`,
    )
    .join('\n  ')}
  let down = t / ${quads}u;
  let across = t % ${quads}u;
  ${allAtOnce(b)}
  ${a.prepare}
  let begin = group.x * ${(inTurn * m) / width}u;
  let end = min(begin + ${(inTurn * m) / width}u, ${outputPixels / width}u);
  ${end?.begin ?? ''}
  { let slice = begin; ${rows.perSlice}
    ${a.fetch} }
  for (var row = begin; row < end; row += ${m / width}u) {
    ${a.keep}
    workgroupBarrier();
    let slice = row + ${m / width}u;
    if (slice < end) { ${rows.perSlice}
      ${a.fetch} }
    ${fetchAhead.join('\n    ')}
    ${rounds.flatMap((i) => columns.map((j) => `var sum_${i}_${j} = Result();`)).join(' ')}
    ${multiply}
    ${each(passes).map(pass).join('\n    ')}
  }
  ${end?.end('sums', { across: quads, down: threads / quads }) ?? ''}
}
`;
}

/** WGSL that brings a slice into workgroup memory before all others. */
function allAtOnce({ prepare, fetch, keep }: Stager): string {
  return `{ let slice = 0u;
    ${prepare}
    ${fetch}
    ${keep} }`;
}

/** Slices of a tile: the rows that its windows see, and all weights. */
function slicesOf(
  sizes: ConvolutionSizes,
  { m, n, k }: RowTile,
  direction: Direction,
): Readonly<Record<'a' | 'b', SliceSize>> {
  const { taps } = sizes;
  const b = direction === 'forward' ? { across: n, depth: taps * k } : { across: taps * n, depth: k };
  return { a: { across: seenBy(sizes, m).positions, depth: k }, b };
}

/** Bytes of workgroup memory that a tile needs. */
function bytesOf(sizes: ConvolutionSizes, shape: RowTile, direction: Direction): number {
  const { a, b } = slicesOf(sizes, shape, direction);
  const { rows, stride } = passSize(shape);
  return 8 * (sliceVectors('k', a) + sliceVectors(direction === 'forward' ? 'across' : 'k', b)) + 16 * rows * stride;
}
