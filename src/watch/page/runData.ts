/** A run's lines in columns, for drawing. */

import { type LiveEpoch, type LiveLine, type LiveRun, type LiveStep, readLiveLine } from '../../live/liveFormat.js';

/** Points of a curve, in the order of x. */
export interface Curve {
  readonly x: number[];
  readonly y: number[];
}

/** Numbers of all tensors at one time. */
export interface Moment {
  readonly x: number;
  readonly values: readonly number[];
}

/** Curves with a point for each step; x in epochs. */
const stepCurves = {
  loss: ({ loss1 }) => loss1,
  error: ({ error }) => error,
  rate: ({ rate }) => rate,
  speed: (step) => step.images_per_second,
  weights: (step) => step.weights_kb,
  activations: (step, data) => data.activationsOf(step),
  gbops: (step) => step.gbops ?? Number.NaN,
  seconds: ({ seconds }) => seconds,
} as const satisfies Readonly<Record<string, (step: LiveStep, data: RunData) => number>>;

export type StepCurve = keyof typeof stepCurves;

export class RunData {
  run: LiveRun | null = null;
  /** The reason why nothing, or nothing more, can be shown; null for none. */
  fault: string | null = null;
  /** Number of lines that are no object of a known type. */
  damaged = 0;
  last: LiveStep | null = null;
  readonly epochs: LiveEpoch[] = [];
  readonly bits: Moment[] = [];
  readonly ranges: Moment[] = [];
  readonly gradients: Moment[] = [];
  readonly limited: Moment[] = [];
  readonly steps: Readonly<Record<StepCurve, Curve>> = Object.fromEntries(
    Object.keys(stepCurves).map((name) => [name, { x: [], y: [] }]),
  ) as unknown as Record<StepCurve, Curve>;

  /** Adds a line of live.jsonl. A damaged one is counted; after one of a younger program, all are ignored. */
  add(text: string): void {
    if (this.fault !== null) return;
    try {
      const line = readLiveLine(text, 'live.jsonl');
      if (line) this.#take(line);
      else this.damaged++;
    } catch (error) {
      this.fault = (error as Error).message;
    }
  }

  /** Epochs done, with fraction. */
  get position(): number {
    return Math.max(this.last ? epochsDone(this.last) : 0, this.epochs.at(-1)?.epoch ?? 0);
  }

  /** A value for every finished epoch. */
  epochCurve(value: (epoch: LiveEpoch) => number): Curve {
    return { x: this.epochs.map(({ epoch }) => epoch), y: this.epochs.map(value) };
  }

  /** The activations that the budget counts, in kB. */
  activationsOf(sizes: LiveStep | LiveEpoch): number {
    return sizes[`activations_${this.run?.budget.activations ?? 'max'}_kb`] ?? Number.NaN;
  }

  /** Bits of every tensor after so many epochs; empty before the first are known. */
  bitsAt(x: number): readonly number[] {
    return momentAt(this.bits, x)?.values ?? this.bits[0]?.values ?? [];
  }

  #take(line: LiveLine): void {
    switch (line.type) {
      case 'run':
        this.run = line;
        return;
      case 'step': {
        const x = epochsDone(line);
        this.last = line;
        for (const [name, value] of Object.entries(stepCurves)) {
          const { x: xs, y } = this.steps[name as StepCurve];
          xs.push(x);
          y.push(value(line, this));
        }
        if (line.bits) this.bits.push({ x, values: line.bits });
        if (line.ranges) this.ranges.push({ x, values: line.ranges });
        if (line.gradients) this.gradients.push({ x, values: line.gradients });
        if (line.limited) this.limited.push({ x, values: line.limited });
        return;
      }
      case 'epoch':
        this.epochs.push(line);
        this.bits.push({ x: line.epoch, values: line.bits });
        return;
      default:
        line satisfies never;
    }
  }
}

function epochsDone({ epoch, batch, batches }: LiveStep): number {
  return epoch - 1 + batch / batches;
}

/** The last moment until x; undefined before the first. */
export function momentAt(moments: readonly Moment[], x: number): Moment | undefined {
  return moments[countUntil(moments, x, (moment) => moment.x) - 1];
}

/** The number of things, sorted by x, whose x is at most `x`. */
export function countUntil<T>(things: readonly T[], x: number, of: (thing: T) => number): number {
  let [low, high] = [0, things.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (of(things[middle]!) <= x) low = middle + 1;
    else high = middle;
  }
  return low;
}
