/**
 * Depthwise convolution and its two gradients, in float32. Every output needs only as many inputs as the kernel has
 * taps, so memory is the bottleneck: an invocation takes one (or four) of the channels of some neighbours in a row, which
 * share inputs and weights, and neighbouring invocations read neighbouring channels.
 */

import type { Node } from '../../../graph/graph.js';
import { dimension, elementCount, nhwc } from '../../../graph/tensor.js';
import type { AxisWindow } from '../../../ops/window.js';
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
import { columnSums, finishSums, mostPartials, storeComponents, workgroupsOf } from './sums.js';
import { outputsThatSee, position } from './windowPlaces.js';

/** Most pixels in a row that an invocation takes. */
const mostPixels = 4;

/** Pixels that an invocation takes, such that strips of a row are about equal. */
function stripLength(width: number): number {
  return Math.ceil(width / Math.ceil(width / mostPixels));
}

/**
 * A depthwise convolution that also computes the moments of its result. `statistics`: the only node that reads them,
 * which the kernel that finishes them then computes.
 */
export function depthwiseConv2d(
  node: Node<'depthwiseConv2d'>,
  placement: Placement,
  statistics: Node<'batchStatistics'> | null = null,
): KernelCall[] {
  const lanes = lanesFor(dimension(node.operands.x, 3));
  const perPixel = dimension(node.operands.x, 3) / lanes.width;
  return stripByStrip(node, placement, statistics, lanes, {
    wide: ['x', 'w', 'y'],
    inputs: 1,
    type: lanes.type,
    input: (x, pixel) => lanes.load(x, `${pixel} * ${perPixel}u + c`),
    weight: (w, tap) => lanes.load(w, `(${tap}) * ${perPixel}u + c`),
  });
}

/** The inputs that meet in the outputs of channels `c`. */
interface Meeting {
  /** Operands that are accessed in lanes. */
  readonly wide: readonly ('x' | 'w' | 'y')[];
  /** Number of inputs that meet; `input` counts them, if there are several. */
  readonly inputs: number;
  /** An input for all lanes, or one for each. */
  readonly type: Lanes['type'];
  readonly input: (x: Operand, pixel: string) => string;
  readonly weight: (w: Operand, tap: string) => string;
}

/** A convolution whose outputs have few inputs each. */
export function stripByStrip(
  node: Node<'depthwiseConv2d'> | Node<'groupedConv2d'> | Node<'conv2d'>,
  placement: Placement,
  statistics: Node<'batchStatistics'> | null,
  lanes: Lanes,
  { wide, inputs, type, input, weight }: Meeting,
): KernelCall[] {
  const { x, w } = node.operands;
  const { y, moments } = node.results;
  const { rows, columns } = node.attributes;
  const [, height, width] = nhwc(x);
  const [, outputHeight, outputWidth] = nhwc(y);
  const [kernelHeight, kernelWidth] = [dimension(w, 0), dimension(w, 1)];
  const length = stripLength(outputWidth);
  const tiles = momentTiles(y, lanes, { width: outputWidth, length });
  const { perRow, perPixel, strips } = tiles;
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
  const line = lineOfInputs(columns, length, kernelWidth, width, type, (pixel) => input(operands.x, pixel));
  const sumRow = `${line.load}
      ${numbers(kernelWidth, (k) => `let weight_${k} = ${weight(operands.w, `row * ${kernelWidth}u + ${k}u`)};`)}
      ${numbers(length, (i) => numbers(kernelWidth, (k) => `sum_${i} += ${line.at(i, k)} * weight_${k};`))}`;
  const compute = `let outputRow = strip / ${perRow}u;
    let column = strip % ${perRow}u * ${length}u;
    let top = i32(outputRow % ${outputHeight}u) * ${rows.stride} - ${rows.before};
    let left = i32(column) * ${columns.stride} - ${columns.before};
    ${numbers(length, (i) => `var sum_${i} = ${lanes.type}();`)}
    for (var row = 0u; row < ${kernelHeight}u; row++) {
      let y = top + i32(row) * ${rows.dilation};
      if (u32(y) >= ${height}u) { continue; }
      let line = (outputRow / ${outputHeight}u * ${height}u + u32(y)) * ${width}u;
      ${inputs === 1 ? sumRow : `for (var input = 0u; input < ${inputs}u; input++) { ${sumRow} }`}
    }`;
  const store = (add: (value: string) => string) =>
    numbers(length, (i) => {
      const at = `(outputRow * ${outputWidth}u + column + ${i}u) * ${perPixel}u + c`;
      const leave = `${lanes.store(operands.y, at, `sum_${i}`)} ${add(`sum_${i}`)}`;
      return outputWidth % length === 0 ? leave : `if (column + ${i}u < ${outputWidth}u) { ${leave} }`;
    });
  const label = `${node.op} ${y.name}`;
  if (!partials) {
    const count = strips * perPixel;
    const body = `let strip = i / ${perPixel}u; let c = i % ${perPixel}u; ${compute} ${store(() => '')}`;
    return [finish(label, linearDispatch(count), elementwiseMain(count, body))];
  }
  return [
    finish(
      label,
      tiles.workgroups,
      tiles.gather(operands.partials, (add) => `${compute} ${store(add)}`),
    ),
    ...finishMoments(placement, label, partials, tiles, moments, statistics),
  ];
}

/** WGSL for each of so many numbers. */
function numbers(count: number, code: (i: number) => string): string {
  return [...Array(count).keys()].map(code).join('\n      ');
}

/**
 * The inputs of a strip of so many outputs in a row of the images that begins at pixel `line`, from column `left` on, each
 * loaded once: WGSL that loads them, zero outside of the image, and the name of the one that tap k of output i sees.
 */
function lineOfInputs(
  { stride, dilation }: AxisWindow,
  outputs: number,
  taps: number,
  width: number,
  type: Lanes['type'],
  load: (pixel: string) => string,
): { readonly load: string; at(output: number, tap: number): string } {
  const place = (output: number, tap: number) => output * stride + tap * dilation;
  const places = new Set([...Array(outputs).keys()].flatMap((i) => [...Array(taps).keys()].map((k) => place(i, k))));
  return {
    load: [...places]
      .map(
        (j) => `let column_${j} = u32(left + ${j});
      let input_${j} = select(${type}(), ${load(`(line + min(column_${j}, ${width - 1}u))`)}, column_${j} < ${width}u);`,
      )
      .join('\n      '),
    at: (output, tap) => `input_${place(output, tap)}`,
  };
}

export const depthwiseConv2dInputGradient: Lowering<'depthwiseConv2dInputGradient'> = (node, placement) => {
  const { dy, w, addend } = node.operands;
  const { dx } = node.results;
  const [batch, height, width, channels] = nhwc(dx);
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
  const { columns } = node.attributes;
  const rows = outputsThatSee('h', kernelHeight, outputHeight, node.attributes.rows);
  // Strips begin at multiples of the stride, so that the taps by which outputs see them are known.
  const length = Math.ceil(stripLength(width) / columns.stride) * columns.stride;
  const perRow = Math.ceil(width / length);
  const seen = [...Array(length).keys()].flatMap((i) => tapsThatSee(i, kernelWidth, columns));
  const outputs = [...new Set(seen.map(({ output }) => output))].sort((a, b) => a - b);
  const name = (output: number) => `output_${output - outputs[0]!}`;
  const loadOutputs = outputs.map((output) => {
    const column = `u32(first + ${output})`;
    const load = lanes.load(operands.dy, `(line + min(${column}, ${outputWidth - 1}u)) * ${perPixel}u + c`);
    return `let ${name(output)} = select(${lanes.type}(), ${load}, ${column} < ${outputWidth}u);`;
  });
  const count = batch * height * perRow * perPixel;
  const at = (i: number) => `((n * ${height}u + h) * ${width}u + column + ${i}u) * ${perPixel}u + c`;
  const ifThere = (i: number, code: string) =>
    width % length === 0 ? code : `if (column + ${i}u < ${width}u) { ${code} }`;
  const body = elementwiseMain(
    count,
    `${position('i', height, perRow, perPixel)}
  let column = w * ${length}u;
  let first = i32(w * ${length / columns.stride}u);
  ${numbers(length, (i) => {
    const start = `var sum_${i} = ${lanes.type}();`;
    return addend ? `${start} ${ifThere(i, `sum_${i} = ${lanes.load(operands.addend, at(i))};`)}` : start;
  })}
  for (var row = ${rows.first}; row < ${rows.end}; row++) {
    ${rows.skip('row')}
    let line = (n * ${outputHeight}u + row) * ${outputWidth}u;
    let taps = ${rows.tap('row')} * ${kernelWidth}u;
    ${numbers(kernelWidth, (k) => `let weight_${k} = ${lanes.load(operands.w, `(taps + ${k}u) * ${perPixel}u + c`)};`)}
    ${loadOutputs.join('\n    ')}
    ${seen.map(({ input, output, tap }) => `sum_${input} += ${name(output)} * weight_${tap};`).join('\n    ')}
  }
  ${numbers(length, (i) => ifThere(i, lanes.store(operands.dx, at(i), `sum_${i}`)))}`,
  );
  return [finish(`depthwiseConv2dInputGradient ${dx.name}`, linearDispatch(count), body)];
};

/**
 * The outputs, and the taps by which they see input i of a strip, in order; outputs count from the one that begins where
 * the strip does.
 */
function tapsThatSee(input: number, taps: number, { stride, before, dilation }: AxisWindow) {
  return [...Array(taps).keys()]
    .map((tap) => ({ input, tap, output: (input + before - tap * dilation) / stride }))
    .filter(({ output }) => Number.isInteger(output))
    .reverse();
}

export const depthwiseConv2dWeightGradient: Lowering<'depthwiseConv2dWeightGradient'> = (node, placement) => {
  const channels = dimension(node.operands.x, 3);
  const lanes = lanesFor(channels);
  return weightGradient(node, placement, lanes, 1, lanes.type, (x, pixel) =>
    lanes.load(x, `${pixel} * ${channels / lanes.width}u + c`),
  );
};

/** Most taps whose sums an invocation keeps at once. */
const mostTaps = 9;

/**
 * A workgroup sums all taps, or a row of them if there are many, for one of the `inputs` of an output, over strips of its
 * own; a second kernel adds the workgroups' sums. `inputOf`: that input of a pixel of x, as many as there are lanes or
 * one for all.
 */
export function weightGradient(
  node: Node<'depthwiseConv2dWeightGradient'> | Node<'groupedConv2dWeightGradient'> | Node<'conv2dWeightGradient'>,
  placement: Placement,
  lanes: Lanes,
  inputs: number,
  type: Lanes['type'],
  inputOf: (x: Operand, pixel: string) => string,
): KernelCall[] {
  const { x, dy } = node.operands;
  const { dw } = node.results;
  const [, height, width] = nhwc(x);
  const [, outputHeight, outputWidth] = nhwc(dy);
  const [kernelHeight, kernelWidth] = [dimension(dw, 0), dimension(dw, 1)];
  const { rows, columns } = node.attributes;
  const shape = workgroupsOf(dy, lanes);
  const { channels, pixels, perPixel, columnGroups, across, down, isWorking } = shape;
  const length = stripLength(outputWidth);
  const perRow = Math.ceil(outputWidth / length);
  const strips = (pixels / outputWidth) * perRow;
  const rowsAtOnce = kernelHeight * kernelWidth <= mostTaps ? kernelHeight : 1;
  const groups = Math.min(Math.ceil(strips / down), Math.ceil(mostPartials / columnGroups));
  const partials = placement.scratch(groups * elementCount(dw.shape));
  const { operands, finish } = kernelSource(
    {
      x: tensorOperand(placement, x, 'read'),
      dy: tensorOperand(placement, dy, 'read'),
      partials: bufferOperand(partials, 'write'),
    },
    wideIf(lanes, type === lanes.type ? ['x', 'dy'] : ['dy']),
  );
  const line = lineOfInputs(columns, length, kernelWidth, width, type, (pixel) => inputOf(operands.x, pixel));
  const upstream = (i: number) => {
    const load = (place: string) =>
      lanes.load(operands.dy, `(outputRow * ${outputWidth}u + ${place}) * ${perPixel}u + c`);
    if (outputWidth % length === 0) return load(`column + ${i}u`);
    const inside = `column + ${i}u < ${outputWidth}u`;
    return `select(${lanes.type}(), ${load(`min(column + ${i}u, ${outputWidth - 1}u)`)}, ${inside})`;
  };
  const addRow = (row: number) => `{ let y = top + ${row * rows.dilation};
      if (u32(y) < ${height}u) {
      let line = (outputRow / ${outputHeight}u * ${height}u + u32(y)) * ${width}u;
      ${line.load}
      ${numbers(kernelWidth, (k) => `sum_${row}_${k} += ${[...Array(length).keys()].map((i) => `g_${i} * ${line.at(i, k)}`).join(' + ')};`)}
      } }`;
  const finishTap = (row: number, k: number) => `sums[t] = sum_${row}_${k};
  ${columnSums(['sums'], shape)}
  if (t < ${across}u && c < ${perPixel}u) {
    ${storeComponents(lanes, operands.partials, `start + ${(row * kernelWidth + k) * inputs * channels}u`, 'sums[t]')}
  }
  workgroupBarrier();`;
  const body = `var<workgroup> sums: array<${lanes.type}, ${workgroupSize}>;
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  let c = group.y * ${across}u + t % ${across}u;
  let kernelRow = group.z${inputs === 1 ? '' : ` / ${inputs}u`} * ${rowsAtOnce}u;
  let input = ${inputs === 1 ? '0u' : `group.z % ${inputs}u`};
  let start = (group.x * ${kernelHeight}u + kernelRow) * ${kernelWidth * inputs * channels}u + input * ${channels}u + ${lanes.width}u * c;
  ${numbers(rowsAtOnce, (row) => numbers(kernelWidth, (k) => `var sum_${row}_${k} = ${lanes.type}();`))}
  if (${isWorking}) {
    for (var strip = group.x * ${down}u + t / ${across}u; strip < ${strips}u; strip += ${groups * down}u) {
      let outputRow = strip / ${perRow}u;
      let column = strip % ${perRow}u * ${length}u;
      let top = i32(outputRow % ${outputHeight}u * ${rows.stride}u + kernelRow * ${rows.dilation}u) - ${rows.before};
      let left = i32(column) * ${columns.stride} - ${columns.before};
      ${numbers(length, (i) => `let g_${i} = ${upstream(i)};`)}
      ${numbers(rowsAtOnce, addRow)}
    }
  }
  ${numbers(rowsAtOnce, (row) => numbers(kernelWidth, (k) => finishTap(row, k)))}
}
`;
  const label = `${node.op} ${dw.name}`;
  return [
    finish(label, [groups, columnGroups, (kernelHeight / rowsAtOnce) * inputs], body),
    finishSums(placement, `${label} sum`, [{ partials, start: 0, rows: groups, results: [dw] }]),
  ];
}
