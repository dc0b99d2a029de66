/**
 * Grouped convolution and its two gradients, in float32: strip by strip like depthwise ones, since few channels meet.
 * Four channels of a group at a time if groups have as many.
 */

import type { Node } from '../../../graph/graph.js';
import { dimension, elementCount, nhwc } from '../../../graph/tensor.js';
import {
  elementwiseMain,
  type KernelCall,
  kernelSource,
  linearDispatch,
  type Placement,
  tensorOperand,
} from '../kernel.js';
import { lanesFor, wideIf } from '../lanes.js';
import type { Lowering } from '../lowering.js';
import { stripByStrip, weightGradient } from './depthwise.js';
import { outputsThatSee, position } from './windowPlaces.js';

/** `statistics` as for `depthwiseConv2d`. */
export function groupedConv2d(
  node: Node<'groupedConv2d'>,
  placement: Placement,
  statistics: Node<'batchStatistics'> | null = null,
): KernelCall[] {
  return convolutionOfGroups(node, node.attributes.groups, placement, statistics);
}

/** A convolution whose outputs have few inputs, in so many groups. */
export function convolutionOfGroups(
  node: Node<'groupedConv2d'> | Node<'conv2d'>,
  groups: number,
  placement: Placement,
  statistics: Node<'batchStatistics'> | null,
): KernelCall[] {
  const { x, w } = node.operands;
  const { inputs, outputs, all, lanes } = groupsOf(dimension(x, 3), dimension(w, 3), groups);
  const perPixel = dimension(w, 3) / lanes.width;
  const input = inputs === 1 ? '0u' : 'input';
  return stripByStrip(node, placement, statistics, lanes, {
    wide: ['w', 'y'],
    inputs,
    type: 'f32',
    input: (x, pixel) => x.load(`${pixel} * ${all}u + c / ${outputs / lanes.width}u * ${inputs}u + ${input}`),
    weight: (w, tap) => lanes.load(w, `((${tap}) * ${inputs}u + ${input}) * ${perPixel}u + c`),
  });
}

export const groupedConv2dInputGradient: Lowering<'groupedConv2dInputGradient'> = (node, placement) => {
  const { dy, w, addend } = node.operands;
  const { dx } = node.results;
  const [, height, width, channels] = nhwc(dx);
  const [, outputHeight, outputWidth, outputChannels] = nhwc(dy);
  const [kernelHeight, kernelWidth] = [dimension(w, 0), dimension(w, 1)];
  const { inputs, outputs, lanes } = groupsOf(channels, outputChannels, node.attributes.groups);
  const { operands, finish } = kernelSource(
    {
      dy: tensorOperand(placement, dy, 'read'),
      w: tensorOperand(placement, w, 'read'),
      addend: addend && tensorOperand(placement, addend, 'read'),
      dx: tensorOperand(placement, dx, 'write'),
    },
    wideIf(lanes, ['dy', 'w']),
  );
  const rows = outputsThatSee('h', kernelHeight, outputHeight, node.attributes.rows);
  const columns = outputsThatSee('w', kernelWidth, outputWidth, node.attributes.columns);
  const [perPixel, perGroup] = [outputChannels / lanes.width, outputs / lanes.width];
  const count = elementCount(dx.shape);
  const product = `${lanes.load(operands.dy, 'outputs + k')} * ${lanes.load(operands.w, 'weights + k')}`;
  const body = elementwiseMain(
    count,
    `${position('i', height, width, channels)}
  let group = c / ${inputs}u * ${perGroup}u;
  var sum = ${addend ? operands.addend.load('i') : '0.0'};
  for (var row = ${rows.first}; row < ${rows.end}; row++) {
    ${rows.skip('row')}
    let line = ${rows.tap('row')} * ${kernelWidth}u;
    for (var column = ${columns.first}; column < ${columns.end}; column++) {
      ${columns.skip('column')}
      let tap = line + ${columns.tap('column')};
      let outputs = ((n * ${outputHeight}u + row) * ${outputWidth}u + column) * ${perPixel}u + group;
      let weights = (tap * ${inputs}u + c % ${inputs}u) * ${perPixel}u + group;
      for (var k = 0u; k < ${perGroup}u; k++) { sum += ${lanes.sum(product)}; }
    }
  }
  ${operands.dx.store('i', 'sum')}`,
  );
  return [finish(`groupedConv2dInputGradient ${dx.name}`, linearDispatch(count), body)];
};

export const groupedConv2dWeightGradient: Lowering<'groupedConv2dWeightGradient'> = (node, placement) =>
  weightGradientOfGroups(node, node.attributes.groups, placement);

/** The weight gradient of `convolutionOfGroups`. */
export function weightGradientOfGroups(
  node: Node<'groupedConv2dWeightGradient'> | Node<'conv2dWeightGradient'>,
  groups: number,
  placement: Placement,
): KernelCall[] {
  const { x, dy } = node.operands;
  const { inputs, outputs, all, lanes } = groupsOf(dimension(x, 3), dimension(dy, 3), groups);
  return weightGradient(node, placement, lanes, inputs, 'f32', (operand, pixel) =>
    operand.load(`${pixel} * ${all}u + c / ${outputs / lanes.width}u * ${inputs}u + input`),
  );
}

/** Channels of a group of inputs and of outputs, all inputs, and lanes that stay within a group of outputs. */
function groupsOf(all: number, allOutputs: number, groups: number) {
  const outputs = allOutputs / groups;
  return { all, inputs: all / groups, outputs, lanes: lanesFor(outputs) };
}
