/** Quantizers that operands of sums and concats share: whose they are, what they count, and their gradients. */

import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../test/mulberry32.js';
import { selectEngine } from '../engine/selectEngine.js';
import { type Define, network, STORAGE } from '../nn/index.js';
import { memorySets } from '../quant/index.js';
import { experimentFromSettings, withDefinition } from '../settings/index.js';
import { programOptions } from '../train/programOptions.js';
import { quantizerReport } from './quantizerReport.js';
import {
  buildTrainingProgram,
  declaredVariables,
  type ProgramOptions,
  type TrainingProgram,
} from './trainingProgram.js';

const quantized = {
  ...{ w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu', a_stepsize: 0.125 },
  ...{ a_quantize_linear: true, batch_size: 4, shards: 2 },
};

const side = 6;

function optionsOf(settings: Readonly<Record<string, unknown>>, define?: Define): ProgramOptions {
  const own = define ? network({ input: [side, side, 3] }, define) : null;
  const given = { ...quantized, ...(own && { model: 'own' }), ...settings };
  const experiment = withDefinition(experimentFromSettings('test', 'test', given), own);
  const data = { classes: 4, imageShape: [side, side, 3] as const, trainImages: 4, evaluationImages: 2 };
  const batch = { type: 'batch' } as const;
  return { ...programOptions(experiment, data, null), train: batch, evaluation: batch };
}

/** The activations, by their quantizers, with a sign in front of those that have one. */
function quantizersOf({ variables }: Pick<TrainingProgram, 'variables'>): string[] {
  return variables.quantizers.flatMap(({ role, signed, name }, row) => {
    if (role !== 'activation') return [];
    const tensors = variables.tensors.filter((tensor) => tensor.row === row).map((tensor) => tensor.name);
    expect(name).toBe(`${tensors[0]}/Aquant`);
    return [`${signed ? '±' : ''}${tensors.join(' ')}`];
  });
}

const none = { activation: 'none' } as const;

const sides: Define = (n, x) => {
  const [one, other] = [n.conv(x, 4, none), n.conv(x, 4, none)];
  return n.linear(n.globalAverage(n.conv(n.concat([one, other]), 4)), 4);
};

describe('a quantizer', () => {
  it.each<[string, Define, string[]]>([
    [
      'of a concat has a sign where values have one',
      (n, x) => {
        const [one, other] = [n.conv(x, 4), n.conv(x, 4, none)];
        return n.linear(n.globalAverage(n.conv(n.concat([one, other]), 4)), 4);
      },
      ['±conv1 conv2', 'conv3'],
    ],
    [
      'of a sum of what is stored',
      (n, x) => n.linear(n.globalAverage(n.add(n.conv(x, 4), n.conv(x, 4))), 4),
      ['conv1 conv2', 'add1'],
    ],
    [
      'stays alone where one operand is added in the accumulator',
      (n, x) => {
        const h = n.conv(x, 4);
        return n.linear(n.globalAverage(n.add(n.conv(h, 4, none), h)), 4);
      },
      ['conv1', 'add1'],
    ],
    [
      'is found behind what keeps values, and of several concats together',
      (n, x) => {
        const h = n.conv(x, 8);
        const half = n.slice(h, { first: 0, channels: 4 });
        const unit = n.shuffle(n.concat([half, n.conv(half, 4)]), { groups: 2 });
        const pooled = n.maxPool(n.concat([unit, n.conv(unit, 2)]), { size: 2 });
        return n.linear(n.flatten(pooled), 4);
      },
      ['conv1 conv2 conv3'],
    ],
  ])('%s', (_, define, expected) => {
    const options = optionsOf({}, define);
    expect(quantizersOf(buildTrainingProgram(options))).toEqual(expected);
    expect(quantizersOf(buildTrainingProgram(optionsOf({ a_shared: false }, define)))).toHaveLength(
      expected.join(' ').split(' ').length,
    );
  });

  it.each(['resnet20', 'resnet18', 'mobilenetv2', 'resnet8', 'ds_cnn', 'mobilenetv1', 'dense_autoencoder', 'tiny'])(
    'of %s is never shared',
    (model) => {
      const shortcuts = model === 'resnet20' ? { shortcut_type: 'b' } : {};
      const { quantizers } = declaredVariables(optionsOf({ model, ...shortcuts, a_quantize_input: true }));
      expect(quantizers.filter(({ counts }) => counts)).toEqual([]);
    },
  );

  it('that is shared counts each of its tensors, and a concat of its width', () => {
    const shared = buildTrainingProgram(optionsOf({ a_bitwidth: 4 }, sides)).variables;
    const alone = buildTrainingProgram(optionsOf({ a_bitwidth: 4, a_shared: false }, sides)).variables;
    const one = 4 * side * side;
    expect(shared.quantizers.find(({ counts }) => counts)).toMatchObject({ count: 2 * one, counts: [one, one] });
    const bits = (of: typeof shared) => quantizerReport(of, of.table, 1);
    expect(bits(shared).bits).toEqual(bits(alone).bits);
    expect(bits(shared).rows).toEqual(bits(alone).rows);
    const { activations_peak_kb, gbops, ...sizes } = bits(shared).sizes;
    expect(bits(alone).sizes).toMatchObject(sizes);
    // The images at 8 bits and the concat at 4; of two quantizers it would be float.
    expect(gbops).toBeLessThan(bits(alone).sizes.gbops! / 2);
    expect(activations_peak_kb).toBe((8 * 3 * side * side + 4 * 2 * one) / 8192);
    expect(memorySets(shared.quantizers, shared.unquantized).max).toHaveLength(3);
  });

  it('wants the same of all by rules, or is not shared', () => {
    const rules = (layers: string) => () => buildTrainingProgram(optionsOf({ layers }, sides));
    expect(rules('conv2: a_bitwidth = 6')).toThrow(
      'layers: conv1 and conv2 are put together and share a quantizer, so rules have to say the same of both; or give ' +
        'one of them a_shared = false',
    );
    expect(quantizersOf(rules('conv[12]: a_bitwidth = 6'.replace('[12]', '?'))())).toEqual(['±conv1 conv2', 'conv3']);
    expect(quantizersOf(rules('conv2: a_bitwidth = 6, a_shared = false')())).toEqual(['±conv1', '±conv2', 'conv3']);
  });
});

describe('the gradient of a quantizer that is shared', () => {
  /** The sums of the quantizers of activations, two each. */
  async function sums(device: 'reference' | 'cpu', shared: boolean): Promise<number[]> {
    const training = buildTrainingProgram(optionsOf({ a_shared: shared }, sides));
    const engine = await selectEngine(device, { threads: 1 });
    const program = await engine.load(training.plan);
    const { parameters, running, quantizers, table } = training.variables;
    for (const { view, start } of [...parameters, ...running]) program.write(view.storage.name, start, view.offset);
    program.write(STORAGE.quantizers, table);
    const random = mulberry32(3);
    program.write(
      STORAGE.batchImages,
      Float32Array.from({ length: 2 * side * side * 3 }, () => 2 * random() - 1),
    );
    program.write(STORAGE.batchLabels, [1, 3]);
    await program.run('gradient');
    const all = await program.read(STORAGE.quantizerSums);
    await engine.dispose();
    return quantizers.flatMap(({ role }, row) => (role === 'activation' ? [all[2 * row]!, all[2 * row + 1]!] : []));
  }

  it.each(['reference', 'cpu'] as const)(
    'is the sum of those that its tensors would have, on the %s engine',
    async (device) => {
      const [together, apart] = [await sums(device, true), await sums(device, false)];
      const [d1, x1, d2, x2, ...others] = apart as [number, number, number, number];
      expect([d1, x1, d2, x2].map(Math.abs).every((sum) => sum > 0)).toBe(true);
      const round = device === 'cpu' ? Math.fround : (sum: number) => sum;
      expect(together).toEqual([round(d1 + d2), round(x1 + x2), ...others]);
    },
  );
});
