/**
 * The augmentation word: shift and mirroring of an image, packed into an int32 that a batch table carries and every
 * engine's gather operation unpacks. Its meaning is defined here only.
 *
 *     word = ((dy + 128) << 16) | ((dx + 128) << 8) | mirror        dy, dx in [-127, 127], mirror 0 or 1
 *
 * The image is mirrored first, then shifted; pixels shifted in are zero after normalisation:
 *
 *     m(h, w)   = mirror ? x(h, W - 1 - w) : x(h, w)
 *     out(h, w) = m(h + dy, w + dx)   where 0 <= h + dy < H and 0 <= w + dx < W, else 0
 */

export interface Augmentation {
  /** Rows: output row h reads row h + dy. */
  readonly dy: number;
  /** Columns: output column w reads column w + dx of the (mirrored) image. */
  readonly dx: number;
  readonly mirror: boolean;
}

/** The largest shift in a word. */
export const maximumShift = 127;

/** The word without shift and mirroring. */
export const identityWord = packAugmentation({ dy: 0, dx: 0, mirror: false });

export function packAugmentation({ dy, dx, mirror }: Augmentation): number {
  return ((dy + 128) << 16) | ((dx + 128) << 8) | (mirror ? 1 : 0);
}

export function unpackAugmentation(word: number): Augmentation {
  return { dy: (word >> 16) - 128, dx: ((word >> 8) & 255) - 128, mirror: (word & 1) === 1 };
}
