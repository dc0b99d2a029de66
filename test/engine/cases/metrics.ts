/** Metrics over several steps, with numbers that stop being finite. */

import { PENALTIES_LENGTH } from '../../../src/ops/attributes.js';
import { type ConformanceCase, caseBuilder, type Step } from '../conformanceCase.js';

const layers = [
  { name: 'conv1', offset: 0, length: 4 },
  { name: 'conv2', offset: 4, length: 2 },
  { name: 'conv3', offset: 8, length: 3 },
];
const finite = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

export function metricsCases(): ConformanceCase[] {
  const bad = (position: number, value: number) => finite.map((old, i) => (i === position ? value : old));
  return [
    recorded('all finite', [{}, { writes: { loss: [0.25, 2], penalties: [0, 4, 0, 0, 0, 0] } }]),
    recorded('a NaN in the second layer stays noted', [
      {},
      { writes: { statistics: bad(5, Number.NaN) } },
      { writes: { statistics: bad(1, Number.NaN) } },
      { writes: { statistics: finite } },
    ]),
    recorded('an infinity in the last element of the last layer', [
      { writes: { statistics: bad(10, Number.NEGATIVE_INFINITY) } },
    ]),
    recorded('a NaN outside of all layers is nobody’s', [{ writes: { statistics: bad(6, Number.NaN) } }]),
    recorded('the loss alone', [{}, {}, { writes: { loss: [Number.NaN, 3] } }, {}]),
    recorded('an infinite loss', [{ writes: { loss: [Number.POSITIVE_INFINITY, 3] } }]),
    recorded('a layer comes before the loss', [
      { writes: { loss: [Number.NaN, 3], statistics: bad(8, Number.POSITIVE_INFINITY) } },
    ]),
    recorded('cleared metrics count anew', [
      { writes: { statistics: bad(0, Number.NaN) } },
      { writes: { metrics: [0, 0, 0, 0, 0, 0, 0, 0], statistics: finite } },
      { writes: { statistics: bad(4, Number.NaN) } },
    ]),
  ];
}

function recorded(name: string, steps: readonly Step[]): ConformanceCase {
  const c = caseBuilder();
  const loss = c.input('loss', [2], [1.5, 3]);
  const penalties = c.input('penalties', [PENALTIES_LENGTH], [0.5, 0.25, 10, 20, 30, 40]);
  const statistics = c.input('statistics', [11], finite);
  const metrics = c.state('metrics', [8], new Array(8).fill(0), { exact: true });
  c.graph.append('recordMetrics', { loss, penalties, statistics }, { metrics }, { layers });
  return c.build(name, steps);
}
