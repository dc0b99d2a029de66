/** Candidate tiles of a product on matrix units: those whose slices and sums fit into the workgroup memory. */

import type { MatrixUnits } from '../kernel.js';
import type { ConvolutionSizes } from './convolutionSizes.js';
import {
  type SlidingTaps,
  subgroupSize,
  type TileProduct,
  type TileShape,
  type TileSource,
} from './convolutionTile.js';
import { tileWidth } from './convolutionTileShapes.js';
import { hasStrips, rowDepth, rowsOfTile, stripPixels } from './imageStrip.js';
import { canSlide, positionsOf, slidingTaps } from './slidingWindow.js';

/** Rows and columns of the matrices that the units multiply. */
export const fragment = 16;
/** Padding of rows in workgroup memory, in vectors of four: keeps them aligned and spreads them over the banks. */
const padding = 2;

/** The parts of an operand: numbers of 11 bits that add up to it. */
export const halvesOf = { float16: ['High'], float16x2: ['High', 'Low'] } as const;

/** Tiles for many rows (pixels) and few columns (channels); the first is used without tuning. */
export function matrixPixelTiles(
  op: 'conv2d' | 'conv2dInputGradient',
  n: number,
  sizes: ConvolutionSizes,
  units: MatrixUnits,
): TileShape[] {
  const width = tileWidth(n);
  const [first, ...others] = [4096, 2048].map((sums) => ({ m: sums / width, n: width, rows: sums / 512, columns: 4 }));
  return [
    ...candidates([first!], n < 64 ? others : blockTiles(n), 'k', units),
    ...slidingPixelTiles(op, n, sizes, units),
    ...stripPixelTiles(sizes, units),
  ];
}

/** Tiles for the weight gradient: rows are taps × input channels. */
export function matrixWeightTiles(sizes: ConvolutionSizes, units: MatrixUnits): TileShape[] {
  const { outputChannels: n } = sizes;
  const m = sizes.taps * sizes.inputChannels;
  const width = tileWidth(n);
  const [tall, ...others] = (m % 144 === 0 ? [144, 48] : [64, 32]).map((height) => ({
    m: height,
    n: width,
    rows: 8,
    columns: width === 16 ? 4 : width / 4,
  }));
  // Sums of 144 × 64 leave too little room for slices.
  const firsts = m % 144 === 0 && width === 64 ? [] : [tall!];
  const blocks = m < 128 || n < 64 ? others : blockTiles(n);
  return [
    ...candidates(firsts, blocks, 'across', units),
    ...slidingWeightTiles(sizes, units),
    ...stripWeightTiles(sizes, units),
  ];
}

type Shape = Omit<TileShape, 'k'>;

/**
 * Tiles whose subgroups have blocks of fragments, for many channels: larger ones load less but fill a GPU less evenly.
 */
function blockTiles(n: number): Shape[] {
  const shapes: readonly BlockShape[] = [
    { m: 64, n: 64, subgroups: [2, 2] },
    { m: 128, n: 64, subgroups: [2, 2] },
    { m: 256, n: 64, subgroups: [4, 2] },
    { m: 128, n: 128, subgroups: [2, 4], passes: [4, 2] },
    { m: 256, n: 128, subgroups: [4, 4], passes: [4, 2] },
  ];
  return shapes.filter((shape) => shape.n <= n).map(blockTile);
}

/**
 * Small tiles of few columns come with shallow slices too, which leave room for more of them at once; others have never
 * gained by it. The others come once more without fetching ahead, with the deepest slices.
 */
function candidates(
  firsts: readonly Shape[],
  others: readonly Shape[],
  along: TileSource['along'],
  units: MatrixUnits,
): TileShape[] {
  const ahead = [...firsts, ...others].flatMap((shape) => {
    const deepestFirst = depths(shape, along, units, [32, 16]);
    return others.includes(shape) && shape.n < 64 ? deepestFirst : deepestFirst.slice(0, 1);
  });
  const waiting = others.flatMap((shape) => depths(shape, along, units, [64, 32]).slice(0, 1));
  return [...ahead, ...waiting.map((shape): TileShape => ({ ...shape, waits: true }))];
}

/** The shape with slices of those of these depths that fit. */
function depths(shape: Shape, along: TileSource['along'], units: MatrixUnits, among: readonly number[]): TileShape[] {
  const either = (['k', 'across'] as const).map((b) => ({ a: along, b, hasMoments: along === 'k' }));
  return among
    .map((k) => ({ ...shape, k }))
    .filter((deep) => either.every((needs) => bytesOf(deep, needs, units) <= units.workgroupBytes));
}

/** A product's needs in workgroup memory: factors in these layouts, and sums over columns for the moments. */
interface Needs extends Readonly<Record<'a' | 'b', TileSource['along']>> {
  readonly hasMoments: boolean;
  readonly sliding?: SlidingTaps;
}

/** Bytes of workgroup memory for the slices, the sums, and the table of pixels if a weight gradient slides over them. */
function bytesOf(shape: TileShape, { a, b, hasMoments, sliding }: Needs, { precision }: MatrixUnits): number {
  const slice = sliceSizes({ shape, a: { along: a }, b: { along: b }, ...(sliding && { sliding }) });
  const vectors = sliceVectors(a, slice.a) + sliceVectors(b, slice.b);
  const table = sliding && a === 'across' ? 4 * (shape.k + sliding.reach) : 0;
  return sumBytes(shape, hasMoments) + 8 * halvesOf[precision].length * vectors + table;
}

/** Bytes for the sums that pass at once, or for the moments' sums over columns, whichever are more. */
function sumBytes(shape: Shape, hasMoments: boolean): number {
  const { rows, stride } = passSize(shape);
  return 16 * Math.max(rows * stride, hasMoments ? ((shape.m / shape.rows) * shape.n) / 4 : 0);
}

/** Rows of sums that pass through workgroup memory at once, and the vectors of four that a row takes there. */
export function passSize({ m, n, passes: [down, across] = [1, 1] }: Shape): { rows: number; stride: number } {
  return { rows: m / down, stride: n / across / 4 + 1 };
}

/** Size of a factor's slice: positions across (rows of A, columns of B), and depth. */
export interface SliceSize {
  readonly across: number;
  readonly depth: number;
}

/** A slice is laid out along the dimension in which four neighbours are loaded fastest. */
export function rowVectors(along: TileSource['along'], { across, depth }: SliceSize): number {
  return (along === 'k' ? depth : across) / 4 + padding;
}

/** Vectors of four in a slice. */
export function sliceVectors(along: TileSource['along'], size: SliceSize): number {
  return (along === 'k' ? size.across : size.depth) * rowVectors(along, size);
}

type Slices = Pick<TileProduct, 'shape' | 'sliding'> & Readonly<Record<'a' | 'b', Pick<TileSource, 'along'>>>;

export function sliceSizes({ shape: { m, n, k }, a, b, sliding }: Slices): Readonly<Record<'a' | 'b', SliceSize>> {
  if (!sliding) return { a: { across: m, depth: k }, b: { across: n, depth: k } };
  const { taps, reach } = sliding;
  if (a.along === 'across') return { a: { across: m / taps, depth: k + reach }, b: { across: n, depth: k } };
  return {
    a: { across: m + reach, depth: k },
    b: b.along === 'k' ? { across: taps * n, depth: k } : { across: n, depth: taps * k },
  };
}

type BlockShape = Pick<TileShape, 'm' | 'n' | 'passes'> & { readonly subgroups: readonly [number, number] };

/**
 * A tile whose subgroups have blocks of fragments. Unless it says otherwise, its sums leave a row of fragments of each
 * subgroup at a time.
 */
function blockTile<S extends BlockShape>(shape: S): S & Pick<TileShape, 'rows' | 'columns' | 'passes'> {
  const {
    m,
    n,
    subgroups: [down, across],
    passes = [m / fragment / down, 1],
  } = shape;
  const columns = 4 * passes[1];
  return { ...shape, rows: (m * n) / (columns * subgroupSize * down * across), columns, passes };
}

type SlidingShape = BlockShape & Pick<TileShape, 'k' | 'waits'>;

/** The first of some tiles whose slices serve all taps that fits into the workgroup memory, if there is one. */
function slidingTile(shapes: readonly SlidingShape[], needs: Needs, units: MatrixUnits): TileShape[] {
  return shapes
    .map((shape): TileShape => ({ ...blockTile(shape), slides: true }))
    .filter((shape) => bytesOf(shape, needs, units) <= units.workgroupBytes)
    .slice(0, 1);
}

function slidingPixelTiles(
  op: 'conv2d' | 'conv2dInputGradient',
  n: number,
  sizes: ConvolutionSizes,
  units: MatrixUnits,
): TileShape[] {
  if (!canSlide(sizes)) return [];
  const sliding = slidingTaps(sizes, positionsOf(sizes));
  const isForward = op === 'conv2d';
  const needs: Needs = { a: 'k', b: isForward ? 'across' : 'k', hasMoments: isForward, sliding };
  const first = (shapes: readonly SlidingShape[]) => slidingTile(shapes, needs, units);
  if (n <= 16) return first([512, 256].map((m) => ({ m, n: 16, k: 16, subgroups: [m / 64, 1], waits: true })));
  const narrow = [256, 128].map((m): SlidingShape => ({ m, n: 32, k: 16, subgroups: [m / 64, 2], waits: true }));
  // Small parts of the sums leave room for larger tiles.
  const rowsAtOnce = isForward ? 64 : 32;
  const wide = [256, 192, 128].map(
    (m): SlidingShape => ({ m, n: 64, k: 16, subgroups: [4, 2], passes: [m / rowsAtOnce, 2] }),
  );
  const waiting = wide.map((shape): SlidingShape => ({ ...shape, waits: true }));
  return [...first(narrow), ...(n % 64 === 0 ? [...first(wide), ...first(waiting)] : [])];
}

/** Tiles of some rows of outputs, with a subgroup for every fragment of a row. */
function stripPixelTiles(sizes: ConvolutionSizes, units: MatrixUnits): TileShape[] {
  const { outputWidth } = sizes;
  const tile = { m: rowsOfTile * outputWidth, k: rowDepth(sizes), subgroups: [outputWidth / fragment, 1] } as const;
  return stripTiles(sizes, units, tile, rowsOfTile);
}

/** Tiles of all places in the window. */
function stripWeightTiles(sizes: ConvolutionSizes, units: MatrixUnits): TileShape[] {
  const m = sizes.kernelHeight * rowDepth(sizes);
  const down = [8, 7, 6, 5, 4, 3, 2, 1].find((count) => (m / fragment) % count === 0)!;
  return stripTiles(sizes, units, { m, k: sizes.outputWidth, subgroups: [down, 1] }, 1);
}

/**
 * The tiles of this height that fit into the workgroup memory, with strips for so many rows of outputs, if there may be
 * any. Wider ones need fewer strips.
 */
function stripTiles(
  sizes: ConvolutionSizes,
  { precision, workgroupBytes }: MatrixUnits,
  tile: Omit<BlockShape, 'n'> & Pick<TileShape, 'k'>,
  outputRows: number,
): TileShape[] {
  if (precision !== 'float16' || !hasStrips(sizes)) return [];
  const strip = stripPixels(sizes, outputRows);
  return [32, 64]
    .filter((n) => sizes.outputChannels % n === 0)
    .map((n): TileShape => {
      const passes = [tile.m / fragment / tile.subgroups[0], n / 32] as const;
      return { ...blockTile({ ...tile, n, passes }), strips: true };
    })
    .filter((shape) => {
      const slices = strip + sliceVectors('across', { across: shape.n, depth: shape.k });
      return sumBytes(shape, outputRows > 1) + 8 * slices <= workgroupBytes;
    });
}

function slidingWeightTiles(sizes: ConvolutionSizes, units: MatrixUnits): TileShape[] {
  if (!canSlide(sizes)) return [];
  const { inputChannels, outputChannels, taps } = sizes;
  const sliding = slidingTaps(sizes, positionsOf(sizes));
  const wide: SlidingShape = { m: 32, n: 64, k: 128, subgroups: [2, 4] };
  const shapes: Readonly<Record<16 | 32 | 64, readonly SlidingShape[]>> = {
    16: [
      { m: 16, n: 16, k: 256, subgroups: [taps, 1] },
      { m: 16, n: 16, k: 128, subgroups: [3, 1], waits: true },
    ],
    32: [{ ...wide, n: 32, subgroups: [2, 2] }],
    64: [wide, { ...wide, subgroups: [2, 2] }],
  };
  const needs: Needs = { a: 'across', b: 'across', hasMoments: false, sliding };
  return shapes[tileWidth(outputChannels)]
    .filter(({ m, subgroups: [down] }) => inputChannels % m === 0 && ((m / fragment) * taps) % down === 0)
    .flatMap((shape) => slidingTile([{ ...shape, m: shape.m * taps }], needs, units));
}
