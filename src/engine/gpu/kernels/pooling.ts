/** Pooling and its gradients, and the subsampling shortcut: one invocation an element, nothing shared. */

import { elementCount, nhwc } from '../../../graph/tensor.js';
import { operand, result } from '../../operands.js';
import { elementwiseMain, float, kernelSource, linearDispatch, type Operand, tensorOperand } from '../kernel.js';
import type { Lowering } from '../lowering.js';

export const subsample: Lowering<'subsample'> = (node, placement) => {
  const [x, y] = [operand(node, 0), result(node, 0)];
  const [, height, width, channels] = nhwc(x);
  const [, outputHeight, outputWidth, outputChannels] = nhwc(y);
  const { stride } = node.attributes;
  const { operands, finish } = kernelSource({
    x: tensorOperand(placement, x, 'read'),
    y: tensorOperand(placement, y, 'write'),
  });
  const length = elementCount(y.shape);
  const body = elementwiseMain(
    length,
    `${position(outputHeight, outputWidth, outputChannels)}
  var value = 0.0;
  if (c < ${channels}u) {
    value = ${operands.x.load(`((n * ${height}u + h * ${stride}u) * ${width}u + w * ${stride}u) * ${channels}u + c`)};
  }
  ${operands.y.store('i', 'value')}`,
  );
  return [finish(`subsample ${y.name}`, linearDispatch(length), body)];
};

export const subsampleGradient: Lowering<'subsampleGradient'> = (node, placement) => {
  const [dy, dx] = [operand(node, 0), result(node, 0)];
  const [, outputHeight, outputWidth, outputChannels] = nhwc(dy);
  const [, height, width, channels] = nhwc(dx);
  const { stride } = node.attributes;
  const { operands, finish } = kernelSource({
    dy: tensorOperand(placement, dy, 'read'),
    dx: tensorOperand(placement, dx, 'write'),
  });
  const length = elementCount(dx.shape);
  const at = `((n * ${outputHeight}u + h / ${stride}u) * ${outputWidth}u + w / ${stride}u) * ${outputChannels}u + c`;
  const body = elementwiseMain(
    length,
    `${position(height, width, channels)}
  var value = 0.0;
  if (h % ${stride}u == 0u && w % ${stride}u == 0u) { value = ${operands.dy.load(at)}; }
  ${operands.dx.store('i', 'value')}`,
  );
  return [finish(`subsampleGradient ${dx.name}`, linearDispatch(length), body)];
};

export const globalAveragePool: Lowering<'globalAveragePool'> = (node, placement) => {
  const [x, y] = [operand(node, 0), result(node, 0)];
  const [, height, width, channels] = nhwc(x);
  const area = height * width;
  const { operands, finish } = kernelSource({
    x: tensorOperand(placement, x, 'read'),
    y: tensorOperand(placement, y, 'write'),
  });
  const length = elementCount(y.shape);
  const body = elementwiseMain(
    length,
    `let first = i / ${channels}u * ${area * channels}u + i % ${channels}u;
  var sum = 0.0;
  for (var pixel = 0u; pixel < ${area}u; pixel++) { sum += ${operands.x.load(`first + pixel * ${channels}u`)}; }
  ${operands.y.store('i', `sum * ${float(1 / area)}`)}`,
  );
  return [finish(`globalAveragePool ${y.name}`, linearDispatch(length), body)];
};

export const globalAveragePoolGradient: Lowering<'globalAveragePoolGradient'> = (node, placement) => {
  const [dy, dx] = [operand(node, 0), result(node, 0)];
  const [, height, width, channels] = nhwc(dx);
  const area = height * width;
  const { operands, finish } = kernelSource({
    dy: tensorOperand(placement, dy, 'read'),
    dx: tensorOperand(placement, dx, 'write'),
  });
  const length = elementCount(dx.shape);
  const from = operands.dy.load(`i / ${area * channels}u * ${channels}u + i % ${channels}u`);
  const body = elementwiseMain(length, operands.dx.store('i', `${from} * ${float(1 / area)}`));
  return [finish(`globalAveragePoolGradient ${dx.name}`, linearDispatch(length), body)];
};

export const maxPool: Lowering<'maxPool'> = (node, placement) => {
  const [x, y] = [operand(node, 0), result(node, 0)];
  const [, outputHeight, outputWidth, channels] = nhwc(y);
  const { operands, finish } = kernelSource({
    x: tensorOperand(placement, x, 'read'),
    y: tensorOperand(placement, y, 'write'),
  });
  const length = elementCount(y.shape);
  const body = `${maximumFunction(nhwc(x), node.attributes, operands.x)}
${elementwiseMain(
  length,
  `${position(outputHeight, outputWidth, channels)}
  ${operands.y.store('i', operands.x.load('maximumOf(n, h, w, c)'))}`,
)}`;
  return [finish(`maxPool ${y.name}`, linearDispatch(length), body)];
};

/** Every input asks the windows that see it whether it is their maximum. */
export const maxPoolGradient: Lowering<'maxPoolGradient'> = (node, placement) => {
  const [x, dy, dx] = [operand(node, 0), operand(node, 1), result(node, 0)];
  const [, height, width, channels] = nhwc(x);
  const [, outputHeight, outputWidth] = nhwc(dy);
  const { stride, padding, size } = node.attributes;
  const { operands, finish } = kernelSource({
    x: tensorOperand(placement, x, 'read'),
    dy: tensorOperand(placement, dy, 'read'),
    dx: tensorOperand(placement, dx, 'write'),
  });
  const first = (at: string) => `u32(max(0, (i32(${at}) + ${padding - size + stride})) / ${stride})`;
  const end = (at: string, limit: number) => `min(${limit}u, (${at} + ${padding}u) / ${stride}u + 1u)`;
  const length = elementCount(dx.shape);
  const body = `${maximumFunction(nhwc(x), node.attributes, operands.x)}
${elementwiseMain(
  length,
  `${position(height, width, channels)}
  var sum = 0.0;
  for (var oh = ${first('h')}; oh < ${end('h', outputHeight)}; oh++) {
    for (var ow = ${first('w')}; ow < ${end('w', outputWidth)}; ow++) {
      if (maximumOf(n, oh, ow, c) == i) {
        sum += ${operands.dy.load(`((n * ${outputHeight}u + oh) * ${outputWidth}u + ow) * ${channels}u + c`)};
      }
    }
  }
  ${operands.dx.store('i', 'sum')}`,
)}`;
  return [finish(`maxPoolGradient ${dx.name}`, linearDispatch(length), body)];
};

/** Declares n, h, w, c of element i of an NHWC tensor. */
function position(height: number, width: number, channels: number): string {
  return `let c = i % ${channels}u;
  let w = i / ${channels}u % ${width}u;
  let h = i / ${channels * width}u % ${height}u;
  let n = i / ${channels * width * height}u;`;
}

/** `maximumOf(n, h, w, c)`: index of the first maximum of output (h, w)'s window, row by row. */
function maximumFunction(
  [, height, width, channels]: readonly [number, number, number, number],
  { stride, padding, size }: { readonly stride: number; readonly padding: number; readonly size: number },
  x: Operand,
): string {
  return `fn maximumOf(n: u32, h: u32, w: u32, c: u32) -> u32 {
  let top = i32(h) * ${stride} - ${padding};
  let left = i32(w) * ${stride} - ${padding};
  var best = 0u;
  var largest = 0.0;
  var found = false;
  for (var row = max(top, 0); row < min(top + ${size}, ${height}); row++) {
    for (var column = max(left, 0); column < min(left + ${size}, ${width}); column++) {
      let at = ((n * ${height}u + u32(row)) * ${width}u + u32(column)) * ${channels}u + c;
      let value = ${x.load('at')};
      if (!found || value > largest) { best = at; largest = value; found = true; }
    }
  }
  return best;
}`;
}
