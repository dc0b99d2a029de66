/** Softmax cross-entropy: labels of padding and of no class, ties, logits whose exponentials overflow, smoothed labels. */

import { type ConformanceCase, caseBuilder } from '../conformanceCase.js';
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
  ];
}

function both(name: string, classes: number, values: number[], labelValues: number[], smoothing = 0): ConformanceCase {
  const batch = labelValues.length;
  const c = caseBuilder();
  const logits = c.input('logits', [batch, classes], values);
  const labels = c.input('labels', [batch], labelValues, 'int32');
  const loss = c.output('loss', [2]);
  c.graph.append('softmaxCrossEntropy', { logits, labels }, { loss }, { smoothing });
  const dlogits = c.output('dlogits', [batch, classes]);
  c.graph.append('softmaxCrossEntropyGradient', { logits, labels }, { dlogits }, { smoothing });
  return c.build(name);
}
