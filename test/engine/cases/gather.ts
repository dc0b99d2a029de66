/**
 * Batches picked from images of bytes and of floats: shifts in all directions, mirrors, padding entries, several positions;
 * and the targets of such batches.
 */

import { identityWord, packAugmentation } from '../../../src/data/augmentation.js';
import { elementCount } from '../../../src/graph/tensor.js';
import { type ConformanceCase, caseBuilder } from '../conformanceCase.js';
import { randomValues } from '../randomValues.js';

const entries = [
  [2, identityWord],
  [0, packAugmentation({ dy: 1, dx: -2, mirror: false })],
  [5, packAugmentation({ dy: -2, dx: 1, mirror: true })],
  [3, packAugmentation({ dy: 0, dx: 0, mirror: true })],
  [4, packAugmentation({ dy: 3, dx: 3, mirror: true })],
  [1, packAugmentation({ dy: -4, dx: 100, mirror: false })],
  [5, identityWord],
  [-1, identityWord],
  [-1, packAugmentation({ dy: 1, dx: 1, mirror: true })],
] as const;

/** The batches in another order than they stand. */
const steps = [0, 2, 1].map((step) => ({ writes: { position: [step] } }));

export function gatherCases(): ConformanceCase[] {
  return [
    gathered([5, 7], [1 / 128, 1 / 64, 1 / 256], [-1, 0, 0.5], true),
    gathered([8, 8], [2 / 255, 2 / 255, 1 / 255], [-1, -1, 0], false),
    gathered([7, 7], [1 / 128], [-1], true),
    gathered([5, 7], [1, 0.5, 4], [0, 0.25, -1], true, 'float'),
    gathered([1, 1], [1 / 3], [0.1], false, 'float'),
    targeted([4], 'float'),
    targeted([2, 3], 'int32'),
  ];
}

function gathered(
  [height, width]: readonly [number, number],
  scale: readonly number[],
  offset: readonly number[],
  exact: boolean,
  dtype: 'uint8' | 'float' = 'uint8',
): ConformanceCase {
  const random = randomValues(1700 + height);
  const channels = scale.length;
  const c = caseBuilder();
  const count = 6 * height * width * channels;
  const values = dtype === 'uint8' ? random.integers(count, 0, 255) : random.dyadic(count);
  const images = c.input('images', [6, height, width, channels], values, dtype);
  const labels = c.input('labels', [6], random.integers(6, 0, 9), 'int32');
  const table = c.input('batchTable', [3, 3, 2], entries.flat(), 'int32');
  const position = c.input('position', [1], [0], 'int32');
  const x = c.output('x', [3, height, width, channels], { exact });
  const y = c.output('y', [3], { exact: true }, 'int32');
  c.graph.append('gatherBatch', { images, labels, batchTable: table, position }, { x, y }, { scale, offset });
  return c.build(`${height}x${width}x${channels} ${dtype}${exact ? ', exactly' : ''}`, steps);
}

function targeted(shape: readonly number[], dtype: 'int32' | 'float'): ConformanceCase {
  const c = caseBuilder();
  const targets = c.input('targets', [6, ...shape], randomValues(1750).integers(6 * elementCount(shape), 0, 9), dtype);
  const batchTable = c.input('batchTable', [3, 3, 2], entries.flat(), 'int32');
  const position = c.input('position', [1], [0], 'int32');
  const y = c.output('y', [3, ...shape], { exact: true }, dtype);
  c.graph.append('gatherTargets', { targets, batchTable, position }, { y }, {});
  return c.build(`targets ${shape.join('x')} ${dtype}`, steps);
}
