/**
 * Convolution and its two gradients as implicit matrix products (`convolutionTile.ts`), in float32.
 *
 * | | rows | columns | summed over |
 * |---|---|---|---|
 * | forward | output pixels | output channels | taps × input channels |
 * | input gradient | input pixels | input channels | taps × output channels |
 * | weight gradient | taps × input channels | output channels | output pixels, cut into parts that are added in order |
 */

import type { Node } from '../../../graph/graph.js';
import type { OpName } from '../../../ops/attributes.js';
import { operand, optionalOperand, optionalResult, result } from '../../operands.js';
import {
  bufferOperand,
  type KernelCall,
  kernelSource,
  type Operand,
  type Placement,
  tensorOperand,
} from '../kernel.js';
import { lanesFor, wideIf } from '../lanes.js';
import type { Lowering } from '../lowering.js';
import { type ConvolutionSizes, convolutionSizes } from './convolutionSizes.js';
import { type TileProduct, type TileShape, tileDispatch, tileProduct } from './convolutionTile.js';
import { gradientSplits, pixelTiles, weightTiles } from './convolutionTileShapes.js';
import { matrixDirectives, matrixPixelTiles, matrixTileProduct, matrixWeightTiles } from './matrixTile.js';
import { finishMoments, momentsEpilogue } from './moments.js';
import { finishSums, nextPowerOfTwo } from './sums.js';

/**
 * The moments of the result are gathered where it is computed. `statistics`, the node that alone reads them, is then done
 * by the kernel that finishes them.
 */
export function conv2d(
  node: Node<'conv2d'>,
  placement: Placement,
  statistics: Node<'batchStatistics'> | null = null,
): KernelCall[] {
  const [x, w, y, moments] = [operand(node, 0), operand(node, 1), result(node, 0), optionalResult(node, 1)];
  const sizes = convolutionSizes(x, w, y, node.attributes);
  const { outputPixels: m, outputChannels: n, inputChannels, taps } = sizes;
  const shape = pixelTile(placement, 'conv2d', sizes, m, n);
  const tiles = Math.ceil(m / shape.m);
  const partials = moments ? placement.scratch(tiles * 2 * n) : null;
  const { operands, finish } = kernelSource(
    {
      x: tensorOperand(placement, x, 'read'),
      w: tensorOperand(placement, w, 'read'),
      y: tensorOperand(placement, y, 'write'),
      partials: partials && bufferOperand(partials, 'write'),
    },
    [...wideIf(lanesFor(inputChannels), ['x'] as const), ...wideIf(lanesFor(n), ['w', 'y'] as const)],
  );
  const product: TileProduct = {
    m,
    n,
    k: taps * inputChannels,
    shape,
    splits: 1,
    a: { along: 'k', prepare: (position) => `outputPixel(${position})`, load: (at, _, k) => `windowOf(${at}, ${k})` },
    b: { along: 'across', prepare: null, load: (_, position, k) => `weight(${k}, ${position})` },
    declarations: `${windowFunctions(sizes, operands.x)}
${matrixRow('weight', operands.w, taps * inputChannels, n)}
${moments ? momentsEpilogue.declarations(shape) : ''}`,
    store: storeRow(operands.y, m, n),
    ...(moments && { epilogue: momentsEpilogue.code(shape, m, n, operands.partials) }),
  };
  const label = `conv2d ${y.name}`;
  const calls = [finish(label, tileDispatch(product), ...productSource(product, placement))];
  if (partials) calls.push(finishMoments(placement, label, partials, { m, n, tile: shape.m }, moments, statistics));
  return calls;
}

export const conv2dInputGradient: Lowering<'conv2dInputGradient'> = (node, placement) => {
  const [dy, w, addend, dx] = [operand(node, 0), operand(node, 1), optionalOperand(node, 2), result(node, 0)];
  const sizes = convolutionSizes(dx, w, dy, node.attributes);
  const { inputPixels: m, inputChannels: n, outputChannels, taps } = sizes;
  const shape = pixelTile(placement, 'conv2dInputGradient', sizes, m, n);
  const { operands, finish } = kernelSource(
    {
      dy: tensorOperand(placement, dy, 'read'),
      w: tensorOperand(placement, w, 'read'),
      addend: addend && tensorOperand(placement, addend, 'read'),
      dx: tensorOperand(placement, dx, 'write'),
    },
    [...wideIf(lanesFor(outputChannels), ['dy', 'w'] as const), ...wideIf(lanesFor(n), ['addend', 'dx'] as const)],
  );
  const product: TileProduct = {
    m,
    n,
    k: taps * outputChannels,
    shape,
    splits: 1,
    scaledA: gradientScale(sizes),
    a: { along: 'k', prepare: (position) => `inputPixel(${position})`, load: (at, _, k) => `reach(${at}, ${k})` },
    b: { along: 'k', prepare: null, load: (_, position, k) => `rotated(${k}, ${position})` },
    declarations: `${reachFunctions(sizes, operands.dy)}
${rotatedFunction(sizes, operands.w)}`,
    store: storeRow(operands.dx, m, n, addend ? operands.addend : undefined),
  };
  return [finish(`conv2dInputGradient ${dx.name}`, tileDispatch(product), ...productSource(product, placement))];
};

export const conv2dWeightGradient: Lowering<'conv2dWeightGradient'> = (node, placement) => {
  const [x, dy, dw] = [operand(node, 0), operand(node, 1), result(node, 0)];
  const sizes = convolutionSizes(x, dw, dy, node.attributes);
  const { inputChannels, outputChannels: n, outputPixels: k, taps } = sizes;
  const m = taps * inputChannels;
  const { matrixUnits } = placement;
  const tiles = matrixUnits ? matrixWeightTiles(m, n, matrixUnits) : weightTiles(m, n);
  const shape = placement.tile(tileKey('conv2dWeightGradient', sizes), tiles);
  const splits = gradientSplits(m, n, k, shape);
  const partials = splits > 1 ? placement.scratch(splits * m * n) : null;
  const { operands, finish } = kernelSource(
    {
      x: tensorOperand(placement, x, 'read'),
      dy: tensorOperand(placement, dy, 'read'),
      dw: partials ? bufferOperand(partials, 'write') : tensorOperand(placement, dw, 'write'),
    },
    [...wideIf(lanesFor(inputChannels), ['x'] as const), ...wideIf(lanesFor(n), ['dy', 'dw'] as const)],
  );
  const product: TileProduct = {
    m,
    n,
    k,
    shape,
    splits,
    a: { along: 'across', prepare: null, load: (_, place, pixel) => `windowOf(outputPixel(${pixel}), ${place})` },
    scaledB: gradientScale(sizes),
    b: { along: 'across', prepare: null, load: (_, position, pixel) => `upstream(${pixel}, ${position})` },
    declarations: `${windowFunctions(sizes, operands.x)}
${matrixRow('upstream', operands.dy, k, n)}`,
    store: storeRow(operands.dw, m, n, undefined, splits > 1 ? `group.z * ${m * n}u` : undefined),
  };
  const label = `conv2dWeightGradient ${dw.name}`;
  const call = finish(label, tileDispatch(product), ...productSource(product, placement));
  if (!partials) return [call];
  return [call, finishSums(placement, `${label} sum`, [{ partials, start: 0, rows: splits, results: [dw] }])];
};

/** The product on the device's matrix units if it has any, else in float32: source and directives. */
function productSource(product: TileProduct, { matrixUnits }: Placement): [body: string, header: string] {
  return matrixUnits ? [matrixTileProduct(product, matrixUnits), matrixDirectives] : [tileProduct(product), ''];
}

function pixelTile(
  placement: Placement,
  op: 'conv2d' | 'conv2dInputGradient',
  sizes: ConvolutionSizes,
  m: number,
  n: number,
): TileShape {
  const { matrixUnits } = placement;
  const tiles = matrixUnits ? matrixPixelTiles(n, matrixUnits, op === 'conv2dInputGradient') : pixelTiles(m, n);
  return placement.tile(tileKey(op, sizes), tiles);
}

/** Names a product by all that its time depends on. */
function tileKey(op: OpName, sizes: ConvolutionSizes): string {
  const { inputHeight, inputWidth, inputChannels, outputChannels, outputPixels, taps, stride } = sizes;
  return `${op} ${inputHeight}x${inputWidth}x${inputChannels} to ${outputPixels}x${outputChannels}, ${taps} taps / ${stride}`;
}

/**
 * What brings gradients into f16's range, a power of two. The loss is a mean over images, and a convolution's gradient
 * spreads over the pixels of each: multiplied by their number it is of the order of 1.
 */
function gradientScale({ outputPixels }: ConvolutionSizes): number {
  return nextPowerOfTwo(outputPixels);
}

/**
 * `outputPixel(m)`: where the window of output pixel m begins in the input: (pixels of earlier images, row, column).
 * `windowOf(at, k)`: inputs k … k + 3 of that window, k running over taps and channels; zero in the padding.
 */
function windowFunctions(sizes: ConvolutionSizes, x: Operand): string {
  const { inputHeight, inputWidth, outputHeight, outputWidth, inputChannels: channels } = sizes;
  const { stride, padding, taps, kernelWidth } = sizes;
  const place = `let tap = k / ${channels}u;
  let c = k % ${channels}u;
  let y = at.y + i32(tap / ${kernelWidth}u);
  let x = at.z + i32(tap % ${kernelWidth}u);
  let outside = u32(y) >= ${inputHeight}u || u32(x) >= ${inputWidth}u || k >= ${taps * channels}u;
  let i = select(u32(at.x + y * ${inputWidth} + x) * ${channels}u + c, 0u, outside);`;
  const four =
    channels % 4 === 0
      ? `fn windowOf(at: vec3i, k: u32) -> vec4f {
  ${place}
  return select(${x.load4('i / 4u')}, vec4f(), outside);
}`
      : `fn windowValue(at: vec3i, k: u32) -> f32 {
  ${place}
  return select(${x.load('i')}, 0.0, outside);
}
${fourOf('windowOf', 'at: vec3i, k: u32', 'windowValue(at, k + j)')}`;
  return `${four}
fn outputPixel(m: u32) -> vec3i {
  let image = m / ${outputHeight * outputWidth}u;
  let pixel = m % ${outputHeight * outputWidth}u;
  let row = i32(pixel / ${outputWidth}u) * ${stride} - ${padding};
  let column = i32(pixel % ${outputWidth}u) * ${stride} - ${padding};
  return vec3i(i32(image * ${inputHeight * inputWidth}u), select(row, ${farAway}, m >= ${sizes.outputPixels}u), column);
}`;
}

/**
 * `inputPixel(m)`: (output pixels of earlier images, row, column) such that subtracting a tap's place and dividing by
 * the stride gives the output pixel that used input pixel m by that tap; `reach(at, k)`: its gradients k … k + 3.
 */
function reachFunctions(sizes: ConvolutionSizes, dy: Operand): string {
  const { inputHeight, inputWidth, outputHeight, outputWidth, outputChannels: channels } = sizes;
  const { stride, padding, taps, kernelWidth } = sizes;
  const between = stride > 1 ? ` || y % ${stride} != 0 || x % ${stride} != 0` : '';
  const place = `let tap = k / ${channels}u;
  let c = k % ${channels}u;
  let y = at.y - i32(tap / ${kernelWidth}u);
  let x = at.z - i32(tap % ${kernelWidth}u);
  let outside = u32(y) >= ${outputHeight * stride}u || u32(x) >= ${outputWidth * stride}u${between} || k >= ${taps * channels}u;
  let i = select(u32(at.x + y / ${stride} * ${outputWidth} + x / ${stride}) * ${channels}u + c, 0u, outside);`;
  const four =
    channels % 4 === 0
      ? `fn reach(at: vec3i, k: u32) -> vec4f {
  ${place}
  return select(${dy.load4('i / 4u')}, vec4f(), outside);
}`
      : `fn reachValue(at: vec3i, k: u32) -> f32 {
  ${place}
  return select(${dy.load('i')}, 0.0, outside);
}
${fourOf('reach', 'at: vec3i, k: u32', 'reachValue(at, k + j)')}`;
  return `${four}
fn inputPixel(m: u32) -> vec3i {
  let image = m / ${inputHeight * inputWidth}u;
  let pixel = m % ${inputHeight * inputWidth}u;
  let row = i32(pixel / ${inputWidth}u) + ${padding};
  let column = i32(pixel % ${inputWidth}u) + ${padding};
  return vec3i(i32(image * ${outputHeight * outputWidth}u), select(row, ${farAway}, m >= ${sizes.inputPixels}u), column);
}`;
}

/** A row or column that no window reaches. */
const farAway = -1_000_000;

/** `rotated(k, n)`: weights of input channel n at k … k + 3, k running over taps and output channels. */
function rotatedFunction({ inputChannels, outputChannels, taps }: ConvolutionSizes, w: Operand): string {
  const index = `(k / ${outputChannels}u * ${inputChannels}u + n) * ${outputChannels}u + k % ${outputChannels}u`;
  const place = `let outside = k >= ${taps * outputChannels}u || n >= ${inputChannels}u;
  let i = select(${index}, 0u, outside);`;
  if (outputChannels % 4 === 0) {
    return `fn rotated(k: u32, n: u32) -> vec4f {
  ${place}
  return select(${w.load4('i / 4u')}, vec4f(), outside);
}`;
  }
  return `fn rotatedValue(k: u32, n: u32) -> f32 {
  ${place}
  return select(${w.load('i')}, 0.0, outside);
}
${fourOf('rotated', 'k: u32, n: u32', 'rotatedValue(k + j, n)')}`;
}

/** `name(row, column)`: four neighbours in a row of a matrix; zero outside. */
function matrixRow(name: string, matrix: Operand, rows: number, columns: number): string {
  const place = `let outside = row >= ${rows}u || column >= ${columns}u;
  let i = select(row * ${columns}u + column, 0u, outside);`;
  if (columns % 4 === 0) {
    return `fn ${name}(row: u32, column: u32) -> vec4f {
  ${place}
  return select(${matrix.load4('i / 4u')}, vec4f(), outside);
}`;
  }
  return `fn ${name}Value(row: u32, column: u32) -> f32 {
  ${place}
  return select(${matrix.load('i')}, 0.0, outside);
}
${fourOf(name, 'row: u32, column: u32', `${name}Value(row, column + j)`)}`;
}

/** A function that makes its four numbers one by one, for rows whose length is no multiple of four. */
function fourOf(name: string, parameters: string, value: string): string {
  return `fn ${name}(${parameters}) -> vec4f {
  var four = vec4f();
  for (var j = 0u; j < 4u; j++) { four[j] = ${value}; }
  return four;
}`;
}

/** Stores a row of C that begins at element `start`, plus an addend of the same shape. */
function storeRow(c: Operand, m: number, n: number, addend?: Operand, start?: string): TileProduct['store'] {
  const base = start ? `${start} + ` : '';
  return (row, column, values) => {
    const stores = values.map((value, j) => {
      if (n % 4 === 0) {
        const at = `(${base}${row} * ${n}u + ${column}) / 4u + ${j}u`;
        return `if (${column} + ${4 * j}u < ${n}u) { ${c.store4(at, addend ? `${value} + ${addend.load4(at)}` : value)} }`;
      }
      return [0, 1, 2, 3]
        .map((i) => {
          const at = `${base}${row} * ${n}u + ${column} + ${4 * j + i}u`;
          const sum = `${value}[${i}]${addend ? ` + ${addend.load(at)}` : ''}`;
          return `if (${column} + ${4 * j + i}u < ${n}u) { ${c.store(at, sum)} }`;
        })
        .join(' ');
    });
    return `if (${row} < ${m}u) { ${stores.join(' ')} }`;
  };
}
