import { expect, it } from 'vitest';
import { generateSynthetic } from '../data/index.js';
import { selectEngine } from '../engine/selectEngine.js';
import { STORAGE } from '../nn/index.js';
import { openSession } from '../program/session.js';
import { buildTrainingProgram } from '../program/trainingProgram.js';
import { tableBits } from '../quant/index.js';
import { experimentFromSettings } from '../settings/index.js';
import { programOptions } from '../train/programOptions.js';
import { beginBudget } from './budgetKeeper.js';

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
    await beginBudget(experiment, session);
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
