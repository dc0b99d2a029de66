/** Addition, copies and scaling. */

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
    c.graph.append('add', { a: x, b: dy }, { y: c.output('sum', [length]) }, {});
    c.graph.append('add', { a: x, b: x }, { y: c.output('twice', [length], { exact: true }) }, {});
    c.graph.append('copy', { x }, { y: c.output('copy', [length], { exact: true }) }, {});
    c.graph.append('scale', { x, factor }, { y: c.output('y', [length]) }, {});
    const dfactor = c.output('dfactor', [1], { scale: sumOfMagnitudes(xs) });
    c.graph.append('scaleGradient', { x, factor, dy }, { dx: c.output('dx', [length]), dfactor }, {});
    return c.build(`${length} elements`);
  });
}
