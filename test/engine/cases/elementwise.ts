/** Addition and scaling. */

import { type ConformanceCase, caseBuilder } from '../conformanceCase.js';
import { randomValues, sumOfMagnitudes } from '../randomValues.js';

export function elementwiseCases(): ConformanceCase[] {
  return [1, 3, 7, 64, 1001, 5000].map((length) => {
    const random = randomValues(1000 + length);
    const xs = random.numbers(length);
    const c = caseBuilder();
    const x = c.input('x', [length], xs);
    const dy = c.input('dy', [length], random.numbers(length));
    const factor = c.input('factor', [1], [random.number(0.5, 2)]);
    c.graph.append('add', [x, dy], [c.output('sum', [length])], {});
    c.graph.append('add', [x, x], [c.output('twice', [length], { exact: true })], {});
    c.graph.append('scale', [x, factor], [c.output('y', [length])], {});
    const dfactor = c.output('dfactor', [1], { scale: sumOfMagnitudes(xs) });
    c.graph.append('scaleGradient', [x, factor, dy], [c.output('dx', [length]), dfactor], {});
    return c.build(`${length} elements`);
  });
}
