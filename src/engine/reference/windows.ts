/** What sliding windows have in common: which pixels meet at which tap. */

import { dimension, nhwc, type Tensor } from '../../graph/tensor.js';
import type { Window } from '../../ops/attributes.js';

/**
 * Calls `visit` with the numbers of the input pixel, the tap and the output pixel that meet, for every image, output
 * pixel and tap of `weights` [height, width, …] that lies inside the image.
 */
export function forEachTap(
  input: Tensor,
  weights: Tensor,
  output: Tensor,
  { stride, padding }: Window,
  visit: (inputPixel: number, tap: number, outputPixel: number) => void,
): void {
  const [batch, height, width] = nhwc(input);
  const [, outputHeight, outputWidth] = nhwc(output);
  const [kernelHeight, kernelWidth] = [dimension(weights, 0), dimension(weights, 1)];
  for (let n = 0; n < batch; n++) {
    for (let oy = 0; oy < outputHeight; oy++) {
      for (let ox = 0; ox < outputWidth; ox++) {
        const outputPixel = (n * outputHeight + oy) * outputWidth + ox;
        for (let ky = 0; ky < kernelHeight; ky++) {
          const iy = oy * stride + ky - padding;
          if (iy < 0 || iy >= height) continue;
          for (let kx = 0; kx < kernelWidth; kx++) {
            const ix = ox * stride + kx - padding;
            if (ix < 0 || ix >= width) continue;
            visit((n * height + iy) * width + ix, ky * kernelWidth + kx, outputPixel);
          }
        }
      }
    }
  }
}
