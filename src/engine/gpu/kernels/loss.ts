/** Softmax cross-entropy to smoothed labels in one workgroup (a batch of rows is little work), and its gradient. */

import { dimension } from '../../../graph/tensor.js';
import { float, kernelSource, linearDispatch, type Operand, tensorOperand, workgroupSize } from '../kernel.js';
import type { Lowering } from '../lowering.js';
import { nextPowerOfTwo, treeMax, treeSum } from './sums.js';

export const softmaxCrossEntropy: Lowering<'softmaxCrossEntropy'> = (node, placement) => {
  const { logits, labels } = node.operands;
  const { loss } = node.results;
  const [batch, classes] = [dimension(logits, 0), dimension(logits, 1)];
  const { operands, finish } = kernelSource({
    logits: tensorOperand(placement, logits, 'read'),
    labels: tensorOperand(placement, labels, 'read'),
    loss: tensorOperand(placement, loss, 'write'),
  });
  const { smoothing = 0 } = node.attributes;
  const own = operands.logits.load('own');
  const target =
    smoothing > 0 ? `(${float(1 - smoothing)} * ${own} + ${float(smoothing / classes)} * logitSum(row))` : own;
  const body = `${logSumExp(operands.logits, classes)}${smoothing > 0 ? logitSum(operands.logits, classes) : ''}
var<workgroup> lanes: array<vec2f, ${workgroupSize}>;
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(local_invocation_index) t: u32) {
  var sum = vec2f();
  for (var n = t; n < ${batch}u; n += ${workgroupSize}u) {
    let label = ${operands.labels.load('n')};
    if (u32(label) >= ${classes}u) { continue; }
    let row = n * ${classes}u;
    var best = 0u;
    for (var k = 1u; k < ${classes}u; k++) {
      if (${operands.logits.load('row + k')} > ${operands.logits.load('row + best')}) { best = k; }
    }
    let own = row + u32(label);
    sum += vec2f(logSumExp(row) - ${target}, select(1.0, 0.0, best == u32(label)));
  }
  lanes[t] = sum;
  ${treeSum('lanes', workgroupSize)}
  if (t == 0u) {
    ${operands.loss.store('0u', `lanes[0].x * ${float(1 / batch)}`)}
    ${operands.loss.store('1u', 'lanes[0].y')}
  }
}
`;
  return [finish('softmaxCrossEntropy', [1], body)];
};

/** A workgroup a row, whose invocations write only what they alone have read: the gradient may lie over the logits. */
export const softmaxCrossEntropyGradient: Lowering<'softmaxCrossEntropyGradient'> = (node, placement) => {
  const { logits, labels } = node.operands;
  const { dlogits } = node.results;
  const [batch, classes] = [dimension(logits, 0), dimension(logits, 1)];
  const { operands, finish } = kernelSource({
    logits: tensorOperand(placement, logits, 'read'),
    labels: tensorOperand(placement, labels, 'read'),
    dlogits: tensorOperand(placement, dlogits, 'write'),
  });
  const { smoothing = 0 } = node.attributes;
  const miss = smoothing / classes;
  const target = `select(${float(miss)}, ${float(1 - smoothing + miss)}, i32(k) == label)`;
  const logit = operands.logits.load('row + k');
  const width = Math.min(Math.max(2, nextPowerOfTwo(classes)), workgroupSize);
  const eachOwn = (body: string) => `for (var k = t; k < ${classes}u; k += ${width}u) { ${body} }`;
  const body = `var<workgroup> lanes: array<f32, ${width}>;
@compute @workgroup_size(${width})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) t: u32) {
  let n = group.y * groups.x + group.x;
  if (n >= ${batch}u) { return; }
  let row = n * ${classes}u;
  let label = ${operands.labels.load('n')};
  var most = ${operands.logits.load(`row + min(t, ${classes - 1}u)`)};
  ${eachOwn(`most = max(most, ${logit});`)}
  lanes[t] = most;
  ${treeMax('lanes', width)}
  let largest = lanes[0];
  workgroupBarrier();
  var sum = 0.0;
  ${eachOwn(`sum += exp(${logit} - largest);`)}
  lanes[t] = sum;
  ${treeSum('lanes', width)}
  let total = largest + log(lanes[0]);
  ${eachOwn(`let value = (exp(${logit} - total) - ${target}) * ${float(1 / batch)};
    ${operands.dlogits.store('row + k', `select(value, 0.0, u32(label) >= ${classes}u)`)}`)}
}
`;
  return [finish('softmaxCrossEntropyGradient', linearDispatch(batch, 1), body)];
};

/** log Σ exp of a row, shifted by its maximum so that nothing overflows. */
function logSumExp(logits: Operand, classes: number): string {
  return `fn logSumExp(row: u32) -> f32 {
  var largest = ${logits.load('row')};
  for (var k = 1u; k < ${classes}u; k++) { largest = max(largest, ${logits.load('row + k')}); }
  var sum = 0.0;
  for (var k = 0u; k < ${classes}u; k++) { sum += exp(${logits.load('row + k')} - largest); }
  return largest + log(sum);
}`;
}

function logitSum(logits: Operand, classes: number): string {
  return `
fn logitSum(row: u32) -> f32 {
  var sum = 0.0;
  for (var k = 0u; k < ${classes}u; k++) { sum += ${logits.load('row + k')}; }
  return sum;
}`;
}
