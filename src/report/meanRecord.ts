/** The mean of an experiment's runs with several seeds, for plots. */
import type { CurvePoint, RunRecord, SizeRecord } from './runRecord.js';

/**
 * The mean of curves and sizes, epoch by epoch. Bits are those of the first run, since mean bits would belong to no
 * network.
 */
export function meanRecord(name: string, runs: readonly [RunRecord, ...RunRecord[]]): RunRecord {
  const [first] = runs;
  const curve = (of: (run: RunRecord) => readonly CurvePoint[]): CurvePoint[] =>
    of(first).flatMap(({ epoch }) => {
      const points = runs.map((run) => of(run).find((point) => point.epoch === epoch));
      return points.every((point) => point !== undefined)
        ? [{ epoch, value: mean(points.map(({ value }) => value)) }]
        : [];
    });
  const size = (of: (size: SizeRecord) => number | null, at: number): number =>
    mean(runs.flatMap(({ sizes }) => (sizes[at] && of(sizes[at])) ?? []));
  return {
    ...first,
    name,
    trainingLoss: curve((run) => run.trainingLoss),
    evaluationLoss: curve((run) => run.evaluationLoss),
    trainingMetric: curve((run) => run.trainingMetric),
    evaluationMetric: curve((run) => run.evaluationMetric),
    sizes: first.sizes.map(({ epoch, activationsPeakKbytes }, at) => ({
      epoch,
      weightsKbytes: size((row) => row.weightsKbytes, at),
      activationsMaxKbytes: size((row) => row.activationsMaxKbytes, at),
      activationsSumKbytes: size((row) => row.activationsSumKbytes, at),
      activationsPeakKbytes: activationsPeakKbytes === null ? null : size((row) => row.activationsPeakKbytes, at),
    })),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
