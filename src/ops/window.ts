/** Windows that slide over images: how many there are, and which pixels they see. */

export interface Window {
  readonly stride: number;
  /** Rows and columns of zeros (of nothing, for a maximum) on every side. */
  readonly padding: number;
}

export interface SquareWindow extends Window {
  /** Rows and columns that a window sees. */
  readonly size: number;
}

/** How often a window of `size` fits along an axis of `length` pixels. */
function windowCount(length: number, size: number, { stride, padding }: Window): number {
  return Math.floor((length + 2 * padding - size) / stride) + 1;
}

/** The fault of a window of K×L on images of H×W. */
function windowFault(
  { stride, padding }: Window,
  { H, W, K, L }: { readonly H: number; readonly W: number; readonly K: number; readonly L: number },
): string | null {
  if (!(Number.isInteger(stride) && stride >= 1)) return `stride ${stride}, right would be a whole number from 1 on`;
  if (!(Number.isInteger(padding) && padding >= 0))
    return `padding ${padding}, right would be a whole number from 0 on`;
  if (!(Number.isInteger(K) && K >= 1 && Number.isInteger(L) && L >= 1)) {
    return `a window of ${K}×${L}, right would be whole numbers from 1 on`;
  }
  const [height, width] = [H + 2 * padding, W + 2 * padding];
  if (K <= height && L <= width) return null;
  return `a window of ${K}×${L} on ${H}×${W} pixels with padding ${padding}, right would be at most ${height}×${width}`;
}

/** The fault of a window that could see nothing but padding; null for none. */
export function windowSeesImage({ size, padding }: SquareWindow): string | null {
  return padding < size ? null : `padding ${padding}, right would be less than the window's ${size}`;
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
  sizes: ({ H, W, K, L }: WindowSizes, window: Window) => ({
    Y: windowCount(H, K, window),
    X: windowCount(W, L, window),
  }),
  check: windowFault,
};

/** The same where the attributes say how large the square window is. */
export const squareWindow = {
  sizes: (sizes: Pick<WindowSizes, 'H' | 'W'>, window: SquareWindow) => ({
    Y: windowCount(sizes.H, window.size, window),
    X: windowCount(sizes.W, window.size, window),
  }),
  check: (window: SquareWindow, { H, W }: Pick<WindowSizes, 'H' | 'W'>) =>
    windowFault(window, { H, W, K: window.size, L: window.size }),
};

/**
 * Calls `visit` with the numbers of the input pixel, the tap and the output pixel that meet, for every image, output
 * pixel and tap that lies inside the image.
 */
export function forEachTap(
  { B, H, W, K, L, Y, X }: WindowSizes,
  { stride, padding }: Window,
  visit: (inputPixel: number, tap: number, outputPixel: number) => void,
): void {
  for (let n = 0; n < B; n++) {
    for (let oy = 0; oy < Y; oy++) {
      for (let ox = 0; ox < X; ox++) {
        const outputPixel = (n * Y + oy) * X + ox;
        for (let ky = 0; ky < K; ky++) {
          const iy = oy * stride + ky - padding;
          if (iy < 0 || iy >= H) continue;
          for (let kx = 0; kx < L; kx++) {
            const ix = ox * stride + kx - padding;
            if (ix < 0 || ix >= W) continue;
            visit((n * H + iy) * W + ix, ky * L + kx, outputPixel);
          }
        }
      }
    }
  }
}
