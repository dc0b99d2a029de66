import { afterEach, describe, expect, it } from 'vitest';
import { type TinyRun, tinyRun } from '../../test/tinyRun.js';
import { generateSynthetic } from '../data/index.js';
import { selectEngine } from '../engine/selectEngine.js';
import { elementCount } from '../graph/index.js';
import { STORAGE } from '../nn/index.js';
import { openSession } from '../program/session.js';
import { buildTrainingProgram } from '../program/trainingProgram.js';
import { tableBits, tableSizes } from '../quant/index.js';
import { experimentFromSettings } from '../settings/index.js';
import { programOptions } from '../train/programOptions.js';
import { beginBudget, keepBudget } from './budgetKeeper.js';

/** Gradients are those of the last step here. */
const noBatches = { batches: 0, batchSize: 4, entries: new Int32Array(0) };

it.each([
  ['uniform', { a_quantize: 'parametric_fp_d_xmax_relu', a_bitwidth: 6 }],
  ['power-of-two', { a_quantize: 'parametric_pow2_xmin_xmax_relu', a_bitwidth: 6 }],
])(
  'a %s activation that starts with more bits than it may ever have gives up its finest levels, not its range',
  async (_, settings) => {
    const experiment = experimentFromSettings('begin', 'begin', {
      ...settings,
      batch_size: 4,
      budget: 'guaranteed',
      budget_search: 0.5,
      target_activation_kbytes: 8.1,
      initial_learning_rate: 1e-6,
    });
    const { train } = generateSynthetic(3, 40);
    const shape = {
      classes: 10,
      imageShape: [32, 32, 3] as const,
      trainImages: train.count,
      evaluationImages: 4,
      testImages: 0,
    };
    const training = buildTrainingProgram(programOptions(experiment, shape, null));
    const engine = await selectEngine('cpu', { threads: 1 });
    const session = await openSession(engine, training);
    const { program } = session;
    const rows = async () => {
      const table = Array.from(await program.read(STORAGE.quantizers));
      return { bits: tableBits(training.variables.quantizers, table), ranges: table.filter((_, i) => i % 2 === 1) };
    };
    const start = await rows();
    await beginBudget(experiment, session, 0);
    const begun = await rows();
    expect(start.bits[0]).toBeGreaterThan(4);
    expect(begun.bits[0]).toBe(4);
    const isKept = (range: number, row: number) => Math.abs(Math.log2(range / start.ranges[row]!)) < 0.1;
    expect(begun.ranges.every(isKept), `${begun.ranges}`).toBe(true);

    session.setTrainingImages(train);
    await program.run('train');
    const stepped = await rows();
    expect(stepped.bits[0]).toBe(4);
    expect(stepped.ranges.every(isKept), `${stepped.ranges}`).toBe(true);
    await program.dispose();
    await engine.dispose();
  },
);

const quantized = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu', batch_size: 4 };

let open: TinyRun | null = null;
afterEach(async () => {
  await open?.dispose();
  open = null;
});

async function opened(settings: Readonly<Record<string, unknown>>): Promise<TinyRun> {
  open = await tinyRun({ ...quantized, budget: 'guaranteed', budget_search: 0.5, epochs: 4, ...settings });
  return open;
}

it('what loses a bit begins anew: nothing of its velocity is left, and nothing else loses its own', async () => {
  const { experiment, session } = await opened({ target_weight_kbytes: 0.7 });
  const { program, training } = session;
  const read = async (name: string) => Array.from(await program.read(name));
  const before = await read(STORAGE.quantizers);
  program.write(STORAGE.quantizerVelocity, new Float32Array(before.length).fill(1));
  await keepBudget(experiment, session, 1, noBatches);
  const [after, velocity] = [await read(STORAGE.quantizers), await read(STORAGE.quantizerVelocity)];
  const bits = [before, after].map((table) => tableBits(training.variables.quantizers, table));
  const losers = bits[0]!.map((count, row) => bits[1]![row]! < count);
  expect(new Set(losers)).toEqual(new Set([true, false]));
  for (const [row, loses] of losers.entries()) {
    expect(velocity.slice(2 * row, 2 * row + 2)).toEqual(loses ? [0, 0] : [1, 1]);
  }
});

describe('where bits freeze', () => {
  it.each([
    { astray: 2, isMended: false },
    { astray: 4, isMended: true },
  ])('a step of $astray times that of the start is mended: $isMended', async ({ astray, isMended }) => {
    // No bit can be taken or given.
    const fixed = { w_bitwidth: 4, w_bitwidth_min: 4, w_bitwidth_max: 4, w_stepsize_max: 64, w_xmax_max: 127 };
    const { experiment, session } = await opened({ ...fixed, target_weight_kbytes: 5, budget_search: 0 });
    const { program } = session;
    const table = Float64Array.from(await program.read(STORAGE.quantizers));
    const begun = table.slice();
    table.set([table[0]! * astray, table[1]! * astray]);
    program.write(STORAGE.quantizers, table);
    await beginBudget(experiment, session, 0);
    const now = await program.read(STORAGE.quantizers);
    if (isMended) expect(now[0]! / begun[0]!).toBeLessThan(astray);
    else expect(now[0]).toBeCloseTo(table[0]!, 6);
    expect(Array.from(now.subarray(2, 4))).toEqual(Array.from(begun.subarray(2, 4)));
  });
});

describe('a search that begins with an allocation', () => {
  /** The bits after so many epochs of the search, of which all leave these gradients. */
  async function searched(exchanges: number, gradientsOf: (name: string) => number) {
    const { experiment, session } = await opened({
      target_weight_kbytes: 0.6,
      budget_begin: 'allocated',
      budget_search: 1,
    });
    const { program, training } = session;
    const { variables } = training;
    const bits = async () => tableBits(variables.quantizers, await program.read(STORAGE.quantizers));
    const kbytes = async () =>
      tableSizes(variables.quantizers, await program.read(STORAGE.quantizers), variables.unquantized).weightKbytes;
    await beginBudget(experiment, session, 0);
    const begun = await bits();
    expect(await kbytes()).toBeLessThanOrEqual(0.6);
    for (const { name, view, shape } of variables.parameters) {
      program.write(STORAGE.gradients, new Float32Array(elementCount(shape)).fill(gradientsOf(name)), view.offset);
    }
    for (let epoch = 1; epoch <= exchanges; epoch++) {
      await keepBudget(experiment, session, epoch, noBatches);
      expect(await kbytes()).toBeLessThanOrEqual(0.6);
    }
    const caps = Array.from(await program.read(STORAGE.bitCaps, 0, begun.length));
    return { begun, bits: await bits(), caps, names: variables.quantizers.map(({ name }) => name) };
  }

  it('moves bits to the weight whose errors the loss minds most, and caps all bits', async () => {
    const { names, begun, bits, caps } = await searched(1, (name) => (name.startsWith('conv1') ? 100 : 1));
    const row = names.findIndex((name) => name.startsWith('conv1'));
    expect(bits[row]).toBeGreaterThan(begun[row]!);
    expect(bits.some((count, other) => count < begun[other]!)).toBe(true);
    expect(caps).toEqual(bits);
  });

  it('leaves bits where they are as long as all errors are minded alike', async () => {
    const { begun, bits } = await searched(3, () => 1);
    expect(bits).toEqual(begun);
  });
});

it('a search that is over before its limits have fallen is inside at the end of the next epoch', async () => {
  const falling = { target_weight_kbytes: 0.6, budget_begin: 'allocated', budget_slack: 2 };
  const { experiment, session } = await opened({ ...falling, budget_search: 1 });
  const { variables } = session.training;
  const kbytes = async () =>
    tableSizes(variables.quantizers, await session.program.read(STORAGE.quantizers), variables.unquantized)
      .weightKbytes;
  await beginBudget(experiment, session, 0);
  expect(await kbytes()).toBeGreaterThan(1);
  const shorter = { ...experiment, budget: { ...experiment.budget, searchEpochs: 1 } };
  await keepBudget(shorter, session, 2, noBatches);
  expect(await kbytes()).toBeLessThanOrEqual(0.6);
});

it('a bit of an activation costs a quarter of what the bit above it costs, for every element', async () => {
  // 1296 elements of 5 bits, 800 of 5 bits, and in one layer 576 of 6 bits: (1/4)/576 is less than 1/1296, (1/2)/576 is not.
  const shape = { classes: 10, imageShape: [9, 9, 3] as const, trainImages: 4, evaluationImages: 4 };
  const build = (target: number) => {
    const experiment = experimentFromSettings('sum', 'sum', {
      ...{
        a_quantize: 'parametric_fp_d_xmax_relu',
        a_bitwidth: 5,
        batch_size: 4,
        layers: 'res3/layer3: a_bitwidth = 6',
      },
      ...{ budget: 'guaranteed', epochs: 4, target_activation_type: 'sum', target_activation_kbytes: target },
    });
    return { experiment, training: buildTrainingProgram(programOptions(experiment, shape, null)) };
  };
  const { variables } = build(100).training;
  const start = tableSizes(variables.quantizers, variables.table, variables.unquantized);
  const { experiment, training } = build(start.activationSumKbytes - 0.01);
  const engine = await selectEngine('cpu', { threads: 1 });
  const session = await openSession(engine, training);
  await keepBudget(experiment, session, 1, noBatches);
  const bits = tableBits(variables.quantizers, await session.program.read(STORAGE.quantizers));
  const changed = variables.quantizers.filter((_, row) => bits[row] !== start.bits[row]);
  expect(changed.map(({ name }) => name)).toEqual([expect.stringMatching(/^res3\/layer3\//)]);
  await session.program.dispose();
  await engine.dispose();
});
