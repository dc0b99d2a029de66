/** Signed quantizers: of the images and of outputs without a ReLU, so that all that is kept in memory are integers. */

import { describe, expect, it } from 'vitest';
import { mulberry32 } from '../../test/mulberry32.js';
import { createRandom } from '../data/random.js';
import { selectEngine } from '../engine/selectEngine.js';
import { type DType, Graph, resultsOf } from '../graph/index.js';
import { network, type QuantizerSettings, STORAGE, unquantized, Variables } from '../nn/index.js';
import { buildNetwork } from '../nn/networkBuilder.js';
import { softmaxCrossEntropy } from '../ops/softmaxCrossEntropy.js';
import { appendGradients, fuse, makePlan } from '../passes/index.js';
import { tableSizes } from '../quant/index.js';
import { experimentFromSettings, quantizerBounds } from '../settings/index.js';
import { programOptions } from '../train/programOptions.js';
import { buildTrainingProgram, type TrainingProgram } from './trainingProgram.js';

const allOfThem = { a_quantize_linear: true, a_quantize_input: true };
const mobilenet = { model: 'mobilenetv2', width_multiplier: 0.1 };
const unsigned = { w_quantize: 'parametric_fp_d_xmax', a_quantize: 'parametric_fp_d_xmax_relu' };

function built(settings: Readonly<Record<string, unknown>>, side = 16): TrainingProgram {
  const experiment = experimentFromSettings('test', 'test', { batch_size: 2, ...settings });
  const data = { classes: 4, imageShape: [side, side, 3] as const, trainImages: 2, evaluationImages: 2 };
  const batch = { type: 'batch' } as const;
  return buildTrainingProgram({ ...programOptions(experiment, data, null), train: batch, evaluation: batch });
}

/** Names of the signed activations. */
function signedOnes({ variables }: TrainingProgram): string[] {
  return variables.tensors.flatMap(({ name, role, row }) =>
    role === 'activation' && row !== null && variables.quantizers[row]!.signed ? [name] : [],
  );
}

describe('signed activations', () => {
  it.each([
    ['mobilenetv2', { width_multiplier: 0.1 }, Array.from({ length: 17 }, (_, i) => `features.${i + 1}`)],
    ['resnet20', { shortcut_type: 'b' }, ['res2/layer1/basicblock_s', 'res3/layer1/basicblock_s']],
    ['resnet20', {}, []],
  ])('of %s %o are the images and the outputs without a ReLU', (model, settings, linear) => {
    const on = built({ ...unsigned, ...allOfThem, ...settings, model });
    expect(signedOnes(on)).toEqual(['input', ...linear]);
    const off = built({ ...unsigned, ...settings, model });
    expect(signedOnes(off)).toEqual([]);
    expect(on.variables.quantizers.filter(({ signed, role }) => role !== 'activation' || !signed)).toEqual(
      off.variables.quantizers,
    );
  });

  it('leave no convolution of MobileNetV2 that reads anything but integers', () => {
    const reads = (training: TrainingProgram) => {
      const nodes = training.plan.phases.evaluate!;
      const operands = nodes.flatMap((node) =>
        node.op === 'conv2d' || node.op === 'depthwiseConv2d' ? [node.operands.x] : [],
      );
      return operands.map((operand) => {
        const writer = nodes.find((node) => resultsOf(node).includes(operand));
        return (writer?.op === 'activation' || writer?.op === 'batchNorm') && writer.attributes.activation?.type;
      });
    };
    expect(new Set(reads(built({ ...unsigned, ...allOfThem, ...mobilenet })))).toEqual(new Set(['quantize']));
    expect(reads(built({ ...unsigned, ...mobilenet })).filter((type) => type !== 'quantize')).toHaveLength(18);
  });

  it('have a bit for the sign, and count in all sizes', () => {
    const { variables } = built({ ...unsigned, ...allOfThem, ...mobilenet, a_bitwidth: 3, a_stepsize: 0.25 });
    const { quantizers, table, unquantized } = variables;
    const rows = variables.tensors.filter(({ source }) => source === 'linear' || source === 'input');
    for (const { row } of rows) {
      expect(table.slice(2 * row!, 2 * row! + 2)).toEqual([0.25, 0.75]);
      expect(quantizers[row!]!.bounds.n.min).toBe(2);
    }
    const sizes = tableSizes(quantizers, table, unquantized);
    expect(sizes.bits.every((bits, row) => quantizers[row]!.role !== 'activation' || bits === 3)).toBe(true);
    const elements = variables.tensors.reduce((sum, { role, count }) => sum + (role === 'activation' ? count : 0), 0);
    expect(sizes.activationSumKbytes).toBe((3 * elements) / 8192);
    // Nothing that is read later is wider than its quantizer: the first layer reads the images at 3 bits.
    const [first] = unquantized.live!;
    expect(first).toEqual({
      bits: 0,
      members: [
        { row: 0, count: 768 },
        { row: 2, count: 64 * 8 },
      ],
    });
  });

  it('may be left to some tensors, or taken from some, by rules', () => {
    const only = built({ ...unsigned, ...mobilenet, layers: 'features.1?: a_quantize_linear = true' });
    expect(signedOnes(only)).toEqual(Array.from({ length: 8 }, (_, i) => `features.${i + 10}`));
    expect(only.variables.unquantized.activations).toEqual([]);
    const but = built({ ...unsigned, ...allOfThem, ...mobilenet, layers: 'input: a_quantize_input = false' });
    expect(signedOnes(but)).not.toContain('input');
    expect(but.variables.unquantized.activations).toEqual([768]);
  });
});

describe('the gradients of signed activations', () => {
  const settings: QuantizerSettings = {
    ...unquantized,
    kind: 'parametric_fp_d_xmax',
    bitwidth: 16,
    stepSize: 2 ** -16,
    bounds: quantizerBounds(experimentFromSettings('test', 'test', { a_stepsize_min: 2 ** -18 }).activations),
  };
  const shape = [4, 6, 6, 3];
  const random = mulberry32(5);
  const images = Float32Array.from({ length: 432 }, () => 2 * random() - 1);

  /** Quantized images, a linear residual block, a classifier: a program of its loss and its quantizers' sums. */
  async function residualBlock(device: 'reference' | 'cpu') {
    const graph = new Graph();
    const variables = new Variables(createRandom(7));
    const storage = (name: string, length: number, dtype: DType = 'float') => ({ name, dtype, length });
    const tables = { quantizers: storage('quantizers', 4), sums: storage('sums', 4) };
    const ranges = graph.tensor('ranges', [2, 2]);
    const table = graph.whole(tables.quantizers, [2, 2]);
    graph.append('prepareQuantizers', { table }, { ranges }, { rows: variables.quantizers });
    const parts = { weights: unquantized, activations: unquantized, linear: settings, input: settings };
    const definition = network({ input: [6, 6, 3] }, (n, x) => {
      const start = { normal: 0.5 };
      const narrow = n.conv(x, 3, { activation: 'none', start });
      return n.linear(n.globalAverage(n.add(narrow, x, { name: 'block', activation: 'none' })), 4, { start });
    });
    const context = { graph, variables, training: true, ranges, ...parts };
    const logits = buildNetwork(context, graph.whole(storage('images', images.length), shape), definition);
    const labels = graph.whole(storage('labels', 4, 'int32'));
    const loss = softmaxCrossEntropy(graph, logits, labels, { storage: storage('loss', 2), offset: 0 });
    fuse(graph);
    const parameters = variables.storage(STORAGE.parameters);
    const places = { parameters, gradients: storage('gradients', parameters.length) };
    appendGradients(graph, loss, places, graph.whole(tables.sums, [2, 2]));
    const engine = await selectEngine(device, { threads: 1 });
    const program = await engine.load(makePlan({ step: graph }));
    for (const { view, start } of [...variables.parameters, ...variables.running]) {
      program.write(view.storage.name, start, view.offset);
    }
    program.write('images', images);
    program.write('labels', [1, 3, 0, 2]);
    return {
      rows: variables.quantizers,
      table: variables.table,
      /** The loss, and its derivatives to the two ranges. */
      step: async (table: readonly number[]) => {
        program.write('quantizers', table);
        await program.run('step');
        const sums = await program.read('sums');
        return { loss: (await program.read('loss'))[0]!, slopes: [sums[1]!, sums[3]!] };
      },
    };
  }

  it('are those that differences of the loss have, and the same on the CPU', async () => {
    const { rows, table, step } = await residualBlock('reference');
    expect(rows.map(({ name, signed, role }) => [name, signed, role])).toEqual([
      ['input/Aquant', true, 'activation'],
      ['block/Aquant', true, 'activation'],
    ]);
    const { slopes, loss } = await step(table);
    for (const row of [0, 1]) {
      const moved = async (steps: number) =>
        (await step(table.with(2 * row + 1, table[2 * row + 1]! + steps * 2 ** -16))).loss;
      const difference = ((await moved(64)) - (await moved(-64))) / (128 * 2 ** -16);
      expect(Math.abs(slopes[row]!)).toBeGreaterThan(0.01);
      expect(Math.abs(slopes[row]! / difference - 1), `row ${row}`).toBeLessThan(0.05);
    }
    const measured = await (await residualBlock('cpu')).step(table);
    expect(Math.abs(measured.loss / loss - 1)).toBeLessThan(1e-5);
    for (const row of [0, 1]) expect(Math.abs(measured.slopes[row]! / slopes[row]! - 1)).toBeLessThan(1e-3);
  });
});
