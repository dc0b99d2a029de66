/** Losses (softmax cross-entropy with smoothed labels, and losses of each output) and their gradients. */

import { channelsOf, dimension, elementCount, type Tensor } from '../../../graph/tensor.js';
import type { Distillation } from '../../../ops/softmaxCrossEntropy.js';
import {
  bufferOperand,
  elementwiseMain,
  float,
  type KernelCall,
  type KernelSource,
  kernelSource,
  linearDispatch,
  type Operand,
  type OperandRequest,
  type Placement,
  tensorOperand,
  workgroupSize,
} from '../kernel.js';
import { type Lanes, lanesFor, wideIf } from '../lanes.js';
import type { Lowering } from '../lowering.js';
import { isNan } from '../wgsl/rounding.js';
import { finishSums, mostPartials, nextPowerOfTwo, treeFold, treeMax, treeSum } from './sums.js';

export const softmaxCrossEntropy: Lowering<'softmaxCrossEntropy'> = (node, placement) => {
  const { logits, labels, teacher } = node.operands;
  const classes = channelsOf(logits);
  const rows = elementCount(labels.shape);
  const { smoothing = 0, distillation } = node.attributes;
  const requests = {
    logits: tensorOperand(placement, logits, 'read'),
    labels: tensorOperand(placement, labels, 'read'),
    teacher: teacher && tensorOperand(placement, teacher, 'read'),
  };
  const lanes = lanesFor(classes);
  const wide = wideIf(lanes, ['logits', 'teacher'] as const);
  const threads = classes < classesOfWorkgroup ? 1 : workgroupSize;
  const sizes = { items: rows, means: [rows, 1], wide, threads } as const;
  return summed(placement, node, requests, sizes, (operands, number) => {
    const each = (body: string) => eachClass(operands, classes, lanes, threads, body);
    const target =
      smoothing > 0 ? `(${number(1 - smoothing)} * own.x + ${number(smoothing / classes)} * own.y)` : 'own.x';
    const hard = `best.x + log(expSum.x) - ${target}`;
    const loss = distillation ? `${number(1 - distillation.weight)} * (${hard}) + divergence.x` : hard;
    return `let label = ${operands.labels.load('n')};
    let row = n * ${classes}u;
    // The largest logit, and the first class that has it.
    var best = vec2f(${lowest}, 0.0);
    // The logit of the label, and the sum of all.
    var own = vec2f();
    ${each(`if (logit > best.x) { best = vec2f(logit, f32(k)); }
      own += vec2f(select(0.0, logit, k == u32(label)), logit);`)}
    ${ofRow('best', threads, (a, b) => `select(${a}, ${b}, ${b}.x > ${a}.x || (${b}.x == ${a}.x && ${b}.y < ${a}.y))`)}
    ${ofRow('own', threads)}
    var expSum = vec2f();
    // The sum of exponentials, and the number of logits that are no numbers, with which nothing is predicted.
    ${each(`expSum += vec2f(exp(logit - best.x), select(0.0, 1.0, ${isNan('logit')}));`)}
    ${ofRow('expSum', threads)}
    ${distillation ? divergence(each, threads, number, distillation) : ''}
    if (${threads === 1 ? '' : 't == 0u && '}u32(label) < ${classes}u) { sum += vec2f(${loss}, select(1.0, 0.0, expSum.y == 0.0 && u32(best.y) == u32(label))); }`;
  });
};

/** From so many classes on a workgroup takes a row of logits; with fewer, an invocation does. */
const classesOfWorkgroup = 256;

/** Below every logit. */
const lowest = float(-3e38);

/** WGSL that folds the pairs that the invocations of a row have, by default into their sum, which all of them get. */
function ofRow(pair: string, threads: number, combined = (a: string, b: string) => `${a} + ${b}`): string {
  if (threads === 1) return '';
  return `lanes[t] = ${pair};
    ${treeFold('lanes', threads, 1, combined)}
    ${pair} = lanes[0];
    workgroupBarrier();`;
}

/**
 * WGSL that runs `body` for each own class k of a row with its `logit`, and the teacher's, `theirs`, if there is one.
 */
function eachClass(
  { logits, teacher }: Readonly<Record<'logits' | 'teacher', Operand>>,
  classes: number,
  lanes: Lanes,
  threads: number,
  body: string,
): string {
  const at = lanes.width === 1 ? 'row + first' : `(row + first) / ${lanes.width}u`;
  const one = (vector: string) => (lanes.width === 1 ? vector : `${vector}[j]`);
  const begin = threads === 1 ? '0u' : `${lanes.width}u * t`;
  return `for (var first = ${begin}; first < ${classes}u; first += ${lanes.width * threads}u) {
      let logits = ${lanes.load(logits, at)};
      ${teacher ? `let teachers = ${lanes.load(teacher, at)};` : ''}
      for (var j = 0u; j < ${lanes.width}u; j++) {
      let k = first + j;
      let logit = ${one('logits')};
      ${teacher ? `let theirs = ${one('teachers')};` : ''}
      ${body}
      }
    }`;
}

export const elementLoss: Lowering<'elementLoss'> = (node, placement) => {
  const { outputs, targets, labels } = node.operands;
  const items = elementCount(outputs.shape);
  const length = items / dimension(outputs, 0);
  const requests = {
    outputs: tensorOperand(placement, outputs, 'read'),
    targets: tensorOperand(placement, targets, 'read'),
    labels: tensorOperand(placement, labels, 'read'),
  };
  return summed(
    placement,
    node,
    requests,
    { items, means: [items, length], wide: [], threads: 1 },
    (operands) => `let o = ${operands.outputs.load('n')};
    let t = ${operands.targets.load('n')};
    if (${isLeftOut(operands.labels, length, 'n', node.attributes.kind)}) { continue; }
    ${elementSums[node.attributes.kind]}`,
  );
};

/** Loss and count of an output o with its target t. */
const elementSums = {
  values: 'let difference = o - t; sum += vec2f(difference * difference);',
  labels: `sum += vec2f(max(o, 0.0) + log(1.0 + exp(-abs(o))) - t * o, select(0.0, 1.0, (o > 0.0) != (t > 0.5) || ${isNan('o')}));`,
} as const;

const elementGradients = { values: '2.0 * (o - t)', labels: '1.0 / (1.0 + exp(-o)) - t' } as const;

function isLeftOut(labels: Operand, length: number, at: string, kind: 'values' | 'labels'): string {
  const isPadding = `${labels.load(`${at} / ${length}u`)} < 0`;
  return kind === 'values' ? isPadding : `${isPadding} || !(t >= 0.0 && t <= 1.0)`;
}

export const elementLossGradient: Lowering<'elementLossGradient'> = (node, placement) => {
  const { outputs, targets, labels } = node.operands;
  const { kind } = node.attributes;
  const items = elementCount(outputs.shape);
  const { operands, finish } = kernelSource({
    outputs: tensorOperand(placement, outputs, 'read'),
    targets: tensorOperand(placement, targets, 'read'),
    labels: tensorOperand(placement, labels, 'read'),
    doutputs: tensorOperand(placement, node.results.doutputs, 'write'),
  });
  const body = elementwiseMain(
    items,
    `let o = ${operands.outputs.load('i')};
  let t = ${operands.targets.load('i')};
  let gradient = (${elementGradients[kind]}) * ${float(1 / items)};
  let isLeftOut = ${isLeftOut(operands.labels, items / dimension(outputs, 0), 'i', kind)};
  ${operands.doutputs.store('i', 'select(gradient, 0.0, isLeftOut)')}`,
  );
  return [finish('elementLossGradient', linearDispatch(items), body)];
};

/** Items that one workgroup adds up: more than the images of a batch, fewer than their pixels. */
const itemsOfWorkgroup = 4096;

interface SummedSizes<Names extends string> {
  readonly items: number;
  /** Divisors of the two sums. */
  readonly means: readonly [number, number];
  /** Operands that are loaded four numbers at a time. */
  readonly wide: readonly Names[];
  /** Invocations that compute an item together: one, or a workgroup. */
  readonly threads: number;
}

/**
 * The two numbers of a loss, computed by one workgroup, or by several and a kernel that adds their sums.
 *
 * @param of WGSL that adds item n to `sum`; may `continue` if an item has one invocation
 */
function summed<Names extends string>(
  placement: Placement,
  { op, results: { loss } }: { readonly op: string; readonly results: { readonly loss: Tensor } },
  requests: Readonly<Record<Names, OperandRequest | null>>,
  { items, means, wide, threads }: SummedSizes<NoInfer<Names>>,
  of: (operands: Readonly<Record<Names, Operand>>, number: KernelSource<Names>['number']) => string,
): KernelCall[] {
  const groups = Math.min(mostPartials, Math.ceil(items / (threads === 1 ? itemsOfWorkgroup : 1)));
  const partials = groups > 1 ? placement.scratch(2 * groups) : null;
  const result = partials ? bufferOperand(partials, 'write') : tensorOperand(placement, loss, 'write');
  const all = { ...requests, result } as Record<Names | 'result', OperandRequest | null>;
  const { operands, number, finish } = kernelSource<Names | 'result'>(all, wide);
  const first = threads === 1 ? `group.x * ${workgroupSize}u + t` : 'group.x';
  const body = `
var<workgroup> lanes: array<vec2f, ${workgroupSize}>;
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) t: u32) {
  var sum = vec2f();
  for (var n = ${first}; n < ${items}u; n += ${(groups * workgroupSize) / threads}u) {
    ${of(operands, number)}
  }
  lanes[t] = sum;
  ${treeSum('lanes', workgroupSize)}
  if (t == 0u) {
    ${operands.result.store('2u * group.x', `lanes[0].x * ${float(1 / means[0])}`)}
    ${operands.result.store('2u * group.x + 1u', `lanes[0].y${means[1] === 1 ? '' : ` * ${float(1 / means[1])}`}`)}
  }
}
`;
  const reduce = finish(op, [groups], body);
  return partials
    ? [reduce, finishSums(placement, `${op} sums`, [{ partials, start: 0, rows: groups, results: [loss] }])]
    : [reduce];
}

/**
 * One workgroup for each row, whose invocations write only what they alone have read: the gradient may overwrite the
 * logits.
 */
export const softmaxCrossEntropyGradient: Lowering<'softmaxCrossEntropyGradient'> = (node, placement) => {
  const { logits, labels, teacher } = node.operands;
  const { dlogits } = node.results;
  const classes = channelsOf(logits);
  const rows = elementCount(labels.shape);
  const { operands, number, finish } = kernelSource({
    logits: tensorOperand(placement, logits, 'read'),
    labels: tensorOperand(placement, labels, 'read'),
    teacher: teacher && tensorOperand(placement, teacher, 'read'),
    dlogits: tensorOperand(placement, dlogits, 'write'),
  });
  const { smoothing = 0, distillation } = node.attributes;
  const miss = smoothing / classes;
  const target = `select(${number(miss)}, ${number(1 - smoothing + miss)}, i32(k) == label)`;
  const logit = operands.logits.load('row + k');
  const hard = `exp(${logit} - total) - ${target}`;
  const theirs = teacher ? operands.teacher.load('row + k') : '';
  const width = Math.min(Math.max(2, nextPowerOfTwo(classes)), workgroupSize);
  const eachOwn = (body: string) => `for (var k = t; k < ${classes}u; k += ${width}u) { ${body} }`;
  const body = `var<workgroup> lanes: array<f32, ${width}>;
@compute @workgroup_size(${width})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) t: u32) {
  let n = group.y * groups.x + group.x;
  if (n >= ${rows}u) { return; }
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
  ${distillation ? softSums(logit, theirs, width, eachOwn, number, distillation) : ''}
  ${eachOwn(`let value = (${distillation ? softGradient(hard, logit, theirs, number, distillation) : hard}) * ${float(1 / rows)};
    ${operands.dlogits.store('row + k', `select(value, 0.0, u32(label) >= ${classes}u)`)}`)}
}
`;
  return [finish('softmaxCrossEntropyGradient', linearDispatch(rows, 1), body)];
};

/**
 * Values that the gradient needs of a row of logits and of a teacher's at a temperature: log Σ exp of both, less their
 * maximum.
 */
function softSums(
  logit: string,
  theirs: string,
  width: number,
  eachOwn: (body: string) => string,
  number: (value: number) => string,
  { temperature }: Distillation,
): string {
  const cooling = number(1 / temperature);
  return `workgroupBarrier();
  var ownSum = 0.0;
  var theirMost = ${lowest};
  ${eachOwn(`ownSum += exp(${cooling} * (${logit} - largest)); theirMost = max(theirMost, ${theirs});`)}
  lanes[t] = ownSum;
  ${treeSum('lanes', width)}
  let own = log(lanes[0]);
  workgroupBarrier();
  lanes[t] = theirMost;
  ${treeMax('lanes', width)}
  let theirLargest = lanes[0];
  workgroupBarrier();
  var theirSum = 0.0;
  ${eachOwn(`theirSum += exp(${cooling} * (${theirs} - theirLargest));`)}
  lanes[t] = theirSum;
  ${treeSum('lanes', width)}
  let theirs = log(lanes[0]);`;
}

function softGradient(
  hard: string,
  logit: string,
  theirs: string,
  number: (value: number) => string,
  { temperature, weight }: Distillation,
): string {
  const cooling = number(1 / temperature);
  const q = `exp(${cooling} * (${logit} - largest) - own)`;
  const p = `exp(${cooling} * (${theirs} - theirLargest) - theirs)`;
  return `${number(1 - weight)} * (${hard}) + ${number(weight * temperature)} * (${q} - ${p})`;
}

/** WGSL for `divergence.x`, w·T²·KL of a row, see `ops/softmaxCrossEntropy.ts`; needs the `best` logit. */
function divergence(
  each: (body: string) => string,
  threads: number,
  number: (value: number) => string,
  { temperature, weight }: Distillation,
): string {
  const cooling = number(1 / temperature);
  return `var most = vec2f(${lowest});
    ${each('most.x = max(most.x, theirs);')}
    ${ofRow('most', threads, (a, b) => `max(${a}, ${b})`)}
    var softSums = vec2f();
    ${each(`softSums += vec2f(exp(${cooling} * (logit - best.x)), exp(${cooling} * (theirs - most.x)));`)}
    ${ofRow('softSums', threads)}
    let totals = log(softSums);
    var divergence = vec2f();
    ${each(`let p = ${cooling} * (theirs - most.x) - totals.y;
      divergence.x += exp(p) * (p - (${cooling} * (logit - best.x) - totals.x));`)}
    ${ofRow('divergence', threads)}
    divergence.x *= ${number(weight * temperature ** 2)};`;
}
