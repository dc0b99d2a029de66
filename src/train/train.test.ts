/** Tests of a run's steps, and that it learns. */

import { afterEach, describe, expect, it, vi } from 'vitest';
import { rendezvous } from '../../test/rendezvous.js';
import { type TinyImages, type TinyRun, tinyRun } from '../../test/tinyRun.js';
import { unpackAugmentation } from '../data/augmentation.js';
import type { Program } from '../engine/engine.js';
import { STORAGE } from '../nn/index.js';
import { METRICS } from '../ops/attributes.js';
import { tableSizes } from '../quant/index.js';
import { countOscillations } from './oscillations.js';
import type { EpochReport } from './recorder.js';
import { initialState } from './train.js';
import { TrainingFault } from './trainingSteps.js';

let open: TinyRun[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const run of open) await run.dispose();
  open = [];
});

async function opened(settings: Readonly<Record<string, unknown>>, images?: TinyImages): Promise<TinyRun> {
  const run = await tinyRun(settings, images);
  open.push(run);
  return run;
}

async function trained(settings: Readonly<Record<string, unknown>>, images?: TinyImages): Promise<TinyRun> {
  const run = await opened(settings, images);
  await run.train();
  return run;
}

const writtenTo = ({ written }: TinyRun, wanted: string) =>
  written.filter(({ storage }) => storage === wanted).map(({ values }) => values);

/** The content of `control` in each step. */
const controls = ({ written }: TinyRun) => {
  let now: readonly number[] = [];
  return written.flatMap(({ storage, values }) => {
    if (storage === STORAGE.control) now = values;
    return storage === 'run' ? [now] : [];
  });
};

const quantized = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu' };

describe('every step', () => {
  it('has the rate of its own place in the schedule, both penalties, the weight of the averages, and of the damping', async () => {
    const run = await trained({
      ...quantized,
      ...{ batch_size: 16, epochs: 4, initial_learning_rate: 0.1, warmup_epochs: 1, learning_rate_drops: '2,3' },
      ...{ target_weight_kbytes: 1, target_activation_kbytes: 1, ema_decay: 0.75 },
      ...{ initial_cost_lambda2: 0.25, initial_cost_lambda3: 0.5, damp_oscillations: 2 },
    });
    const rates = [0.025, 0.05, 0.075, 0.1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01, 0.001, 0.001, 0.001, 0.001];
    const averages = Array.from({ length: 16 }, (_, step) => Math.max(0.25, 9 / (11 + step)));
    const control = controls(run);
    expect(control).toHaveLength(16);
    for (const [step, [rate, weights, activations, average, damping, negated]] of control.entries()) {
      expect(rate).toBeCloseTo(rates[step]!, 12);
      expect([weights, activations]).toEqual([0.25, 0.5]);
      expect(average).toBeCloseTo(averages[step]!, 12);
      expect(damping).toBeCloseTo(1 - Math.cos((Math.PI * step) / 16), 12);
      expect(negated).toBe(-damping!);
    }
  });

  it('sees every image at most once an epoch, shifted and mirrored as often as the settings say', async () => {
    const run = await trained({ batch_size: 16, epochs: 8, augment_shift: 2, augment_mirror: true }, { train: 160 });
    const tables = writtenTo(run, STORAGE.trainBatches);
    expect(tables).toHaveLength(8);
    const words: number[] = [];
    for (const entries of tables) {
      const images = entries.filter((_, index) => index % 2 === 0);
      expect(new Set(images).size).toBe(160);
      words.push(...entries.filter((_, index) => index % 2 === 1));
    }
    const seen = words.map(unpackAugmentation);
    const near = (count: number, expected: number) =>
      expect(Math.abs(count - expected)).toBeLessThan(4 * Math.sqrt(expected));
    near(seen.filter(({ mirror }) => mirror).length, seen.length / 2);
    for (const shift of [-2, -1, 0, 1, 2]) {
      near(seen.filter(({ dx }) => dx === shift).length, seen.length / 5);
      near(seen.filter(({ dy }) => dy === shift).length, seen.length / 5);
    }
    const plain = await trained({ batch_size: 16, epochs: 1, augment: 'none' });
    const [entries] = writtenTo(plain, STORAGE.trainBatches);
    for (const word of entries!.filter((_, index) => index % 2 === 1)) {
      expect(unpackAugmentation(word)).toEqual({ dx: 0, dy: 0, mirror: false });
    }
  });
});

describe('evaluation', () => {
  it('is of the moving averages, where they are kept', async () => {
    const run = await trained({ batch_size: 16, epochs: 2, initial_learning_rate: 0.1, ema_decay: 0.9 });
    const { program } = run.session;
    const [last, average] = [await program.read(STORAGE.parameters), await program.read(STORAGE.parameterAverage)];
    expect(Array.from(average)).not.toEqual(Array.from(last));
    expect(await run.session.evaluate()).toEqual(run.reports.at(-1)!.evaluation);
    // A network without averages that has these values.
    const plain = await opened({ batch_size: 16 });
    plain.session.program.write(STORAGE.parameters, average);
    plain.session.program.write(STORAGE.running, await program.read(STORAGE.runningAverage));
    expect(await plain.session.evaluate()).toEqual(run.reports.at(-1)!.evaluation);
  });

  it.each([
    ['the parameters', {}, STORAGE.running],
    ['their moving averages', { ema_decay: 0.9 }, STORAGE.runningAverage],
  ])('has moments measured anew with %s, where it is asked for, and leaves steps alone', async (_, more, storage) => {
    const settings = { ...quantized, ...more, batch_size: 16, epochs: 2, initial_learning_rate: 0.1 };
    const [plain, run] = [await trained(settings), await trained({ ...settings, bn_reestimate: 2 })];
    const { program } = run.session;
    const parameters = await program.read(STORAGE.parameters);
    expect(parameters).toEqual(await plain.session.program.read(STORAGE.parameters));
    const measured = await program.read(storage);
    expect(await run.session.evaluate()).toEqual(run.reports.at(-1)!.evaluation);
    // Steps that change no parameters leave a tenth of a batch's moments where nothing was.
    if ('ema_decay' in more) program.write(STORAGE.parameters, await program.read(STORAGE.parameterAverage));
    program.write(STORAGE.control, [0, 0, 0, 0]);
    for (const velocity of [STORAGE.velocity, STORAGE.quantizerVelocity]) {
      program.write(velocity, (await program.read(velocity)).fill(0));
    }
    const expected = new Float64Array(measured.length);
    for (const batch of [0, 1]) {
      program.write(
        STORAGE.running,
        expected.map(() => 0),
      );
      program.write(STORAGE.position, [batch]);
      await program.run('train');
      for (const [i, value] of (await program.read(STORAGE.running)).entries()) expected[i]! += value / 0.2;
    }
    for (const [i, value] of expected.entries()) expect(measured[i]).toBeCloseTo(value, 5);
  });

  it('has the mean loss of the images, however many batches they fill', async () => {
    const ofBatches = async (size: number) => {
      const run = await opened({ batch_size: size }, { evaluation: 12 });
      return run.session.evaluate();
    };
    const [one, many] = [await ofBatches(12), await ofBatches(5)];
    expect(many.error).toBeCloseTo(one.error, 12);
    expect(many.loss).toBeCloseTo(one.loss, 6);
    // Fresh weights guess.
    expect(one.loss).toBeGreaterThan(Math.log(10) / 2);
    expect(one.loss).toBeLessThan(2 * Math.log(10));
  });
});

describe('the penalty', () => {
  /** Sizes at the end relative to those at the start. */
  const pushed = async (lambda2: number, lambda3: number) => {
    const run = await opened({
      ...quantized,
      ...{ batch_size: 16, epochs: 20, initial_learning_rate: 0.05, learning_rate_drops: 'none', weight_decay: 0 },
      ...{ target_weight_kbytes: 0.4, target_activation_kbytes: 0.3, target_activation_type: 'sum' },
      ...{ initial_cost_lambda2: lambda2, initial_cost_lambda3: lambda3 },
    });
    const { variables } = run.session.training;
    const start = tableSizes(variables.quantizers, variables.table, variables.unquantized);
    await run.train();
    const end = run.reports.at(-1)!.quantizers.sizes;
    return {
      weights: end.weights_kb / start.weightKbytes,
      activations: end.activations_sum_kb / start.activationSumKbytes,
    };
  };

  it('of weights makes weights smaller, that of activations makes activations smaller', async () => {
    const [neither, weights, activations] = [await pushed(0, 0), await pushed(3, 0), await pushed(0, 3)];
    // Left alone, this network takes more bits than it began with.
    expect(Math.min(neither.weights, neither.activations)).toBeGreaterThan(1);
    expect(weights.weights).toBeLessThan(0.8);
    expect(weights.activations).toBeGreaterThan(1);
    expect(activations.weights).toBeGreaterThan(1);
    expect(activations.activations).toBeLessThan(0.8);
  });
});

describe('a guaranteed budget', () => {
  const budget = { budget: 'guaranteed', budget_search: 0.5, target_weight_kbytes: 0.5, target_activation_kbytes: 0.8 };
  const settings = { ...quantized, ...budget, batch_size: 16, epochs: 4, initial_learning_rate: 0.03 };

  it('caps bits before the first step, holds at the end of every epoch of the search, and then pushes no more', async () => {
    const run = await trained(settings);
    const order = run.written.map(({ storage }) => storage).filter((name) => ['run', STORAGE.bitCaps].includes(name));
    // Caps, two epochs of four steps, caps where the bits froze, and two epochs more.
    const steps = (count: number) => Array.from({ length: count }, () => 'run');
    expect(order).toEqual([STORAGE.bitCaps, ...steps(8), STORAGE.bitCaps, ...steps(8)]);
    expect(run.reports.map(({ obeysBudget }) => obeysBudget)).toEqual([true, true, true, true]);
    for (const [step, [, weights, activations]] of controls(run).entries()) {
      expect([weights, activations]).toEqual(step < 8 ? [0.1, 0.1] : [0, 0]);
    }
  });

  it('that begins with an allocation has no penalty, also where its limits begin with slack', async () => {
    const run = await trained({ ...settings, budget_begin: 'allocated', budget_slack: 2 });
    expect(run.reports[0]).toMatchObject({ obeysBudget: false, loss: run.reports[0]!.training.loss1 });
    for (const [, weights, activations] of controls(run)) expect([weights, activations]).toEqual([0, 0]);
  });

  it('is kept once an epoch, though a run may stop between that and the end of the epoch', async () => {
    const run = await opened(settings);
    await run.train({ ...initialState(run.experiment), epoch: 0, batch: 4, step: 4, fittedEpochs: 1 });
    // The last batch was done, and the bits taken: nothing is written to the table before the next epoch's first step.
    const first = run.written.findIndex(({ storage }) => storage === 'run');
    const before = run.written.slice(0, first).map(({ storage }) => storage);
    expect(before).not.toContain(STORAGE.quantizers);
  });
});

describe('what is kept', () => {
  it('of equally good epochs is the first', async () => {
    const run = await opened({ batch_size: 32, epochs: 3 });
    const result = Promise.resolve({ error: 0.5, loss: 1 });
    vi.spyOn(run.session, 'queueEvaluation').mockResolvedValue({ result });
    expect(await run.train()).toMatchObject({ best_epoch: 1 });
    expect(run.kept).toEqual(['best', 'last', 'last', 'last']);
  });

  it('is the last epoch inside the budget, whatever its error, where no images choose', async () => {
    const run = await opened({ batch_size: 32, epochs: 3, select: 'last' });
    const errors = [0.3, 0.4, 0.5];
    vi.spyOn(run.session, 'queueEvaluation').mockImplementation(async () => {
      return { result: Promise.resolve({ error: errors.shift()!, loss: 1 }) };
    });
    expect(await run.train()).toMatchObject({
      best_epoch: 3,
      best_val_err: 0.5,
      best_test_err: 0.5,
      last_test_err: 0.5,
    });
    expect(run.kept).toEqual(['best', 'last', 'best', 'last', 'best', 'last']);
    const outside = { w_quantize: 'parametric_fp_d_xmax', budget: 'penalty', target_weight_kbytes: 0.1 };
    const none = await trained({ ...outside, batch_size: 32, epochs: 1, select: 'last' });
    expect(none.reports.map(({ obeysBudget }) => obeysBudget)).toEqual([false]);
    expect(none.kept).toEqual(['last']);
  });

  it('is the time of evaluations, too, for the run that is resumed', async () => {
    const run = await opened({ batch_size: 32, epochs: 2 });
    // A step takes ten seconds, an evaluation five.
    const queued = vi.spyOn(run.session, 'queueEvaluation');
    const steps = () => run.written.filter(({ storage }) => storage === 'run').length;
    vi.spyOn(performance, 'now').mockImplementation(() => 10_000 * steps() + 5000 * queued.mock.calls.length);
    expect(await run.train()).toMatchObject({ seconds: 50 });
    const [first] = run.checkpoints;
    expect(first).toMatchObject({ epoch: 1, seconds: 25, trainingSeconds: 20 });
    expect(await run.train(first)).toMatchObject({ seconds: 50 });
  });

  it('is nothing of an epoch whose error is no number, which no file could hold', async () => {
    for (const error of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const run = await opened({ batch_size: 32, epochs: 3 });
      const results = [0.5, error].map((error) => ({ result: Promise.resolve({ error, loss: 1 }) }));
      vi.spyOn(run.session, 'queueEvaluation').mockResolvedValueOnce(results[0]!).mockResolvedValueOnce(results[1]!);
      const message = 'the error on the test inputs is not a finite number after epoch 2, though the training loss is';
      await expect(run.train()).rejects.toThrow(message);
      expect(run.checkpoints.map(({ epoch, batch }) => [epoch, batch])).toEqual([[1, 0]]);
      expect(run.kept).toEqual(['best', 'last']);
    }
  });

  it('is nothing of an epoch that leaves a quantizer no number, which no file could hold', async () => {
    const run = await opened({ ...quantized, batch_size: 32, epochs: 3 });
    const { step, program } = run.session;
    const steps = () => run.written.filter(({ storage }) => storage === 'run').length;
    vi.spyOn(run.session, 'step').mockImplementation(async (batch) => {
      const fault = await step(batch);
      // The loss of the step is one.
      if (steps() === 4) program.write(STORAGE.quantizers, [Number.NaN], 2);
      return fault;
    });
    const message = 'not a finite number by step 2 of epoch 2, first in conv1/Aquant; the last checkpoint is kept';
    await expect(run.train()).rejects.toThrow(message);
    expect(run.checkpoints.map(({ epoch, batch }) => [epoch, batch])).toEqual([[1, 0]]);
    expect(run.kept).toEqual(['best', 'last']);
  });

  it('is nothing of an epoch that leaves a parameter no number, in any rank', async () => {
    const runs = await Promise.all(
      rendezvous(2).map(async (ranks) => {
        const run = await opened({ batch_size: 32, epochs: 3 });
        const { step, program, training } = run.session;
        const { offset } = training.variables.find('fc/quantized_affine/b')!.view;
        vi.spyOn(run.session, 'step').mockImplementation(async (batch) => {
          const fault = await step(batch);
          // The loss of the epoch is one.
          if (run.reports.length === 1 && batch === 1) program.write(STORAGE.parameters, [Number.NaN], offset);
          return fault;
        });
        Object.assign(run.session, { ranks });
        return run;
      }),
    );
    const ends = await Promise.allSettled(runs.map((run) => run.train()));
    const message =
      'TINY: not a finite number in the parameters after epoch 2, first in fc/quantized_affine/b; the last checkpoint';
    for (const { reason } of ends as PromiseRejectedResult[]) {
      expect(reason).toBeInstanceOf(TrainingFault);
      expect(reason.message).toContain(message);
    }
    for (const { reports, kept, checkpoints } of runs) {
      expect(reports.map(({ epoch }) => epoch)).toEqual([1]);
      expect(kept).toEqual(['best', 'last']);
      expect(checkpoints.map(({ epoch, batch }) => [epoch, batch])).toEqual([[1, 0]]);
    }
  });

  it('within an epoch is a checkpoint as often as the settings say', async () => {
    const run = await opened({ batch_size: 4, epochs: 1, checkpoint_minutes: 1 });
    // A step takes ten seconds.
    const steps = () => run.written.filter(({ storage }) => storage === 'run').length;
    vi.spyOn(performance, 'now').mockImplementation(() => 10_000 * steps());
    // Half of the first two is spent on waiting for images.
    Object.defineProperty(run.session, 'waitMs', { get: () => 5000 * Math.min(2, steps()) });
    await run.train();
    expect(run.reports.map(({ waiting }) => waiting)).toEqual([1 / 16]);
    expect(run.checkpoints.map(({ epoch, batch }) => [epoch, batch])).toEqual([
      [0, 6],
      [0, 12],
      [1, 0],
    ]);
  });
});

describe('the end of an epoch on a device with memory of its own', () => {
  const settings = { ...quantized, batch_size: 2, epochs: 3 };
  const onDevice = async (program: Partial<Program> = {}) => {
    const run = await opened(settings);
    Object.assign(run.session.program, { transfers: () => Promise.reject(), ...program });
    return run;
  };
  const steps = ({ written }: TinyRun) => written.filter(({ storage }) => storage === 'run').length;

  it('is recorded part by part between steps of the next, as if there were none, by networks that compute together in turns', async () => {
    vi.spyOn(performance, 'now').mockReturnValue(0);
    const plain = await trained(settings);
    for (const turn of [0, 2]) {
      const run = await onDevice({ among: { place: turn, networks: 4 } });
      const recordedAfter: Record<string, number[]> = { reports: [], kept: [], checkpointFiles: [] };
      for (const [name, after] of Object.entries(recordedAfter)) {
        const list = run[name as 'reports'] as EpochReport[];
        vi.spyOn(list, 'push').mockImplementation((...more) => {
          after.push(steps(run));
          return Array.prototype.push.apply(list, more);
        });
      }
      await run.train();
      // Files are made first. The last epoch is recorded at once. The second epoch is the best, too.
      const [second, third] = [32 + turn, 64 + turn];
      expect(recordedAfter).toEqual({
        reports: [second + 8, third + 8, 96],
        kept: [second + 12, second + 16, third + 12, third + 16, 96],
        checkpointFiles: [second + 24, third + 24, 96],
      });
      expect(run.checkpointFiles).toEqual(plain.checkpointFiles);
      expect(run.reports).toEqual(plain.reports);
      expect(run.steps).toEqual(plain.steps);
      expect(run.kept).toEqual(plain.kept);
    }
  });

  it('is kept where the device is lost before it is recorded', async () => {
    const run = await onDevice();
    const { step } = run.session;
    vi.spyOn(run.session, 'step').mockImplementation(async (batch) => {
      if (steps(run) === 34) throw new Error('the device is lost');
      return step(batch);
    });
    await expect(run.train()).rejects.toThrow('the device is lost');
    expect(run.checkpoints.map(({ epoch, batch }) => [epoch, batch])).toEqual([[1, 0]]);
  });

  it('makes ranks meet after the same steps, whatever their clocks say', async () => {
    const meetings = async (stepMs: number) => {
      const run = await onDevice();
      const sent: (readonly [step: number, bytes: number])[] = [];
      const gather = async (bytes: Uint8Array) => {
        sent.push([steps(run), bytes.length]);
        return [bytes, bytes];
      };
      Object.assign(run.session, { ranks: { ...run.session.ranks, size: 2, gather } });
      vi.spyOn(performance, 'now').mockImplementation(() => stepMs * steps(run));
      await run.train();
      return { sent, checkpoints: run.checkpoints.length };
    };
    const [fast, slow] = [await meetings(1), await meetings(200_000)];
    expect(slow.sent).toEqual(fast.sent);
    // A slow rank has written checkpoints within epochs.
    expect([fast.checkpoints, slow.checkpoints > 3]).toEqual([3, true]);
  });
});

describe('reports within epochs', () => {
  it('cover every batch once, whatever stops in between', async () => {
    const run = await opened({
      ...quantized,
      batch_size: 4,
      epochs: 2,
      checkpoint_minutes: 1,
      learning_rate_drops: 'none',
    });
    // A step takes a tenth of a second, and the sixth hundred times as long.
    const steps = () => run.written.filter(({ storage }) => storage === 'run').length;
    vi.spyOn(performance, 'now').mockImplementation(() => 100 * steps() + (steps() > 5 ? 100_000 : 0));
    await run.train();
    for (const { epoch, training } of run.reports) {
      const own = run.steps.filter((step) => step.epoch === epoch);
      expect(own.at(-1)).toMatchObject({ step: 16 * epoch, batch: 16, batches: 16, metrics: training, rate: 0.1 });
      const counts = own.map(({ batch }, index) => batch - (own[index - 1]?.batch ?? 0));
      expect(counts.length).toBeGreaterThan(4);
      const loss = own.reduce((sum, { recent }, index) => sum + recent.loss1 * counts[index]!, 0);
      expect(loss / 16).toBeCloseTo(training.loss1, 5);
    }
    expect(run.steps.map(({ batch }) => batch)).toContain(6);
    expect(run.steps.at(-1)!.quantizers.bits).toEqual(run.reports.at(-1)!.quantizers.rows.map(({ bits }) => bits));
  });
});

describe('weights that oscillate', () => {
  it('are those that went up and down, of all that are quantized', async () => {
    const run = await opened({ w_quantize: 'fp', batch_size: 16 });
    const { program, training } = run.session;
    const { view } = training.variables.find('conv1/quantized_conv/W')!;
    const counter = countOscillations(run.session);
    const lookAt = async (...values: readonly number[]) => {
      program.write(STORAGE.parameters, values, view.offset);
      await counter.look();
    };
    // The first goes up and down, the second down and up, the third up twice, the fourth moves within a level.
    await lookAt(0, 0, -9, 0);
    await lookAt(9, -9, 0, 1e-4);
    expect(counter.share()).toBeNull();
    await lookAt(0, 0, 9, 0);
    const weights = training.variables.quantizers.filter(({ role }) => role !== 'activation');
    expect(counter.share()).toBeCloseTo(2 / weights.reduce((sum, { count }) => sum + count, 0), 12);
  });

  it('are counted in the last steps of every epoch, where it is asked for, and leave the training alone', async () => {
    const settings = { ...quantized, batch_size: 4, epochs: 2, initial_learning_rate: 0.3, w_bitwidth: 8 };
    const [plain, run] = [await trained(settings), await trained({ ...settings, count_oscillations: 12 })];
    // Of 8 bits, levels are near each other.
    const [first, second] = run.reports.map(({ oscillating }) => oscillating);
    expect(first).toBeGreaterThan(0.01);
    expect(second).toBeLessThan(1);
    expect(plain.reports.map(({ oscillating }) => oscillating)).toEqual([null, null]);
    const last = ({ reports }: TinyRun) => reports.at(-1)!.training;
    expect(last(run)).toEqual(last(plain));
  });
});

describe('a run learns', () => {
  it.each([
    ['in float', {}],
    ['with learned bits', quantized],
    ['with averages and Adam', { optimizer: 'adam', initial_learning_rate: 0.01, ema_decay: 0.9 }],
  ])('%s', async (_, settings) => {
    const run = await trained(
      { batch_size: 32, epochs: 8, initial_learning_rate: 0.1, ...settings },
      { train: 1280, evaluation: 256 },
    );
    const [first, last] = [run.reports[0]!, run.reports.at(-1)!];
    expect(first.training.loss1).toBeGreaterThan(2);
    expect(last.training.loss1).toBeLessThan(1.85);
    expect(last.evaluation.error).toBeLessThan(0.75);
    expect((await run.session.program.read(STORAGE.metrics))[METRICS.badStep]).toBe(0);
  });
});
