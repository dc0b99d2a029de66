/**
 * Convolutions with few channels, on matrix units: tiles are some whole rows of an image, and a workgroup takes
 * several in turn. What such products cost is not their arithmetic: weights are brought into workgroup memory once for all
 * tiles, the rows of the next tile are fetched during the products of the one before, places in them do not depend on the
 * tile, and moments are added up in registers until the last.
 */

import type { Operand } from '../kernel.js';
import type { ConvolutionSizes } from './convolutionSizes.js';
import { subgroupSize, type TileShape, type TileSource } from './convolutionTile.js';

/** The windows on the inputs, or those on the outputs in which an input takes part. */
export type Direction = 'forward' | 'backward';

/** The shape of a tile of rows of images: `m` pixels, all channels `n` and `k`, `inTurn` of them for a workgroup. */
export type RowTile = TileShape & Required<Pick<TileShape, 'inTurn' | 'subgroups'>>;

export function isRowTile(shape: TileShape): shape is RowTile {
  return shape.inTurn !== undefined && shape.subgroups !== undefined;
}

/** Invocations of a workgroup. */
export function threadsOf({ subgroups: [subgroups] }: RowTile): number {
  return subgroupSize * subgroups;
}

/** Pixels of a workgroup. */
export function pixelsInTurn({ m, inTurn }: RowTile): number {
  return m * inTurn;
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
  /** Another computation on the results; null for none. */
  readonly end: RowTileEnd | null;
}

export type Load = (index: string) => string;
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
