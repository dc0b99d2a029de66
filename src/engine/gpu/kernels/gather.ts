/** Gathers the images of a batch by the batch table, shifted and mirrored, and normalises their bytes or floats. */

import { dimension, elementCount, nhwc } from '../../../graph/tensor.js';
import { elementwiseMain, float, kernelSource, linearDispatch, tensorOperand } from '../kernel.js';
import type { Lowering } from '../lowering.js';

export const gatherBatch: Lowering<'gatherBatch'> = (node, placement) => {
  const { images, batchTable: table } = node.operands;
  const batch = dimension(table, 1);
  const steps = dimension(table, 0);
  const [count, height, width, channels] = nhwc(images);
  const { operands, finish } = kernelSource({
    images: tensorOperand(placement, images, 'read'),
    labels: tensorOperand(placement, node.operands.labels, 'read'),
    table: tensorOperand(placement, table, 'read'),
    position: tensorOperand(placement, node.operands.position, 'read'),
    x: tensorOperand(placement, node.results.x, 'write'),
    y: tensorOperand(placement, node.results.y, 'write'),
  });
  const { scale, offset } = node.attributes;
  const pixels = batch * height * width;
  const perImage = height * width;
  const stores = scale.map((factor, c) => {
    const given = operands.images.load(`place + ${c}u`);
    const value = `select(0.0, f32(${given}) * ${float(factor)} + ${float(offset[c] ?? 0)}, isInside)`;
    return operands.x.store(`i * ${channels}u + ${c}u`, value);
  });
  // Indices come from the host: those outside of the dataset count as padding instead of reading elsewhere.
  const body = elementwiseMain(
    pixels,
    `let n = i / ${perImage}u;
  let step = u32(${operands.position.load('0u')});
  let entry = 2u * (min(step, ${steps - 1}u) * ${batch}u + n);
  let image = u32(${operands.table.load('entry')});
  let word = ${operands.table.load('entry + 1u')};
  let pixel = i % ${perImage}u;
  let row = i32(pixel / ${width}u) + (word >> 16u) - 128;
  let shifted = i32(pixel % ${width}u) + ((word >> 8u) & 255) - 128;
  let column = select(shifted, ${width - 1} - shifted, (word & 1) == 1);
  let exists = image < ${count}u;
  let isInside = exists && u32(row) < ${height}u && u32(shifted) < ${width}u;
  let place = select(0u, ((image * ${height}u + u32(row)) * ${width}u + u32(column)) * ${channels}u, isInside);
  ${stores.join('\n  ')}
  if (pixel == 0u) {
    var label = -1;
    if (exists) { label = ${operands.labels.load('image')}; }
    ${operands.y.store('n', 'label')}
  }`,
  );
  return [finish('gatherBatch', linearDispatch(pixels), body)];
};

export const gatherTargets: Lowering<'gatherTargets'> = (node, placement) => {
  const { targets, batchTable: table } = node.operands;
  const { y } = node.results;
  const [steps, batch, count] = [dimension(table, 0), dimension(table, 1), dimension(targets, 0)];
  const items = elementCount(y.shape);
  const length = items / batch;
  const { operands, finish } = kernelSource({
    targets: tensorOperand(placement, targets, 'read'),
    table: tensorOperand(placement, table, 'read'),
    position: tensorOperand(placement, node.operands.position, 'read'),
    y: tensorOperand(placement, y, 'write'),
  });
  const body = elementwiseMain(
    items,
    `let step = min(u32(${operands.position.load('0u')}), ${steps - 1}u);
  let image = u32(${operands.table.load(`2u * (step * ${batch}u + i / ${length}u)`)});
  var picked = ${y.dtype === 'int32' ? '-1' : '-1.0'};
  if (image < ${count}u) { picked = ${operands.targets.load(`image * ${length}u + i % ${length}u`)}; }
  ${operands.y.store('i', 'picked')}`,
  );
  return [finish('gatherTargets', linearDispatch(items), body)];
};
