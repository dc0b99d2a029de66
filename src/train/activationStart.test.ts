import { describe, expect, it } from 'vitest';
import { generateSynthetic, type ImageSet, limit } from '../data/index.js';
import type { Device } from '../device.js';
import { selectEngine } from '../engine/selectEngine.js';
import { type Define, network, type StartingWeights } from '../nn/index.js';
import { buildTrainingProgram } from '../program/trainingProgram.js';
import { bestStart, type Quantizer, startWithStep } from '../quant/index.js';
import { experimentFromSettings, withDefinition } from '../settings/index.js';
import { dataShape, programOptions } from '../train/programOptions.js';
import { startOnActivations } from './activationStart.js';

const dataset = generateSynthetic(1, 6);
const mobile = { model: 'mobilenetv2', width_multiplier: 0.1 };

interface Row {
  readonly quantizer: Quantizer;
  readonly start: readonly number[];
}

/** Rows of the activations by name, and all variables. */
async function started(
  device: Device,
  settings: Readonly<Record<string, unknown>> = {},
  starting: StartingWeights | null = null,
  define: Define | null = null,
) {
  const named = experimentFromSettings('test', 'test', {
    w_quantize: 'parametric_fp_d_xmax',
    a_quantize: 'parametric_fp_d_xmax_relu',
    model: 'tiny',
    batch_size: 2,
    ...settings,
  });
  const experiment = withDefinition(named, define && network({ input: [32, 32, 3] }, define));
  const training = buildTrainingProgram(
    programOptions(experiment, dataShape(dataset, undefined, dataset.test.count), starting),
  );
  const { variables } = training;
  await startOnActivations(training, dataset.train, () => selectEngine(device, { threads: 2 }));
  const rows = new Map<string, Row>();
  for (const { name, role, row } of variables.tensors) {
    if (role !== 'activation' || row === null) continue;
    rows.set(name, { quantizer: variables.quantizers[row]!, start: variables.table.slice(2 * row, 2 * row + 2) });
  }
  return { rows, variables };
}

/** Outputs of a ReLU behind a normalised 3×3 convolution of stride 2 with γ = 1 and β = 0; w in HWIO. */
function firstActivations({ images, count, height, width, channels }: ImageSet, w: Float64Array): number[] {
  const pixel = (image: number, y: number, x: number, channel: number) =>
    y < 0 || x < 0 || y >= height || x >= width
      ? 0
      : (images[((image * height + y) * width + x) * channels + channel]! / 255 - 0.5) / 0.5;
  return Array.from({ length: 8 }, (_, output) => {
    const values: number[] = [];
    for (let image = 0; image < count; image++) {
      for (let at = 0; at < (height * width) / 4; at++) {
        let sum = 0;
        for (let tap = 0; tap < 9; tap++) {
          const [row, column] = [Math.floor((2 * at) / width), at % (width / 2)];
          const [y, x] = [2 * row + Math.floor(tap / 3) - 1, 2 * column + (tap % 3) - 1];
          for (let c = 0; c < channels; c++) sum += pixel(image, y, x, c) * w[(tap * channels + c) * 8 + output]!;
        }
        values.push(sum);
      }
    }
    const mean = values.reduce((a, b) => a + b) / values.length;
    const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
    return values.map((v) => Math.max(0, (v - mean) / Math.sqrt(variance + 1e-5)));
  }).flat();
}

describe('where quantizers of activations start', () => {
  it('is what suits the activations of the float network best, by hand for the first one', async () => {
    const { rows, variables } = await started('reference', { a_bitwidth: 3 });
    const { quantizer, start } = rows.get('conv1')!;
    const activations = firstActivations(limit(dataset.train, 6, 313), variables.find('conv1/quantized_conv/W')!.start);
    const error = (step: number) =>
      activations.reduce((sum, x) => sum + (Math.min(7, Math.round(x / step)) * step - x) ** 2, 0);
    const steps = [1, 1 / 2, 1 / 4, 1 / 8, 1 / 16];
    const best = steps.toSorted((a, b) => error(a) - error(b))[0]!;
    expect(start).toEqual(startWithStep(quantizer, best).parameters);
  });

  it('is what suits the images and the sums best where these are quantized', async () => {
    const { rows } = await started('reference', { a_bitwidth: 4, a_quantize_input: true });
    const { quantizer, start } = rows.get('input')!;
    const pixels = Array.from(limit(dataset.train, 6, 313).images, (byte) => (byte / 255 - 0.5) / 0.5);
    expect(start).toEqual(bestStart(quantizer, pixels).parameters);
    expect(quantizer.signed).toBe(true);
    expect(start[1]).toBeGreaterThan(0.8);
  });

  it.each([
    ['parametric_fp_d_xmax_relu', { model: 'resnet20', width_multiplier: 0.25 }],
    ['parametric_pow2_xmin_xmax_relu', mobile],
    ['fp_relu', mobile],
    ['parametric_fp_d_xmax_relu', { ...mobile, a_quantize_linear: true, a_quantize_input: true }],
  ])('is the same on the engine that measures as in float64: %s %o', async (a_quantize, settings) => {
    const [exact, measured] = [
      await started('reference', { a_quantize, ...settings }),
      await started('cpu', { a_quantize, ...settings }),
    ];
    expect(measured.rows).toEqual(exact.rows);
    expect(
      new Set([...exact.rows.values()].map(({ start, quantizer }) => `${quantizer.fixed} ${start}`)).size,
    ).toBeGreaterThan(1);
  });

  it('is found for the output of the network, too, as if a layer read it', async () => {
    const own = { model: './net.mjs', a_quantize_linear: true };
    const last: Define = (n, x) => n.linear(n.flatten(n.conv(x, 4, { stride: 8 })), 10, { activation: 'silu' });
    const { rows } = await started('cpu', own, null, last);
    const { rows: read } = await started('cpu', own, null, (n, x) => n.linear(last(n, x), 10));
    expect([...rows.keys()]).toContain('linear1');
    expect(rows).toEqual(new Map([...read].filter(([name]) => rows.has(name))));
  });

  it('is that of a file where it gives one', async () => {
    const given = new Map([
      ['conv1/Aquant/parametric_fp_d_xmax/d', 2 ** -6],
      ['conv1/Aquant/parametric_fp_d_xmax/xmax', 3],
    ]);
    const { rows } = await started(
      'cpu',
      {},
      {
        source: 'file',
        get: (name) => (given.has(name) ? { shape: [], values: [given.get(name)!] } : undefined),
      },
    );
    const { rows: measured } = await started('cpu');
    expect(rows.get('conv1')!.start).toEqual([2 ** -6, 3]);
    expect([...rows].slice(1)).toEqual([...measured].slice(1));
  });

  it('opens no engine where nothing is to be measured', async () => {
    const fixed = { model: 'tiny', a_quantize: 'fp_relu', a_stepsize: 'published' };
    const experiment = experimentFromSettings('test', 'test', fixed);
    const training = buildTrainingProgram(
      programOptions(experiment, dataShape(dataset, undefined, dataset.test.count), null),
    );
    await startOnActivations(training, dataset.train, () => Promise.reject(new Error('opened')));
  });

  it('leaves alone what has a step', async () => {
    const { rows } = await started('cpu', { a_stepsize: 2 ** -5, layers: 'conv2: a_stepsize = auto' });
    for (const [name, { start }] of rows) expect(start[0] !== 2 ** -5, name).toBe(name === 'conv2');
  });
});
