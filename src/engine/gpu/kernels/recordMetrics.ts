/** Adds the losses of a step to the metrics, and records the first place of a non-finite number. */

import { elementCount } from '../../../graph/tensor.js';
import { METRICS, PENALTIES } from '../../../ops/attributes.js';
import { kernelSource, tensorOperand } from '../kernel.js';
import type { Lowering } from '../lowering.js';
import { rounding } from '../wgsl/rounding.js';

export const recordMetrics: Lowering<'recordMetrics'> = (node, placement) => {
  const { layers } = node.attributes;
  const count = elementCount(node.operands.statistics.shape);
  const { operands, words, finish } = kernelSource({
    loss: tensorOperand(placement, node.operands.loss, 'read'),
    penalties: tensorOperand(placement, node.operands.penalties, 'read'),
    statistics: tensorOperand(placement, node.operands.statistics, 'read'),
    metrics: tensorOperand(placement, node.results.metrics, 'write'),
  });
  const metric = (name: keyof typeof METRICS) => operands.metrics.load(`${METRICS[name]}u`);
  const set = (name: keyof typeof METRICS, value: string) => operands.metrics.store(`${METRICS[name]}u`, value);
  const add = (name: keyof typeof METRICS, value: string) => set(name, `${metric(name)} + ${value}`);
  const body = `${words(layers.flatMap(({ offset, length }) => [offset, length]))}${rounding}
var<workgroup> firstBad: atomic<u32>;
@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) t: u32) {
  if (t == 0u) { atomicStore(&firstBad, ${layers.length + 1}u); }
  workgroupBarrier();
  // Loads do not wait for each other as long as nothing is found.
  var isFound = false;
  for (var i = t; i < ${count}u; i += 256u) { isFound = isFound | isNotFinite(${operands.statistics.load('i')}); }
  for (var i = t; isFound && i < ${count}u; i += 256u) {
    if (!isNotFinite(${operands.statistics.load('i')})) { continue; }
    for (var layer = 0u; layer < ${layers.length}u; layer++) {
      if (i - word(2u * layer) < word(2u * layer + 1u)) { atomicMin(&firstBad, layer); }
    }
  }
  workgroupBarrier();
  if (t > 0u) { return; }
  ${add('steps', '1.0')}
  ${add('loss1', operands.loss.load('0u'))}
  ${add('wrong', operands.loss.load('1u'))}
  ${add('loss2', operands.penalties.load(`${PENALTIES.loss2}u`))}
  ${add('loss3', operands.penalties.load(`${PENALTIES.loss3}u`))}
  var bad = atomicLoad(&firstBad);
  if (isNotFinite(${operands.loss.load('0u')})) { bad = min(bad, ${layers.length}u); }
  if (bad <= ${layers.length}u && ${metric('badStep')} == 0.0) {
    ${set('badStep', metric('steps'))}
    ${set('badLayer', 'f32(bad)')}
  }
}
`;
  return [finish('recordMetrics', [1], body)];
};
