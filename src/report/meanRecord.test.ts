import { expect, it } from 'vitest';
import { meanRecord } from './meanRecord.js';
import type { RunRecord } from './runRecord.js';

function record(name: string, values: readonly number[]): RunRecord {
  const points = values.map((value, i) => ({ epoch: i + 1, value }));
  return {
    name,
    metric: 'error',
    select: 'test',
    trainingLoss: points,
    evaluationLoss: points,
    trainingMetric: points,
    evaluationMetric: points,
    quantizers: [{ epoch: 1, tensor: name, role: 'weight', bits: 4 }],
    sizes: points.map(({ epoch, value }) => ({
      epoch,
      weightsKbytes: value,
      activationsMaxKbytes: 2 * value,
      activationsSumKbytes: 3 * value,
      activationsPeakKbytes: null,
    })),
    budget: {},
  };
}

it('averages epochs that all runs have, and keeps the bits of the first', () => {
  const mean = meanRecord('U3', [record('a', [10, 20, 30]), record('b', [20, 40])]);
  expect(mean.name).toBe('U3');
  expect(mean.evaluationMetric).toEqual([
    { epoch: 1, value: 15 },
    { epoch: 2, value: 30 },
  ]);
  expect(mean.quantizers).toEqual(record('a', []).quantizers);
  expect(mean.sizes[1]).toEqual({
    epoch: 2,
    weightsKbytes: 30,
    activationsMaxKbytes: 60,
    activationsSumKbytes: 90,
    activationsPeakKbytes: null,
  });
});
