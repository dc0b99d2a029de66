/**
 * Depthwise convolution and its two gradients, in float32. Every output needs only as many inputs as the kernel has
 * taps, so memory is the bottleneck: an invocation takes one (or four) of the channels of a pixel, neighbours read
 * neighbours, and overlapping windows share the caches.
 */

import type { Node } from '../../../graph/graph.js';
import { dimension, elementCount, nhwc, type Tensor } from '../../../graph/tensor.js';
import type { AxisWindow, Window } from '../../../ops/window.js';
import {
  bufferOperand,
  elementwiseMain,
  type KernelCall,
  kernelSource,
  linearDispatch,
  type Operand,
  type Placement,
  tensorOperand,
  workgroupSize,
} from '../kernel.js';
import { type Lanes, lanesFor, wideIf } from '../lanes.js';
import type { Lowering } from '../lowering.js';
import { finishMoments, momentTiles } from './moments.js';
import { finishSums, mostPartials, storeComponents, treeSum, workgroupsOf } from './sums.js';
import { outputsThatSee, position, type Range } from './windowPlaces.js';

/**
 * A depthwise convolution that also computes the moments of its result. `statistics`: the only node that reads them,
 * which the kernel that finishes them then computes.
 */
export function depthwiseConv2d(
  node: Node<'depthwiseConv2d'>,
  placement: Placement,
  statistics: Node<'batchStatistics'> | null = null,
): KernelCall[] {
  const { x, w } = node.operands;
  const lanes = lanesFor(dimension(x, 3));
  return pixelByPixel(node, placement, statistics, lanes, ['x', 'w', 'y'], (operands) =>
    outputFunction(x, w, node.results.y, node.attributes, lanes, (at, tap) => {
      const perPixel = dimension(x, 3) / lanes.width;
      return `sum += ${lanes.load(operands.x, `${at} * ${perPixel}u + c`)} * ${lanes.load(operands.w, `${tap} * ${perPixel}u + c`)};`;
    }),
  );
}

/** A convolution by a function `output(pixel, c)` made from the operands; those in `wide` are read in `lanes`. */
export function pixelByPixel(
  node: Node<'depthwiseConv2d'> | Node<'groupedConv2d'>,
  placement: Placement,
  statistics: Node<'batchStatistics'> | null,
  lanes: Lanes,
  wide: readonly ('x' | 'w' | 'y')[],
  outputOf: (operands: Readonly<Record<'x' | 'w', Operand>>) => string,
): KernelCall[] {
  const { x, w } = node.operands;
  const { y, moments } = node.results;
  const tiles = momentTiles(y, lanes);
  const { pixels, perPixel } = tiles;
  const partials = moments ? placement.scratch(tiles.partials) : null;
  const { operands, finish } = kernelSource(
    {
      x: tensorOperand(placement, x, 'read'),
      w: tensorOperand(placement, w, 'read'),
      y: tensorOperand(placement, y, 'write'),
      partials: partials && bufferOperand(partials, 'write'),
    },
    wideIf(lanes, wide),
  );
  const label = `${node.op} ${y.name}`;
  const output = outputOf(operands);
  if (!partials) {
    const count = pixels * perPixel;
    const store = lanes.store(operands.y, 'i', `output(i / ${perPixel}u, i % ${perPixel}u)`);
    return [finish(label, linearDispatch(count), `${output}\n${elementwiseMain(count, store)}`)];
  }
  const index = `pixel * ${perPixel}u + c`;
  const value = `let value = output(pixel, c); ${lanes.store(operands.y, index, 'value')}`;
  const body = tiles.gather(operands.partials, value, lanes.load(operands.y, index));
  return [
    finish(label, tiles.workgroups, `${output}\n${body}`),
    finishMoments(placement, label, partials, tiles, moments, statistics),
  ];
}

export const depthwiseConv2dInputGradient: Lowering<'depthwiseConv2dInputGradient'> = (node, placement) => {
  const { dy, w, addend } = node.operands;
  const { dx } = node.results;
  const [, height, width, channels] = nhwc(dx);
  const [, outputHeight, outputWidth] = nhwc(dy);
  const [kernelHeight, kernelWidth] = [dimension(w, 0), dimension(w, 1)];
  const lanes = lanesFor(channels);
  const perPixel = channels / lanes.width;
  const { operands, finish } = kernelSource(
    {
      dy: tensorOperand(placement, dy, 'read'),
      w: tensorOperand(placement, w, 'read'),
      addend: addend && tensorOperand(placement, addend, 'read'),
      dx: tensorOperand(placement, dx, 'write'),
    },
    wideIf(lanes, ['dy', 'w', 'addend', 'dx']),
  );
  const rows = outputsThatSee('h', kernelHeight, outputHeight, node.attributes.rows);
  const columns = outputsThatSee('w', kernelWidth, outputWidth, node.attributes.columns);
  const count = elementCount(dx.shape) / lanes.width;
  const body = elementwiseMain(
    count,
    `${position('i', height, width, perPixel)}
  var sum = ${addend ? lanes.load(operands.addend, 'i') : `${lanes.type}()`};
  for (var row = ${rows.first}; row < ${rows.end}; row++) {
    ${rows.skip('row')}
    let line = ${rows.tap('row')} * ${kernelWidth}u;
    for (var column = ${columns.first}; column < ${columns.end}; column++) {
      ${columns.skip('column')}
      let tap = line + ${columns.tap('column')};
      let pixel = (n * ${outputHeight}u + row) * ${outputWidth}u + column;
      sum += ${lanes.load(operands.dy, `pixel * ${perPixel}u + c`)} * ${lanes.load(operands.w, `tap * ${perPixel}u + c`)};
    }
  }
  ${lanes.store(operands.dx, 'i', 'sum')}`,
  );
  return [finish(`depthwiseConv2dInputGradient ${dx.name}`, linearDispatch(count), body)];
};

export const depthwiseConv2dWeightGradient: Lowering<'depthwiseConv2dWeightGradient'> = (node, placement) => {
  const channels = dimension(node.operands.x, 3);
  const lanes = lanesFor(channels);
  return weightGradientByRows(node, placement, lanes, 1, (x, pixel) =>
    lanes.load(x, `${pixel} * ${channels / lanes.width}u + c`),
  );
};

/**
 * A workgroup sums one row of the kernel, for one of the `inputs` of an output, over pixels of its own; a second kernel
 * adds the workgroups' sums. `inputOf`: that input of a pixel of x, as many as there are lanes or one for all.
 */
export function weightGradientByRows(
  node: Node<'depthwiseConv2dWeightGradient'> | Node<'groupedConv2dWeightGradient'>,
  placement: Placement,
  lanes: Lanes,
  inputs: number,
  inputOf: (x: Operand, pixel: string) => string,
): KernelCall[] {
  const { x, dy } = node.operands;
  const { dw } = node.results;
  const [, height, width] = nhwc(x);
  const [, outputHeight, outputWidth] = nhwc(dy);
  const [kernelHeight, kernelWidth] = [dimension(dw, 0), dimension(dw, 1)];
  const { rows, columns } = node.attributes;
  const { channels, pixels, perPixel, across, down } = workgroupsOf(dy, lanes);
  const columnGroups = Math.ceil(perPixel / across);
  const groups = Math.min(Math.ceil(pixels / down), Math.ceil(mostPartials / columnGroups));
  const partials = placement.scratch(groups * elementCount(dw.shape));
  const { operands, finish } = kernelSource(
    {
      x: tensorOperand(placement, x, 'read'),
      dy: tensorOperand(placement, dy, 'read'),
      partials: bufferOperand(partials, 'write'),
    },
    wideIf(lanes, inputs === 1 ? ['x', 'dy'] : ['dy']),
  );
  const taps = [...Array(kernelWidth).keys()];
  const at = (tap: number) => `u32(column + ${tap * columns.dilation})`;
  const input = (tap: number) => inputOf(operands.x, `(line + ${at(tap)})`);
  const addTap = (tap: number) => `if (${at(tap)} < ${width}u) { sum_${tap} += g * ${input(tap)}; }`;
  const finishTap = (tap: number) => `sums[t] = sum_${tap};
  ${treeSum('sums', workgroupSize, across)}
  if (t < ${across}u && c < ${perPixel}u) {
    ${storeComponents(lanes, operands.partials, `row + ${tap * inputs * channels}u`, 'sums[t]')}
  }
  workgroupBarrier();`;
  const body = `var<workgroup> sums: array<${lanes.type}, ${workgroupSize}>;
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  let c = group.y * ${across}u + t % ${across}u;
  let kernelRow = group.z${inputs === 1 ? '' : ` / ${inputs}u`};
  let input = ${inputs === 1 ? '0u' : `group.z % ${inputs}u`};
  let row = (group.x * ${kernelHeight}u + kernelRow) * ${kernelWidth * inputs * channels}u + input * ${channels}u + ${lanes.width}u * c;
  ${taps.map((tap) => `var sum_${tap} = ${lanes.type}();`).join('\n  ')}
  if (c < ${perPixel}u) {
    for (var pixel = group.x * ${down}u + t / ${across}u; pixel < ${pixels}u; pixel += ${groups * down}u) {
      let h = i32(pixel / ${outputWidth}u % ${outputHeight}u * ${rows.stride}u + kernelRow * ${rows.dilation}u) - ${rows.before};
      let column = i32(pixel % ${outputWidth}u) * ${columns.stride} - ${columns.before};
      if (u32(h) < ${height}u) {
        let line = (pixel / ${outputHeight * outputWidth}u * ${height}u + u32(h)) * ${width}u;
        let g = ${lanes.load(operands.dy, `pixel * ${perPixel}u + c`)};
        ${taps.map(addTap).join('\n        ')}
      }
    }
  }
  ${taps.map(finishTap).join('\n  ')}
}
`;
  const label = `${node.op} ${dw.name}`;
  return [
    finish(label, [groups, columnGroups, kernelHeight * inputs], body),
    finishSums(placement, `${label} sum`, [{ partials, start: 0, rows: groups, results: [dw] }]),
  ];
}

/** `output(pixel, c)`: the sum over the taps inside the image of `add` for a pixel of x and a tap. */
export function outputFunction(
  x: Tensor,
  w: Tensor,
  y: Tensor,
  { rows, columns }: Window,
  lanes: Lanes,
  add: (pixel: string, tap: string) => string,
): string {
  const [, height, width] = nhwc(x);
  const [, outputHeight, outputWidth] = nhwc(y);
  const [kernelHeight, kernelWidth] = [dimension(w, 0), dimension(w, 1)];
  const [down, across] = [
    tapsInside('top', kernelHeight, height, rows),
    tapsInside('left', kernelWidth, width, columns),
  ];
  return `fn output(pixel: u32, c: u32) -> ${lanes.type} {
  let top = i32(pixel / ${outputWidth}u % ${outputHeight}u) * ${rows.stride} - ${rows.before};
  let left = i32(pixel % ${outputWidth}u) * ${columns.stride} - ${columns.before};
  let image = pixel / ${outputHeight * outputWidth}u * ${height * width}u;
  var sum = ${lanes.type}();
  for (var row = ${down.first}; row < ${down.end}; row++) {
    for (var column = ${across.first}; column < ${across.end}; column++) {
      let at = image + u32(top + row * ${rows.dilation}) * ${width}u + u32(left + column * ${columns.dilation});
      let tap = u32(row * ${kernelWidth} + column);
      ${add('at', 'tap')}
    }
  }
  return sum;
}`;
}

/** The taps inside the image of a window that begins at `start`, as signed WGSL. */
function tapsInside(start: string, size: number, length: number, { dilation }: AxisWindow): Range {
  if (dilation === 1) return { first: `max(0, -${start})`, end: `min(${size}, ${length} - ${start})` };
  return {
    first: `max(0, (${dilation - 1} - ${start}) / ${dilation})`,
    end: `min(${size}, (${length + dilation - 1} - ${start}) / ${dilation})`,
  };
}
