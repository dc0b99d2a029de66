/** Pooling: global average, maximum of windows, and plain subsampling with zero channels (the shortcut of ResNets). */

import { nhwc, type Tensor } from '../../graph/tensor.js';
import type { Attributes } from '../../ops/attributes.js';
import { operand, optionalResult, result } from '../operands.js';
import type { Kernel } from './kernel.js';

export const globalAveragePool: Kernel<'globalAveragePool'> = (node, memory) => {
  const input = operand(node, 0);
  const x = memory.floats(input);
  const y = memory.floats(result(node, 0)).fill(0);
  const [, height, width, channels] = nhwc(input);
  const pixels = height * width;
  for (let i = 0; i < x.length; i++) y[pooledIndex(i, pixels, channels)]! += x[i]! / pixels;
};

export const globalAveragePoolGradient: Kernel<'globalAveragePoolGradient'> = (node, memory) => {
  const output = result(node, 0);
  const dy = memory.floats(operand(node, 0));
  const dx = memory.floats(output);
  const [, height, width, channels] = nhwc(output);
  const pixels = height * width;
  for (let i = 0; i < dx.length; i++) dx[i] = dy[pooledIndex(i, pixels, channels)]! / pixels;
};

export const maxPool: Kernel<'maxPool'> = (node, memory) => {
  const x = memory.floats(operand(node, 0));
  const y = memory.floats(result(node, 0));
  const argmaxTensor = optionalResult(node, 1);
  const argmax = argmaxTensor && memory.bytes(argmaxTensor);
  forEachWindow(operand(node, 0), result(node, 0), node.attributes, (places, to) => {
    const best = places.reduce((first, place) => (x[place.from]! > x[first.from]! ? place : first));
    y[to] = x[best.from]!;
    if (argmax) argmax[to] = best.tap;
  });
};

export const maxPoolGradient: Kernel<'maxPoolGradient'> = (node, memory) => {
  const argmax = memory.bytes(operand(node, 0));
  const dy = memory.floats(operand(node, 1));
  const dx = memory.floats(result(node, 0)).fill(0);
  forEachWindow(result(node, 0), operand(node, 1), node.attributes, (places, to) => {
    for (const { from, tap } of places) if (tap === argmax[to]) dx[from]! += dy[to]!;
  });
};

export const subsample: Kernel<'subsample'> = (node, memory) => {
  const x = memory.floats(operand(node, 0));
  const y = memory.floats(result(node, 0)).fill(0);
  forEachSample(operand(node, 0), result(node, 0), node.attributes.stride, (from, to) => {
    y[to] = x[from]!;
  });
};

export const subsampleGradient: Kernel<'subsampleGradient'> = (node, memory) => {
  const dy = memory.floats(operand(node, 0));
  const dx = memory.floats(result(node, 0)).fill(0);
  forEachSample(result(node, 0), operand(node, 0), node.attributes.stride, (from, to) => {
    dx[from] = dy[to]!;
  });
};

function pooledIndex(i: number, pixels: number, channels: number): number {
  return Math.floor(i / (pixels * channels)) * channels + (i % channels);
}

/** Calls `visit` with each window's elements, row by row (index, and place in the window), and the output's index. */
function forEachWindow(
  input: Tensor,
  output: Tensor,
  { size, stride, padding }: Attributes['maxPool'],
  visit: (places: readonly { readonly from: number; readonly tap: number }[], to: number) => void,
): void {
  const [, height, width, channels] = nhwc(input);
  const [batch, outputHeight, outputWidth] = nhwc(output);
  let to = 0;
  for (let n = 0; n < batch; n++) {
    for (let oy = 0; oy < outputHeight; oy++) {
      for (let ox = 0; ox < outputWidth; ox++) {
        for (let c = 0; c < channels; c++) {
          const places: { from: number; tap: number }[] = [];
          for (let tap = 0; tap < size * size; tap++) {
            const [iy, ix] = [oy * stride - padding + Math.floor(tap / size), ox * stride - padding + (tap % size)];
            const isInside = iy >= 0 && iy < height && ix >= 0 && ix < width;
            if (isInside) places.push({ from: ((n * height + iy) * width + ix) * channels + c, tap });
          }
          visit(places, to++);
        }
      }
    }
  }
}

/** Calls `visit` with the indices of each element that is kept, in the full and in the subsampled tensor. */
function forEachSample(full: Tensor, sampled: Tensor, stride: number, visit: (from: number, to: number) => void): void {
  const [, height, width, channels] = nhwc(full);
  const [batch, sampledHeight, sampledWidth, sampledChannels] = nhwc(sampled);
  for (let n = 0; n < batch; n++) {
    for (let h = 0; h < sampledHeight; h++) {
      for (let w = 0; w < sampledWidth; w++) {
        const from = ((n * height + h * stride) * width + w * stride) * channels;
        const to = ((n * sampledHeight + h) * sampledWidth + w) * sampledChannels;
        for (let c = 0; c < channels; c++) visit(from + c, to + c);
      }
    }
  }
}
