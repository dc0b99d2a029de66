import { describe, expect, it } from 'vitest';
import type { StartingWeights } from '../nn/index.js';
import { buildTrainingProgram } from '../program/trainingProgram.js';
import { experimentFromSettings } from '../settings/index.js';
import { programOptions } from '../train/programOptions.js';
import { zeroedWeights } from './zeroedWeights.js';

const data = { classes: 3, imageShape: [8, 8, 3] as const, trainImages: 2, evaluationImages: 2 };

function line(settings: Readonly<Record<string, unknown>>, starting: StartingWeights | null = null): string | null {
  const experiment = experimentFromSettings('test', 'test', { batch_size: 2, ...settings });
  return zeroedWeights(buildTrainingProgram(programOptions(experiment, data, starting)).variables);
}

/** A file whose weights are multiples of 2⁻¹⁰ from −2⁻⁷ to 2⁻⁷, in channel o 2^(o mod 8) times as large. */
const file: StartingWeights = {
  source: 'file',
  get: (name) => {
    if (name !== 'conv1/quantized_conv/W') return undefined;
    const values = Float64Array.from(
      { length: 16 * 27 },
      (_, i) => (((i % 17) - 8) / 1024) * 2 ** (Math.floor(i / 27) % 8),
    );
    return { shape: [16, 3, 3, 3], values };
  },
};

describe('weights that start as zeros', () => {
  const kind = { w_quantize: 'parametric_fp_d_xmax' };

  it('are named with their share where a step is too large for them, and not where it suits them', () => {
    expect(line(kind)).toBeNull();
    expect(line({ ...kind, w_bitwidth: 2 })).toBeNull();
    expect(line({ ...kind, w_stepsize: 1 })).toMatch(
      /^NOTE: 20 of 20 weights start with more than 90 % zeros, \S+ with 100 %: w_stepsize = auto, more bits or w_per_/,
    );
  });

  it('are counted behind the steps of channels', () => {
    const layers = 'res*: w_quantize = none; fc/*: w_quantize = none';
    const zeros = (w_per_channel: boolean) =>
      line({ ...kind, layers, w_bitwidth: 2, w_stepsize: 'published', w_per_channel }, file);
    expect(zeros(false)).toContain('1 of 1 weights start with more than 90 % zeros, conv1/quantized_conv/W with ');
    expect(zeros(true)).toBeNull();
  });

  it('are none without quantizers, or with powers of two, which have no zero', () => {
    expect(line({})).toBeNull();
    expect(line({ w_quantize: 'parametric_pow2_xmin_xmax', w_stepsize: 1 })).toBeNull();
  });
});
