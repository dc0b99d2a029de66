/**
 * Softmax cross-entropy: labels of padding and of no class, ties, logits that are no numbers or whose exponentials overflow,
 * smoothed labels, rows that are pixels. Losses of single outputs: padding, unknown targets, outputs that are no numbers or
 * whose exponentials overflow.
 */

import type { Tensor } from '../../../src/graph/index.js';
import type { Distillation } from '../../../src/ops/softmaxCrossEntropy.js';
import { type CaseBuilder, type ConformanceCase, caseBuilder } from '../conformanceCase.js';
import { randomValues } from '../randomValues.js';

export function lossCases(): ConformanceCase[] {
  const random = randomValues(1600);
  const labelled = (batch: number, classes: number) => random.integers(batch, 0, classes - 1);
  return [
    both('10 classes', 10, random.numbers(40, -3, 3), labelled(4, 10)),
    both('2 classes, 1 image', 2, random.numbers(2, -3, 3), [1]),
    both('100 classes', 100, random.numbers(500, -3, 3), labelled(5, 100)),
    both('1000 classes', 1000, random.numbers(3000, -3, 3), labelled(3, 1000)),
    both('a batch larger than a workgroup', 10, random.numbers(3000, -3, 3), labelled(300, 10)),
    both('padding labels', 7, random.numbers(35, -3, 3), [3, -1, 0, -1, 6]),
    both('padding labels only', 3, random.numbers(6), [-1, -1]),
    both('labels of no class', 4, random.numbers(24, -3, 3), [4, 1, 2147483647, -2, 3, -2147483648]),
    both('smoothed labels of no class', 4, random.numbers(12, -3, 3), [4, 3, -5], 0.25),
    both('large logits', 5, random.numbers(20, -200, 200), [0, 1, 2, 4]),
    both('ties: the first is the prediction', 3, [1, 1, 0, 0, 2, 2, 5, 5, 5, 1, 1, 1], [0, 2, 0, 1]),
    both('smoothed labels', 10, random.numbers(40, -3, 3), labelled(4, 10), 0.1),
    both('strongly smoothed labels, some of them padding', 3, random.numbers(12, -3, 3), [2, -1, 0, 1], 0.5),
    both('smoothed labels, large logits', 5, random.numbers(20, -200, 200), [0, 1, 2, 4], 0.25),
    both('smoothed labels, a batch larger than a workgroup', 10, random.numbers(3000, -3, 3), labelled(300, 10), 0.1),
    both(
      'pixels, some of them to be ignored',
      3,
      random.numbers(72, -3, 3),
      [...labelled(20, 3), -1, 255, 1, -1],
      0,
      [2, 3, 4],
    ),
    both('more pixels than one workgroup adds up', 2, random.numbers(9216, -3, 3), labelled(4608, 2), 0, [2, 48, 48]),
    taught('a teacher', 10, random.numbers(40, -3, 3), random.numbers(40, -3, 3), labelled(4, 10)),
    taught('a teacher alone', 3, random.numbers(12, -3, 3), random.numbers(12, -9, 9), labelled(4, 3), { weight: 1 }),
    taught('a teacher, smoothed labels, some of no class', 4, random.numbers(16), random.numbers(16), [1, -1, 3, 9], {
      smoothing: 0.25,
    }),
    taught('a teacher of 1000 classes', 1000, random.numbers(3000, -3, 3), random.numbers(3000, -3, 3), [0, 999, 7]),
    taught('a teacher, large logits', 5, random.numbers(20, -200, 200), random.numbers(20, -200, 200), [0, 1, 2, 4]),
    element('values', 'values', random.numbers(12, -3, 3), random.numbers(12, -3, 3), [0, 0, 0]),
    element(
      'values',
      'values, some of them padding',
      random.numbers(12, -3, 3),
      random.numbers(12, -3, 3),
      [0, 3, -1, -1],
    ),
    element('values', 'images', random.numbers(9000), random.numbers(9000), [1, 0, -1, 0, 0], [30, 20, 3]),
    element('labels', 'labels', random.numbers(40, -3, 3), random.integers(40, 0, 1), [0, 0, 0, -1]),
    element('labels', 'labels, some of them unknown', random.numbers(8, -3, 3), [1, -1, 0, 0.25, -1, 1, 2, 0], [0, 0]),
    element('labels', 'labels, large outputs', [-200, 200, 0, 90, -90, 150], [1, 0, 1, 1, 0, 0], [0, 0]),
    wrong(
      'logits that are no numbers, with which nothing is right',
      3,
      [NaN, NaN, NaN, 3, NaN, 1, NaN, 1, 5, 1, 2, 3, NaN, 1, 2, Infinity, 1, 2],
      [0, 0, 2, 2, -1, 0],
    ),
    wrong(
      'one of many logits that is no number',
      300,
      random.numbers(600, -3, 3).map((logit, i) => (i === 299 ? NaN : i % 300 === 0 ? 9 : logit)),
      [0, 0],
    ),
    wrongLabels('outputs that are no numbers, with which no label is right', [NaN, NaN, -1, 1], [0, 1, 0, 0], [0, 0]),
  ];
}

function element(
  kind: 'values' | 'labels',
  name: string,
  outputValues: number[],
  targetValues: number[],
  labelValues: number[],
  shape: readonly number[] = [outputValues.length / labelValues.length],
): ConformanceCase {
  const batch = labelValues.length;
  const c = caseBuilder();
  const outputs = c.input('outputs', [batch, ...shape], outputValues);
  const targets = c.input('targets', [batch, ...shape], targetValues);
  const labels = c.input('labels', [batch], labelValues, 'int32');
  const loss = c.output('loss', [2]);
  c.graph.append('elementLoss', { outputs, targets, labels }, { loss }, { kind });
  const doutputs = c.output('doutputs', [batch, ...shape]);
  c.graph.append('elementLossGradient', { outputs, targets, labels }, { doutputs }, { kind });
  return c.build(name);
}

function both(
  name: string,
  classes: number,
  values: number[],
  labelValues: number[],
  smoothing = 0,
  rows: readonly number[] = [labelValues.length],
): ConformanceCase {
  const c = caseBuilder();
  const logits = c.input('logits', [...rows, classes], values);
  const labels = c.input('labels', rows, labelValues, 'int32');
  return crossEntropy(c, name, { logits, labels, teacher: null }, { smoothing });
}

function taught(
  name: string,
  classes: number,
  values: number[],
  teacherValues: number[],
  labelValues: number[],
  { smoothing = 0, weight = 0.25 } = {},
): ConformanceCase {
  const c = caseBuilder();
  const shape = [labelValues.length, classes];
  const logits = c.input('logits', shape, values);
  const teacher = c.input('teacher', shape, teacherValues);
  const labels = c.input('labels', [labelValues.length], labelValues, 'int32');
  return crossEntropy(c, name, { logits, labels, teacher }, { smoothing, distillation: { temperature: 3, weight } });
}

function crossEntropy(
  c: CaseBuilder,
  name: string,
  operands: { readonly logits: Tensor; readonly labels: Tensor; readonly teacher: Tensor | null },
  attributes: { readonly smoothing: number; readonly distillation?: Distillation },
): ConformanceCase {
  const loss = c.output('loss', [2]);
  c.graph.append('softmaxCrossEntropy', operands, { loss }, attributes);
  const dlogits = c.output('dlogits', operands.logits.shape);
  c.graph.append('softmaxCrossEntropyGradient', operands, { dlogits }, attributes);
  return c.build(name);
}

/** The number of wrong predictions alone: what the loss is then, if no number or infinite, is the engine's. */
function wrong(name: string, classes: number, values: number[], labelValues: number[]): ConformanceCase {
  return counted(name, labelValues, (c, labels, loss) => {
    const logits = c.input('logits', [labelValues.length, classes], values);
    c.graph.append('softmaxCrossEntropy', { logits, labels, teacher: null }, { loss }, {});
  });
}

function wrongLabels(
  name: string,
  outputValues: number[],
  targetValues: number[],
  labelValues: number[],
): ConformanceCase {
  return counted(name, labelValues, (c, labels, loss) => {
    const shape = [labelValues.length, outputValues.length / labelValues.length];
    const outputs = c.input('outputs', shape, outputValues);
    const targets = c.input('targets', shape, targetValues);
    c.graph.append('elementLoss', { outputs, targets, labels }, { loss }, { kind: 'labels' });
  });
}

function counted(
  name: string,
  labelValues: number[],
  append: (c: CaseBuilder, labels: Tensor, loss: Tensor) => void,
): ConformanceCase {
  const c = caseBuilder();
  const loss = c.input('loss', [2], [0, 0]);
  append(c, c.input('labels', [labelValues.length], labelValues, 'int32'), loss);
  c.graph.append('copy', { x: c.part(loss, 'wrong', 1, [1]) }, { y: c.output('counted', [1], { exact: true }) }, {});
  return c.build(name);
}
