/** Candidate tiles of a product on matrix units: those whose slices and sums fit into the workgroup memory. */

import type { MatrixUnits } from '../kernel.js';
import type { ConvolutionSizes } from './convolutionSizes.js';
import type { SlidingTaps, TileProduct, TileShape, TileSource } from './convolutionTile.js';
import { tileWidth } from './convolutionTileShapes.js';
import { hasStrips, rowsOfTile, stripPixels, stripPixelTile, stripWeightTile } from './imageStrip.js';
import { canSlide, positionsOf, slidingTaps } from './slidingWindow.js';

export const subgroupSize = 32;
/** Rows and columns of the matrices that the units multiply. */
export const fragment = 16;
/** Padding of rows in workgroup memory, in vectors of four: keeps them aligned and spreads them over the banks. */
const padding = 2;

/** The parts of an operand: numbers of 11 bits that add up to it. */
export const halvesOf = { float16: ['High'], float16x2: ['High', 'Low'] } as const;

/** Tiles for many rows (pixels) and few columns (channels); the first is used without tuning. */
export function matrixPixelTiles(n: number, sizes: ConvolutionSizes, units: MatrixUnits): TileShape[] {
  const width = tileWidth(n);
  const [first, ...others] = [4096, 2048].map((sums) => ({ m: sums / width, n: width, rows: sums / 512, columns: 4 }));
  return [
    ...candidates(first!, n < 64 ? others : blockTiles(n), 'k', units),
    ...slidingPixelTiles(n, sizes, units),
    ...stripTiles(sizes, units, stripPixelTile, rowsOfTile),
  ];
}

/** Tiles for the weight gradient: rows are taps × input channels. */
export function matrixWeightTiles(sizes: ConvolutionSizes, units: MatrixUnits): TileShape[] {
  const { outputChannels: n } = sizes;
  const m = sizes.taps * sizes.inputChannels;
  const width = tileWidth(n);
  const [first, ...others] = (m % 144 === 0 ? [144, 48] : [64, 32]).map((height) => ({
    m: height,
    n: width,
    rows: 8,
    columns: width === 16 ? 4 : width / 4,
  }));
  const blocks = m < 128 || n < 64 ? others : blockTiles(n);
  return [
    ...candidates(first!, blocks, 'across', units),
    ...slidingWeightTiles(sizes, units),
    ...stripTiles(sizes, units, stripWeightTile, 1),
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
    { m: 128, n: 128, subgroups: [2, 4] },
  ];
  return shapes.filter((shape) => shape.n <= n).map(blockTile);
}

/**
 * Small tiles of few columns come with shallow slices too, which leave room for more of them at once; others have never
 * gained by it. All but the first come once more without fetching ahead, with the deepest slices.
 */
function candidates(
  first: Shape,
  others: readonly Shape[],
  along: TileSource['along'],
  units: MatrixUnits,
): TileShape[] {
  const ahead = [first, ...others].flatMap((shape) => {
    const deepestFirst = depths(shape, along, units, [32, 16]);
    return shape !== first && shape.n < 64 ? deepestFirst : deepestFirst.slice(0, 1);
  });
  const waiting = others.flatMap((shape) => depths(shape, along, units, [64, 32]).slice(0, 1));
  return [...ahead, ...waiting.map((shape): TileShape => ({ ...shape, waits: true }))];
}

/** The shape with slices of those of these depths that fit. */
function depths(shape: Shape, along: TileSource['along'], units: MatrixUnits, among: readonly number[]): TileShape[] {
  return among.map((k) => ({ ...shape, k })).filter((deep) => fits(deep, along, units));
}

/**
 * Tells whether the workgroup memory holds the slices beside the sums, in either layout of B, and the table of pixels
 * if the tile slides over them.
 *
 * @param along layout of A
 */
function fits(
  shape: TileShape,
  along: TileSource['along'],
  { precision, workgroupBytes }: MatrixUnits,
  sliding?: SlidingTaps,
): boolean {
  const vectors = (['k', 'across'] as const).map((alongB) => {
    const slice = sliceSizes({ shape, a: { along }, b: { along: alongB }, ...(sliding && { sliding }) });
    return sliceVectors(along, slice.a) + sliceVectors(alongB, slice.b);
  });
  const table = sliding && along === 'across' ? 4 * (shape.k + sliding.reach) : 0;
  return sumBytes(shape) + 8 * halvesOf[precision].length * Math.max(...vectors) + table <= workgroupBytes;
}

/** Bytes of the sums that pass at once, and of those over columns for the moments. */
function sumBytes({ m, n, rows, passes = 1 }: Shape): number {
  return (4 * m * (n + 4)) / passes + (m / rows) * n * 4;
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

type BlockShape = Pick<TileShape, 'm' | 'n'> & { readonly subgroups: readonly [number, number] };

/** A tile whose subgroups have blocks of fragments; its sums leave through as little workgroup memory as possible. */
function blockTile<S extends BlockShape>(shape: S): S & Pick<TileShape, 'rows' | 'columns' | 'passes'> {
  const [down, across] = shape.subgroups;
  const rows = (shape.m * shape.n) / (4 * subgroupSize * down * across);
  return { ...shape, rows, columns: 4, passes: shape.m / fragment / down };
}

type SlidingShape = BlockShape & Pick<TileShape, 'k' | 'waits'>;

/** A tile whose slices serve all taps. */
function slidingTile(shape: SlidingShape): TileShape {
  return { ...blockTile(shape), slides: true };
}

/** The larger tiles that fit into the workgroup memory. */
function slidingPixelTiles(n: number, sizes: ConvolutionSizes, units: MatrixUnits): TileShape[] {
  if (!canSlide(sizes)) return [];
  const shapes: readonly SlidingShape[] =
    n <= 16
      ? [512, 256].map((m) => ({ m, n: 16, k: 16, subgroups: [m / 64, 1], waits: true }))
      : [256, 128].map((m) => ({ m, n: 32, k: 16, subgroups: [m / 64, 2], waits: true }));
  const sliding = slidingTaps(sizes, positionsOf(sizes));
  return shapes
    .map(slidingTile)
    .filter((shape) => fits(shape, 'k', units, sliding))
    .slice(0, 1);
}

/** The tile for strips of so many rows of outputs, if there may be any and they fit into the workgroup memory. */
function stripTiles(
  sizes: ConvolutionSizes,
  { precision, workgroupBytes }: MatrixUnits,
  tile: (sizes: ConvolutionSizes) => TileShape,
  outputRows: number,
): TileShape[] {
  if (precision !== 'float16' || !hasStrips(sizes)) return [];
  const shape = tile(sizes);
  const slices = stripPixels(sizes, outputRows) + sliceVectors('across', { across: shape.n, depth: shape.k });
  return sumBytes(shape) + 8 * slices <= workgroupBytes ? [shape] : [];
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
    64: [wide],
  };
  return shapes[tileWidth(outputChannels)]
    .filter(({ m, subgroups: [down] }) => inputChannels % m === 0 && ((m / fragment) * taps) % down === 0)
    .map((shape) => slidingTile({ ...shape, m: shape.m * taps }))
    .filter((shape) => fits(shape, 'across', units, sliding));
}
