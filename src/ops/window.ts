/** Windows that slide over images: their number, and the pixels that they cover. A signal is an image of one row. */

import type { Shape } from '../graph/tensor.js';

/** The window along one axis of an image. */
export interface AxisWindow {
  readonly stride: number;
  /** Rows or columns of padding before the image. Padding is zeros, and is ignored by a maximum or a mean. */
  readonly before: number;
  /** Rows or columns of padding after the image. */
  readonly after: number;
  /** Distance between taps: 1 for adjacent ones. */
  readonly dilation: number;
}

/** The window along one axis, with its size, for windows without weights. */
export interface SizedAxisWindow extends AxisWindow {
  readonly size: number;
}

interface Axes<Axis> {
  readonly rows: Axis;
  readonly columns: Axis;
}

export type Window = Axes<AxisWindow>;
export type SizedWindow = Axes<SizedAxisWindow>;

/** A number for both axes, or one for rows and one for columns. */
export type PerAxis = number | readonly [rows: number, columns: number];

/**
 * Rows and columns of zeros around the image. `same`: as many as give ⌈size / stride⌉ windows, an odd one behind the
 * image, as in Keras (and in PyTorch for stride 1).
 */
export type Padding = PerAxis | 'same' | Readonly<Record<'top' | 'bottom' | 'left' | 'right', number>>;

/** A window as given by a network's definition; `windowOf` resolves it to the numbers of each axis. */
export interface WindowOptions {
  /** 1 by default. */
  readonly stride?: PerAxis;
  /** None by default. */
  readonly padding?: Padding;
  /** 1 by default. */
  readonly dilation?: PerAxis;
  /** True if a last window may reach beyond image and padding, as long as it begins inside (PyTorch's `ceil_mode`). */
  readonly ceil?: boolean;
}

export interface SizedWindowOptions extends WindowOptions {
  readonly size: PerAxis;
}

/**
 * The window of K×L taps on images of H×W pixels.
 *
 * @param image [B,H,W,…]
 * @param weights [K,L,…]
 */
export function windowOf(options: WindowOptions, image: Shape, weights: Shape): Window {
  return { rows: axisWindow(options, 0, image, weights), columns: axisWindow(options, 1, image, weights) };
}

/** The window with a size among its options. */
export function sizedWindowOf(options: SizedWindowOptions, image: Shape): SizedWindow {
  const [K, L] = sidesOf(options.size);
  const { rows, columns } = windowOf(options, image, [K, L]);
  return { rows: { ...rows, size: K }, columns: { ...columns, size: L } };
}

function axisWindow(options: WindowOptions, index: 0 | 1, image: Shape, weights: Shape): AxisWindow {
  const [length, size] = [image[index + 1]!, weights[index]!];
  const [stride, dilation] = [onAxis(options.stride ?? 1, index), onAxis(options.dilation ?? 1, index)];
  const extent = extentOf(size, dilation);
  const { padding = 0 } = options;
  if (padding === 'same') {
    const total = Math.max(0, samePadding(length, size, { stride, dilation }));
    return { stride, before: Math.floor(total / 2), after: Math.ceil(total / 2), dilation };
  }
  const [before, after] = paddingOf(padding, index);
  const window = { stride, before, after, dilation };
  const isCut = (length + before + after - extent) % stride !== 0;
  const next = windowCount(length, size, window) * stride;
  if (!(options.ceil && isCut && next < length + before)) return window;
  return { ...window, after: next + extent - length - before };
}

/**
 * Zeros on both sides of an axis together that give ⌈length / stride⌉ windows; less than 0 by the last pixels that no
 * window reaches.
 */
export function samePadding(
  length: number,
  size: number,
  { stride, dilation }: Pick<AxisWindow, 'stride' | 'dilation'>,
): number {
  return (Math.ceil(length / stride) - 1) * stride + extentOf(size, dilation) - length;
}

function paddingOf(padding: Exclude<Padding, 'same'>, index: 0 | 1): readonly [before: number, after: number] {
  if (typeof padding === 'object' && 'top' in padding) {
    return index === 0 ? [padding.top, padding.bottom] : [padding.left, padding.right];
  }
  return [onAxis(padding, index), onAxis(padding, index)];
}

/** Stride and padding of a window without dilation that has the same ones on all sides; null for any other window. */
export function evenWindow({ rows, columns }: Window): { readonly stride: number; readonly padding: number } | null {
  const { stride, before: padding } = rows;
  const isEven = [rows, columns].every(
    (axis) => axis.stride === stride && axis.before === padding && axis.after === padding && axis.dilation === 1,
  );
  return isEven ? { stride, padding } : null;
}

/** Both numbers of a value for both axes. */
export function sidesOf(value: PerAxis): readonly [rows: number, columns: number] {
  return typeof value === 'object' ? value : [value, value];
}

function onAxis(value: PerAxis, index: 0 | 1): number {
  return sidesOf(value)[index];
}

/** Pixels from the first tap to the last, both included. */
export function extentOf(size: number, dilation: number): number {
  return (size - 1) * dilation + 1;
}

/** Number of positions of a window with `size` taps along an axis of `length` pixels. */
function windowCount(length: number, size: number, { stride, before, after, dilation }: AxisWindow): number {
  return Math.floor((length + before + after - extentOf(size, dilation)) / stride) + 1;
}

/** The error of a window of K×L taps on images of H×W; null for none. */
function windowFault(
  window: Window,
  { H, W, K, L }: { readonly H: number; readonly W: number; readonly K: number; readonly L: number },
): string | null {
  const wholeFrom = (least: number, name: string, value: number) =>
    Number.isInteger(value) && value >= least
      ? []
      : [`${name} ${value}, right would be ${least ? '' : "'same' or "}a whole number from ${least} on`];
  const faults = [window.rows, window.columns].flatMap(({ stride, dilation, before, after }) => [
    ...wholeFrom(1, 'stride', stride),
    ...wholeFrom(1, 'dilation', dilation),
    ...wholeFrom(0, 'padding', before),
    ...wholeFrom(0, 'padding', after),
  ]);
  if (faults[0]) return faults[0];
  if (!(Number.isInteger(K) && K >= 1 && Number.isInteger(L) && L >= 1)) {
    return `a window of ${K}×${L}, right would be whole numbers from 1 on`;
  }
  const { rows, columns } = window;
  const [down, across] = [extentOf(K, rows.dilation), extentOf(L, columns.dilation)];
  const [height, width] = [H + rows.before + rows.after, W + columns.before + columns.after];
  if (down <= height && across <= width) return null;
  return `a window of ${down}×${across} on ${H}×${W} pixels with padding ${paddingText(window)}, right would be at most ${height}×${width}`;
}

/** Padding in words: one number, or those of top, bottom, left and right. */
function paddingText({ rows, columns }: Window): string {
  const sides = [rows.before, rows.after, columns.before, columns.after];
  return new Set(sides).size === 1 ? `${sides[0]}` : sides.join('/');
}

/** The error of a window that may cover nothing but padding; null for none. */
function windowSeesImage({ rows, columns }: SizedWindow, { H, W }: Pick<WindowSizes, 'H' | 'W'>): string | null {
  for (const [length, axis] of [
    [H, rows],
    [W, columns],
  ] as const) {
    const { size, stride, before, after, dilation } = axis;
    const last = windowCount(length, size, axis) - 1;
    let isBlind = last * stride - before >= length;
    // For windows that begin before the image, the first tap inside of it decides.
    for (let at = 0; at <= last && at * stride < before && !isBlind; at++) {
      const begin = at * stride - before;
      const tap = Math.ceil(-begin / dilation);
      isBlind = tap >= size || begin + tap * dilation >= length;
    }
    if (!isBlind) continue;
    const text = before === after ? before : `${before} and ${after}`;
    return `padding ${text}, which is all that a window of ${extentOf(size, dilation)} would see, right would be less`;
  }
  return null;
}

/** Sizes of images, windows and results: B images of H×W pixels, Y×X windows of K×L taps. */
export interface WindowSizes {
  readonly B: number;
  readonly H: number;
  readonly W: number;
  readonly K: number;
  readonly L: number;
  readonly Y: number;
  readonly X: number;
}

/** Shape rule and check of operations with a window of K×L taps. */
export const slidingWindow = {
  sizes: ({ H, W, K, L }: Pick<WindowSizes, 'H' | 'W' | 'K' | 'L'>, { rows, columns }: Window) => ({
    Y: windowCount(H, K, rows),
    X: windowCount(W, L, columns),
  }),
  check: windowFault,
};

/**
 * Shape rule and check of operations whose attributes give the window's size; every window has to cover a pixel of the
 * image.
 */
export const sizedWindow = {
  sizes: ({ H, W }: Pick<WindowSizes, 'H' | 'W'>, { rows, columns }: SizedWindow) => ({
    Y: windowCount(H, rows.size, rows),
    X: windowCount(W, columns.size, columns),
  }),
  check: (window: SizedWindow, { H, W }: Pick<WindowSizes, 'H' | 'W'>) =>
    windowFault(window, { H, W, K: window.rows.size, L: window.columns.size }) ?? windowSeesImage(window, { H, W }),
};

/**
 * Calls `visit` with the indices of input pixel, tap and output pixel for every image, output pixel and tap inside of
 * the image.
 */
export function forEachTap(
  { B, H, W, K, L, Y, X }: WindowSizes,
  { rows, columns }: Window,
  visit: (inputPixel: number, tap: number, outputPixel: number) => void,
): void {
  for (let n = 0; n < B; n++) {
    for (let oy = 0; oy < Y; oy++) {
      for (let ox = 0; ox < X; ox++) {
        const outputPixel = (n * Y + oy) * X + ox;
        for (let ky = 0; ky < K; ky++) {
          const iy = oy * rows.stride + ky * rows.dilation - rows.before;
          if (iy < 0 || iy >= H) continue;
          for (let kx = 0; kx < L; kx++) {
            const ix = ox * columns.stride + kx * columns.dilation - columns.before;
            if (ix < 0 || ix >= W) continue;
            visit((n * H + iy) * W + ix, ky * L + kx, outputPixel);
          }
        }
      }
    }
  }
}

/** The sizes of images and results of a window that has its own in its attributes. */
export type PooledSizes = Omit<WindowSizes, 'K' | 'L'>;

/** Calls `visit` as `forEachTap` does. */
export function forEachSizedTap(
  sizes: PooledSizes,
  window: SizedWindow,
  visit: (inputPixel: number, tap: number, outputPixel: number) => void,
): void {
  forEachTap({ ...sizes, K: window.rows.size, L: window.columns.size }, window, visit);
}
