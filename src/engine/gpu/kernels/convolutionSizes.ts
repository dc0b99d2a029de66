/** The sizes of a convolution, from its tensors. */

import { dimension, nhwc, type Tensor } from '../../../graph/tensor.js';
import type { Window } from '../../../ops/window.js';

export interface ConvolutionSizes extends Window {
  readonly inputHeight: number;
  readonly inputWidth: number;
  readonly inputChannels: number;
  /** Input pixels of all images. */
  readonly inputPixels: number;
  readonly outputHeight: number;
  readonly outputWidth: number;
  readonly outputChannels: number;
  readonly outputPixels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  /** Positions of the kernel window. */
  readonly taps: number;
}

/** @param x input [B,H,W,I], w weights [kh,kw,I,O], y output [B,H',W',O], or gradients of their shapes */
export function convolutionSizes(x: Tensor, w: Tensor, y: Tensor, { rows, columns }: Window): ConvolutionSizes {
  const [batch, inputHeight, inputWidth, inputChannels] = nhwc(x);
  const [, outputHeight, outputWidth, outputChannels] = nhwc(y);
  return {
    rows,
    columns,
    inputHeight,
    inputWidth,
    inputChannels,
    inputPixels: batch * inputHeight * inputWidth,
    outputHeight,
    outputWidth,
    outputChannels,
    outputPixels: batch * outputHeight * outputWidth,
    kernelHeight: dimension(w, 0),
    kernelWidth: dimension(w, 1),
    taps: dimension(w, 0) * dimension(w, 1),
  };
}
